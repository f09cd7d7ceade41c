//! HTTP proxies: what goes through them, what never does, and what is said when they refuse.
//!
//! The proxy is a real one, and the only one that knows the names below `.test`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use e2e::{ClusterConfig, RawServer};

use crate::credentials::json_keys;
use crate::python;
use crate::support::{CALL, PLAYGROUND, Server, answering, folder, serving, with_keys, write};
use crate::tls_server::{Authority, TlsServer};

/// Long enough for a first call on a machine that is busy.
fn patient(config: ClusterConfig) -> ClusterConfig {
    with_keys(config)
        .env("AWS_REGION", "us-east-1")
        .setting("aws_lambda.connect_timeout_ms", "20000")
        .setting("aws_lambda.max_attempts", "1")
}

/// A running proxy; it ends when it is dropped, or with this process.
pub struct Proxy {
    child: Child,
    pub port: u16,
}

impl Proxy {
    pub fn start(arguments: &[&str]) -> Self {
        let folder = folder();
        let log = folder.join("proxy.log");
        let mut command: Command = python::command("http_proxy.py");
        command.arg("--log-file").arg(&log).arg("--data-dir").arg(&folder).args(arguments);
        let stdio = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = stdio.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| {
            panic!("the proxy did not start: {}", fs::read_to_string(&log).unwrap_or_default())
        });
        Self { child, port }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// To an `https` endpoint the proxy opens a tunnel: TLS is spoken with the endpoint, by its name,
/// and the tunnel is kept for the calls that follow. The variable may be written in both cases.
#[test]
fn https_goes_through_a_tunnel() {
    let proxy = Proxy::start(&["--basic-auth", "me:p@ss word"]);
    let authority = Authority::new();
    let bundle = write(&folder(), "ca.pem", &authority.pem());
    for variable in ["HTTPS_PROXY", "https_proxy"] {
        let lambda = TlsServer::start(authority.server_config("lambda.test", 2090), false);
        let server = Server::start(|config| {
            patient(config)
                .env("AWS_CA_BUNDLE", &bundle)
                .env("AWS_ENDPOINT_URL_LAMBDA", lambda.url("lambda.test"))
                .env(variable, format!("http://me:p%40ss%20word@127.0.0.1:{}", proxy.port))
        });
        let mut session = server.session();
        for _ in 0..5 {
            assert_eq!(session.value(CALL), "null", "{variable}");
        }
        assert_eq!((lambda.requests(), lambda.connections()), (5, 1), "{variable}");
    }
}

/// The proxy itself may want TLS, with a certificate by its own name.
#[test]
fn a_proxy_may_speak_tls() {
    let authority = Authority::new();
    let files = folder();
    let bundle = write(&files, "ca.pem", &authority.pem());
    let (key, certificate) = authority.pems("127.0.0.1");
    let (key, certificate) =
        (write(&files, "key.pem", &key), write(&files, "certificate.pem", &certificate));
    let proxy = Proxy::start(&["--key-file", &key, "--cert-file", &certificate]);
    let lambda = TlsServer::start(authority.server_config("lambda.test", 2090), false);
    let server = Server::start(|config| {
        patient(config)
            .env("AWS_CA_BUNDLE", bundle)
            .env("AWS_ENDPOINT_URL_LAMBDA", lambda.url("lambda.test"))
            .env("HTTPS_PROXY", format!("https://127.0.0.1:{}", proxy.port))
    });
    assert_eq!(server.session().value(CALL), "null");
    assert_eq!(lambda.requests(), 1);
}

/// To a plain `http` endpoint the proxy is handed the request, with its signature intact: here by
/// the real local service, which checks it. The password is for the proxy alone.
#[test]
fn http_is_handed_to_the_proxy() {
    let proxy = Proxy::start(&["--basic-auth", "me:secret-of-the-proxy"]);
    let service = PLAYGROUND.service().address().replace("127.0.0.1", "lambda.test");
    let with_proxy = |config: ClusterConfig| {
        config
            .env("AWS_REGION", "us-east-1")
            .env("HTTP_PROXY", format!("me:secret-of-the-proxy@127.0.0.1:{}", proxy.port))
    };
    let server = Server::start(|config| {
        with_proxy(config)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL_LAMBDA", format!("http://{service}/"))
    });
    let call = r#"SELECT payload FROM aws_lambda.invoke('echo', '{"a": [1]}'::json)"#;
    let mut session = server.session();
    for _ in 0..3 {
        assert_eq!(session.value(call), r#"{"a": [1]}"#);
    }

    let seen = answering();
    session.set("endpoint_override", &seen.url().replace("127.0.0.1", "seen.test"));
    assert_eq!(session.value(CALL), "null");
    let request = crate::support::only_request(&seen);
    assert_eq!(request.header("proxy-authorization"), None);
    assert_eq!(request.header("host"), Some(format!("seen.test:{}", seen.address().port())));
}

/// This machine is never asked of a proxy, and what `NO_PROXY` names is not either.
#[test]
fn what_goes_around_the_proxy() {
    let nowhere = refused();
    let container = serving(|_, connection| {
        let keys = json_keys("AKIDCONTAINER", "2099-01-01T00:00:00Z");
        connection.respond(200, &["content-type: application/json"], keys.as_bytes())
    });
    let lambda = answering();
    let mut server = Server::start(|config| {
        config
            .env("AWS_REGION", "us-east-1")
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url())
            .env("AWS_ENDPOINT_URL_LAMBDA", lambda.url())
            .env("HTTP_PROXY", &nowhere)
            .env("HTTPS_PROXY", &nowhere)
            .setting("aws_lambda.max_attempts", "1")
    });
    assert_eq!(server.session().value(CALL), "null");
    assert_eq!(container.requests().len(), 1);

    // Neither has an address: what is said shows which way was taken.
    let url = "https://lambda.sqlambda.invalid";
    server.restart_with(|config| {
        config.env("AWS_ENDPOINT_URL_LAMBDA", url).env("NO_PROXY", "other,.sqlambda.invalid")
    });
    let failure = server.session().failure(CALL);
    assert!(failure.hint.starts_with(&format!("{url}: ")), "{}", failure.hint);
    assert!(!failure.hint.contains("through the proxy"), "{}", failure.hint);
    server.restart_with(|config| config.env("NO_PROXY", "other"));
    let failure = server.session().failure(CALL);
    assert!(failure.hint.contains(&format!("through the proxy {nowhere}: ")), "{}", failure.hint);
}

/// A proxy that is down, refuses the password or the destination, or cannot be read is named, and
/// its password is not.
#[test]
fn refusals_name_the_proxy_and_no_password() {
    let proxy = Proxy::start(&["--basic-auth", "me:right"]);
    let at = |user: &str| format!("http://{user}127.0.0.1:{}", proxy.port);
    let nowhere = refused();
    let mut server = Server::start(|config| {
        patient(config).env("AWS_ENDPOINT_URL_LAMBDA", "https://lambda.sqlambda.invalid")
    });
    for (url, shown) in [
        (nowhere.replace("http://", "http://me:hidden@"), "Connection refused"),
        (at("me:hidden@"), "proxy authorization required"),
        (at(""), "proxy authorization required"),
        (at("me:right@"), "tunnel error"),
    ] {
        server.restart_with(|config| config.env("HTTPS_PROXY", &url));
        let failure = server.session().failure(CALL);
        failure.assert_api("Unable to connect to endpoint");
        assert!(failure.hint.contains("through the proxy http://127.0.0.1:"), "{}", failure.hint);
        assert!(failure.hint.contains(shown), "{shown}: {}", failure.hint);
        assert!(!format!("{failure:?}").contains("hidden"), "{failure:?}");
    }
    server.restart_with(|config| config.env("HTTPS_PROXY", "socks5://me:hidden@127.0.0.1:1"));
    let failure = server.session().failure(CALL);
    assert!(failure.detail.contains("The proxy in HTTPS_PROXY cannot be used"), "{failure:?}");
    assert!(!format!("{failure:?}").contains("hidden"), "{failure:?}");
}

/// A proxy that hands requests on may refuse one itself: the error says who refused, and why.
#[test]
fn a_refusal_of_a_plain_request_is_the_proxys() {
    let proxy = Proxy::start(&["--basic-auth", "me:right"]);
    let server = Server::start(|config| {
        patient(config)
            .env("AWS_ENDPOINT_URL_LAMBDA", "http://lambda.test:9")
            .env("HTTP_PROXY", proxy.url())
    });
    let failure = server.session().failure(CALL);
    assert_eq!(failure.message, "invoke API failed", "{failure:?}");
    assert!(failure.hint.contains("HTTP status 407"), "{failure:?}");
    assert!(failure.hint.contains("HTTP_PROXY"), "{failure:?}");
}

/// What is asked of STS goes through the proxy too: a role by a web identity token.
#[test]
fn credentials_come_through_the_proxy() {
    const ASSUMED: &str = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>\
        <Credentials><AccessKeyId>ASIATHROUGHPROXY</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
        <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
        <AssumedRoleUser><AssumedRoleId>AROA:db</AssumedRoleId>\
        <Arn>arn:aws:sts::111122223333:assumed-role/r/db</Arn></AssumedRoleUser>\
        </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
    let proxy = Proxy::start(&[]);
    let (authority, files) = (Authority::new(), folder());
    let bundle = write(&files, "ca.pem", &authority.pem());
    let token = write(&files, "token", "a.web.token");
    let sts = TlsServer::answering(authority.server_config("sts.test", 2090), ASSUMED, false);
    let lambda = answering();
    let server = Server::start(|config| {
        config
            .env("AWS_REGION", "us-east-1")
            .env("AWS_CA_BUNDLE", bundle)
            .env("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/r")
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", token)
            .env("AWS_ENDPOINT_URL_STS", sts.url("sts.test"))
            .env("AWS_ENDPOINT_URL_LAMBDA", lambda.url())
            .env("HTTPS_PROXY", proxy.url())
    });
    assert_eq!(server.session().value(CALL), "null");
    assert_eq!(sts.requests(), 1);
    let request = crate::support::only_request(&lambda);
    assert_eq!(crate::support::scope(&request).0, "ASIATHROUGHPROXY");
}

/// An address where nobody listens.
pub fn refused() -> String {
    let server = RawServer::start(|_| Ok(())).unwrap();
    server.url()
}
