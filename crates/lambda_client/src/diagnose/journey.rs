//! The way to an endpoint, step by step.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use bytes::Bytes;
use http::Request;
use http::header::{DATE, HOST, USER_AGENT};
use http_body_util::Full;
use lambda_core::{Endpoint, InvokeError};
use rustls::{CertificateError, ProtocolVersion};
use tokio::net::TcpStream;

use crate::connection::{Connection, last};
use crate::exchange::AGENT;
use crate::route::{Route, Stream};
use crate::tls;

pub use crate::tls::Trust;

/// A way to an endpoint that has not been gone yet.
pub struct Journey<'a>(Route<'a>);

/// The proxy on the way.
#[derive(Clone, Debug)]
pub struct ProxyReport {
    /// Scheme, host and port; never the user name or the password.
    pub name: String,
    /// The variable that names it; it counts in lower case too.
    pub variable: &'static str,
    /// Whether it is given a user name and a password.
    pub has_password: bool,
}

/// An open TCP connection to the endpoint or to its proxy.
pub struct Dialled {
    tcp: TcpStream,
    /// The address that answered.
    pub address: SocketAddr,
}

/// A connection on which the endpoint itself is spoken with.
pub struct Entered(Stream);

/// How a TLS handshake went.
pub struct Handshake {
    /// The certificate that the endpoint showed, in DER: also one that is not trusted.
    pub certificate: Option<Vec<u8>>,
    /// The connection and its TLS version; or what is wrong, and in whose words.
    pub outcome: Result<(Entered, &'static str), (TlsProblem, String)>,
}

/// Why a TLS handshake failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TlsProblem {
    /// The certificate's issuer is not among those trusted.
    UnknownIssuer,
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not begun.
    NotValidYet,
    /// The certificate is for another host.
    WrongName,
    /// The peer does not speak TLS.
    NotTls,
    /// The peer ended the connection.
    Closed,
    /// Anything else; the words say what.
    Other,
}

/// The head of an answer to a request that asks for nothing.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// HTTP status: any, because the request is not signed.
    pub status: u16,
    /// The service's clock, in whole seconds, if it told it.
    pub date: Option<SystemTime>,
}

impl<'a> Journey<'a> {
    /// The way to `endpoint` that the process's environment says.
    ///
    /// # Errors
    /// [`InvokeError::Client`] for a proxy that cannot be used.
    pub fn to(endpoint: &'a Endpoint) -> Result<Self, InvokeError> {
        Route::to(endpoint).map(Self)
    }

    /// The proxy on the way, if there is one.
    #[must_use]
    pub fn proxy(&self) -> Option<ProxyReport> {
        let proxy = self.0.proxy.as_ref()?;
        let has_password = proxy.authorization.is_some();
        Some(ProxyReport { name: proxy.name(), variable: proxy.variable, has_password })
    }

    /// Host and port that a socket is opened to: the proxy's, or else the endpoint's.
    ///
    /// # Errors
    /// [`InvokeError::Endpoint`] for an endpoint that is no URL.
    pub fn peer(&self) -> Result<(String, u16), InvokeError> {
        let uri = self.0.peer()?;
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        Ok((host, uri.port_u16().unwrap_or(default)))
    }

    /// The addresses of the peer, by the system's resolver.
    ///
    /// # Errors
    /// [`InvokeError::Connect`], with the resolver's words.
    pub async fn look_up(&self) -> Result<Vec<IpAddr>, InvokeError> {
        let found = tokio::net::lookup_host(self.peer()?).await;
        let mut addresses: Vec<IpAddr> = match found {
            Ok(addresses) => addresses.map(|address| address.ip()).collect(),
            Err(error) => return Err(self.0.error(&last(&error))),
        };
        addresses.dedup();
        Ok(addresses)
    }

    /// Opens the socket.
    ///
    /// # Errors
    /// [`InvokeError::Connect`]
    pub async fn dial(&self) -> Result<Dialled, InvokeError> {
        let tcp = self.0.dial().await?;
        let address = tcp.peer_addr().map_err(|error| self.0.error(&error.to_string()))?;
        Ok(Dialled { tcp, address })
    }

    /// Goes through the proxy, if there is one.
    ///
    /// # Errors
    /// [`InvokeError::Connect`], with the proxy's refusal.
    pub async fn enter(&self, dialled: Dialled) -> Result<Entered, InvokeError> {
        self.0.enter(dialled.tcp).await.map(Entered)
    }

    /// Speaks TLS with the endpoint.
    ///
    /// # Errors
    /// [`InvokeError::Client`] for trusted certificates that cannot be read. A handshake that fails
    /// is no error here.
    pub async fn secure(&self, entered: Entered) -> Result<Handshake, InvokeError> {
        let (config, shown) = tls::recording_config()?;
        let outcome = match self.0.secure(entered.0, config).await {
            Ok(stream) => {
                let version = match stream.get_ref().1.protocol_version() {
                    Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
                    _ => "TLS 1.2",
                };
                Ok((Entered(Box::new(stream)), version))
            }
            Err(error) => Err((problem(&error), lambda_core::cut(&last(&error), 300))),
        };
        Ok(Handshake { certificate: shown.take(), outcome })
    }

    /// Asks for nothing, unsigned, to see whether and when the endpoint answers.
    ///
    /// # Errors
    /// [`InvokeError::Interrupted`] for an answer that is none.
    pub async fn greet(&self, entered: Entered) -> Result<Greeting, InvokeError> {
        let endpoint = self.0.endpoint;
        let mut request = Request::get("/")
            .header(HOST, endpoint.authority())
            .header(USER_AGENT, AGENT)
            .body(Full::new(Bytes::new()))
            .map_err(|error| InvokeError::Client(error.to_string()))?;
        if !endpoint.https
            && let Some(proxy) = &self.0.proxy
        {
            let url = format!("{}://{}/", endpoint.scheme(), endpoint.authority());
            proxy.address(&mut request, &url)?;
        }
        let mut connection = Connection::over(entered.0, endpoint).await?;
        let answer = connection.sender.send_request(request).await;
        let answer = answer.map_err(|error| InvokeError::Interrupted { cause: last(&error) })?;
        let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
        Ok(Greeting {
            status: answer.status().as_u16(),
            date: date.and_then(|date| httpdate::parse_http_date(date).ok()),
        })
    }
}

fn problem(error: &io::Error) -> TlsProblem {
    use rustls::Error::{InvalidCertificate, InvalidMessage};
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(InvalidCertificate(wrong)) => match wrong {
            // The latter: a trusted name whose key is another.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                TlsProblem::UnknownIssuer
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                TlsProblem::Expired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsProblem::NotValidYet
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsProblem::WrongName
            }
            _ => TlsProblem::Other,
        },
        Some(InvalidMessage(_)) => TlsProblem::NotTls,
        Some(_) => TlsProblem::Other,
        None => TlsProblem::Closed,
    }
}
