//! HTTP proxies, as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name them.

use std::env;
use std::future::{Ready, ready};
use std::io;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use aws_smithy_http_client::proxy::ProxyConfig;
use http::header::PROXY_AUTHORIZATION;
use http::{HeaderValue, Request, Uri};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use lambda_core::{Endpoint, InvokeError};
use tower_service::Service;

/// What is never asked of a proxy: this machine, and what only its own network segment can reach,
/// which is where EC2, ECS and EKS answer for credentials. At the proxy these addresses are other
/// machines, and what they hand out is a secret.
const NEVER: &str = "localhost,127.0.0.0/8,::1,169.254.0.0/16,fe80::/10,fd00:ec2::254,fd00:ec2::23";

/// None for a process whose environment names no proxy: nearly all.
static SETTINGS: LazyLock<Option<Settings>> = LazyLock::new(Settings::read);

/// The process's environment, read once.
struct Settings {
    matcher: Matcher,
    /// The same exemptions, with a proxy that is known to be good: a matcher does not tell an
    /// exempt endpoint from a proxy that it cannot read.
    exemptions: Matcher,
    /// As it is written: it may hold a password.
    https: Option<String>,
    http: Option<String>,
    /// `NO_PROXY`, and what is never asked of a proxy.
    exempt: String,
}

/// The way to one endpoint.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// Where it is; without user name and password.
    pub(crate) uri: Uri,
    /// The value of `Proxy-Authorization`.
    pub(crate) authorization: Option<HeaderValue>,
    /// Which variable names it.
    pub(crate) variable: &'static str,
}

/// The proxy that requests to `endpoint` are sent through.
///
/// # Errors
/// [`InvokeError::Client`] when one is named that cannot be used: going around it would send the
/// request where the user did not want it.
pub(crate) fn proxy_for(endpoint: &Endpoint) -> Result<Option<Proxy>, InvokeError> {
    SETTINGS.as_ref().map_or(Ok(None), |settings| settings.proxy_for(endpoint))
}

/// The same proxy for what `aws-config` asks of STS and SSO. Metadata is only served over `http`
/// and by addresses of the machine's own segment: no proxy is ever asked for it.
pub(crate) fn provider_proxy() -> ProxyConfig {
    let Some(settings) = SETTINGS.as_ref() else { return ProxyConfig::disabled() };
    let url = settings.https.as_deref().map(with_scheme);
    let config = url.and_then(|url| ProxyConfig::https(url).ok());
    config.map_or_else(ProxyConfig::disabled, |config| config.no_proxy(&settings.exempt))
}

impl Settings {
    fn read() -> Option<Self> {
        let (https, http) = (variable("HTTPS_PROXY"), variable("HTTP_PROXY"));
        if https.is_none() && http.is_none() {
            return None;
        }
        Some(Self::new(https, http, variable("NO_PROXY")))
    }

    fn new(https: Option<String>, http: Option<String>, no: Option<String>) -> Self {
        let exempt = no.map_or(NEVER.to_owned(), |no| format!("{NEVER},{no}"));
        let matcher = Matcher::builder()
            .https(https.as_deref().map(with_scheme).unwrap_or_default())
            .http(http.as_deref().map(with_scheme).unwrap_or_default())
            .no(exempt.as_str())
            .build();
        let exemptions = Matcher::builder().all("http://proxy").no(exempt.as_str()).build();
        Self { matcher, exemptions, https, http, exempt }
    }

    fn proxy_for(&self, endpoint: &Endpoint) -> Result<Option<Proxy>, InvokeError> {
        let (variable, url) = match endpoint.https {
            true => ("HTTPS_PROXY", &self.https),
            false => ("HTTP_PROXY", &self.http),
        };
        if url.is_none() {
            return Ok(None);
        }
        let target = uri_of(endpoint)?;
        if self.exemptions.intercept(&target).is_none() {
            return Ok(None);
        }
        match self.matcher.intercept(&target) {
            Some(found) if matches!(found.uri().scheme_str(), Some("http" | "https")) => {
                Ok(Some(Proxy::new(&found, variable)))
            }
            // Neither does the matcher take what it cannot read.
            _ => Err(InvokeError::Client(format!(
                "The proxy in {variable} cannot be used: it must look like http://host:port or \
                 http://user:password@host:port"
            ))),
        }
    }
}

impl Proxy {
    fn new(found: &Intercept, variable: &'static str) -> Self {
        let authorization = found.basic_auth().cloned();
        Self { uri: found.uri().clone(), authorization, variable }
    }

    /// Scheme, host and port: what may be shown.
    pub(crate) fn name(&self) -> String {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        format!("{}://{authority}", self.uri.scheme_str().unwrap_or("http"))
    }

    /// Whether TLS is spoken with the proxy itself.
    pub(crate) fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Has the proxy connect `stream` to the endpoint (`CONNECT`).
    pub(crate) async fn tunnel<T>(&self, endpoint: &Endpoint, stream: T) -> Result<T, InvokeError>
    where
        T: Read + Write + Send + Unpin + 'static,
    {
        let mut tunnel = Tunnel::new(self.uri.clone(), Opened(Some(stream)));
        if let Some(authorization) = &self.authorization {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let target = uri_of(endpoint)?;
        tunnel.call(target).await.map_err(|error| self.error(endpoint, &error.to_string()))
    }

    /// Readies a request to a plain `http` endpoint for the proxy, which is handed it as it is: with
    /// its whole `url`, and with what the proxy wants to be shown.
    pub(crate) fn address<B>(
        &self,
        request: &mut Request<B>,
        url: &str,
    ) -> Result<(), InvokeError> {
        *request.uri_mut() = url
            .parse()
            .map_err(|_| InvokeError::Endpoint("The endpoint is not a URL".to_owned()))?;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        Ok(())
    }

    /// A connection that failed at the proxy.
    pub(crate) fn error(&self, endpoint: &Endpoint, cause: &str) -> InvokeError {
        InvokeError::Connect {
            endpoint: format!("{}://{}", endpoint.scheme(), endpoint.authority()),
            cause: lambda_core::cut(&format!("through the proxy {}: {cause}", self.name()), 300),
        }
    }
}

/// A stream that is open already, in the place of the connector that the library's tunnel takes:
/// opening it is a step of its own, with errors of its own.
struct Opened<T>(Option<T>);

impl<T> Service<Uri> for Opened<T> {
    type Response = T;
    type Error = io::Error;
    type Future = Ready<io::Result<T>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _proxy: Uri) -> Self::Future {
        ready(self.0.take().ok_or_else(|| io::Error::other("the stream is in use")))
    }
}

/// Scheme, host and port as the HTTP libraries take them.
pub(crate) fn uri_of(endpoint: &Endpoint) -> Result<Uri, InvokeError> {
    format!("{}://{}/", endpoint.scheme(), endpoint.authority())
        .parse()
        .map_err(|_| InvokeError::Endpoint("The endpoint is not a URL".to_owned()))
}

/// A variable in lower or upper case; lower wins, as in the AWS CLI. An empty one is as good as none.
fn variable(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    [lower.as_str(), name]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|v| !v.is_empty()))
}

/// `host:port` alone means `http`, as everywhere.
fn with_scheme(url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(https: &str, http: &str, no: &str) -> Settings {
        let set = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Settings::new(set(https), set(http), set(no))
    }

    fn way(settings: &Settings, url: &str) -> String {
        match settings.proxy_for(&Endpoint::parse(url).unwrap()) {
            Ok(Some(proxy)) => proxy.name(),
            Ok(None) => "direct".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// The scheme of the endpoint says which variable counts; `NO_PROXY` takes names with what is
    /// below them, addresses, networks and `*`.
    #[test]
    fn the_way_to_an_endpoint() {
        let both = settings("http://one:1", "two:2", "skip.example,.dot.example,10.0.0.0/8,::9");
        for (url, expected) in [
            ("https://lambda.us-east-1.amazonaws.com", "http://one:1"),
            ("http://lambda.example:8080", "http://two:2"),
            ("https://skip.example", "direct"),
            ("https://below.skip.example:444", "direct"),
            ("https://notskip.example", "http://one:1"),
            ("https://a.dot.example", "direct"),
            ("https://10.1.2.3", "direct"),
            ("https://11.1.2.3", "http://one:1"),
            ("https://[::9]", "direct"),
            ("https://[2001:db8::1]:444", "http://one:1"),
        ] {
            assert_eq!(way(&both, url), expected, "{url}");
        }
        assert_eq!(way(&settings("http://one:1", "", "*"), "https://a.example"), "direct");
        assert_eq!(way(&settings("http://one:1", "", ""), "http://a.example"), "direct");
    }

    /// This machine and the addresses that hand out credentials are never asked of a proxy.
    #[test]
    fn what_is_never_asked_of_a_proxy() {
        let all = settings("http://proxy:1", "http://proxy:1", "");
        for host in
            ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "169.254.169.254", "169.254.170.23"]
        {
            assert_eq!(way(&all, &format!("http://{host}:9001")), "direct", "{host}");
            assert_eq!(way(&all, &format!("https://{host}")), "direct", "{host}");
        }
    }

    /// One that cannot be read is an error, never a way around it, and shows no password.
    #[test]
    fn what_is_no_proxy() {
        for url in ["socks5://proxy:1", "ftp://proxy", "http://", "a b", "http://u:hidden@/x y"] {
            let told = way(&settings(url, "", "skip.example"), "https://a.example");
            assert!(told.starts_with("The proxy in HTTPS_PROXY cannot be used"), "{url}: {told}");
            assert!(!told.contains("hidden"), "{told}");
            assert_eq!(way(&settings(url, "", "skip.example"), "https://skip.example"), "direct");
        }
    }

    /// User name and password become a header, and stand nowhere else.
    #[test]
    fn a_password_is_not_part_of_the_name() {
        let endpoint = Endpoint::parse("https://a.example").unwrap();
        let settings = settings("https://me:p%40ss@proxy.example:3129", "", "");
        let proxy = settings.proxy_for(&endpoint).unwrap().unwrap();
        assert_eq!(proxy.authorization.as_ref().unwrap(), "Basic bWU6cEBzcw==");
        assert_eq!((proxy.name().as_str(), proxy.is_https()), ("https://proxy.example:3129", true));
        let shown = format!("{:?} {:?}", proxy.error(&endpoint, "no"), proxy.authorization);
        assert!(!shown.contains("p@ss") && !shown.contains("cEBz"), "{shown}");
    }
}
