//! TLS: whom the client trusts, what it says when it does not, and how it keeps connections.

use e2e::{ClusterConfig, wait_for};

use crate::support::{CALL, Failure, Server, folder, with_keys, write};
use crate::tls_server::{Authority, TlsServer};

/// Long enough for a handshake on a machine that is busy.
fn patient(config: ClusterConfig) -> ClusterConfig {
    with_keys(config)
        .env("AWS_REGION", "us-east-1")
        .setting("aws_lambda.connect_timeout_ms", "20000")
        .setting("aws_lambda.max_attempts", "1")
}

/// The error of a call to `url` on a cluster whose `AWS_CA_BUNDLE` is `bundle`.
fn failure(url: &str, bundle: Option<&str>) -> Failure {
    let server = Server::start(|config| {
        let config = patient(config).env("AWS_ENDPOINT_URL_LAMBDA", url);
        match bundle {
            Some(bundle) => config.env("AWS_CA_BUNDLE", bundle),
            None => config,
        }
    });
    let mut session = server.session();
    let failure = session.failure(CALL);
    assert_eq!(session.value("SELECT 1"), "1", "the backend lives on");
    failure
}

/// With the authority's certificate in `AWS_CA_BUNDLE` calls succeed, by name and by address, and
/// those of one backend share one connection.
#[test]
fn a_bundle_is_trusted() {
    let authority = Authority::new();
    let bundle = write(&folder(), "ca.pem", &format!("# ours\n{}", authority.pem()));
    let server = Server::start(|config| patient(config).env("AWS_CA_BUNDLE", bundle));
    for host in ["localhost", "127.0.0.1"] {
        let lambda = TlsServer::start(authority.server_config(host, 2090), false);
        let mut session = server.session();
        session.set("endpoint_override", &lambda.url(host));
        for _ in 0..5 {
            assert_eq!(session.value(CALL), "null");
        }
        assert_eq!((lambda.requests(), lambda.connections()), (5, 1), "{host}");
    }
}

/// A bundle may hold many certificates.
#[test]
fn every_certificate_of_a_bundle_is_trusted() {
    let authorities = [Authority::new(), Authority::new(), Authority::new()];
    let bundle = write(&folder(), "ca.pem", &authorities.each_ref().map(Authority::pem).concat());
    let server = Server::start(|config| patient(config).env("AWS_CA_BUNDLE", bundle));
    let mut session = server.session();
    for authority in &authorities {
        let lambda = TlsServer::start(authority.server_config("localhost", 2090), false);
        session.set("endpoint_override", &lambda.url("localhost"));
        assert_eq!(session.value(CALL), "null");
    }
}

/// A connection that the server closed between two calls is not used: the second call succeeds
/// over a new one.
#[test]
fn a_connection_closed_between_calls_is_replaced() {
    let authority = Authority::new();
    let bundle = write(&folder(), "ca.pem", &authority.pem());
    let lambda = TlsServer::start(authority.server_config("localhost", 2090), true);
    let server = Server::start(|config| {
        patient(config)
            .env("AWS_CA_BUNDLE", bundle)
            .env("AWS_ENDPOINT_URL_LAMBDA", lambda.url("localhost"))
    });
    let mut session = server.session();
    for calls in 1..=3 {
        assert_eq!(session.value(CALL), "null");
        assert_eq!((lambda.requests(), lambda.connections()), (calls, calls));
        wait_for("the server to close", || (lambda.closed() == calls).then_some(()));
    }
}

/// A certificate of an authority that nobody named is refused, and the cause is told.
#[test]
fn an_unknown_authority_is_refused() {
    let lambda = TlsServer::start(Authority::new().server_config("localhost", 2090), false);
    let other = write(&folder(), "ca.pem", &Authority::new().pem());
    let failure = failure(&lambda.url("localhost"), Some(&other));
    failure.assert_api("Unable to connect to endpoint");
    assert!(
        failure.hint.starts_with(&format!("{}: ", lambda.url("localhost"))),
        "{}",
        failure.hint
    );
    assert!(failure.hint.contains("certificate"), "{}", failure.hint);
    assert_eq!(lambda.requests(), 0, "nothing was sent");
}

/// The same without `AWS_CA_BUNDLE`, against the system's certificates.
#[test]
fn the_systems_authorities_do_not_know_a_tests() {
    let lambda = TlsServer::start(Authority::new().server_config("localhost", 2090), false);
    let failure = failure(&lambda.url("localhost"), None);
    // A machine without any certificate says that instead.
    if !failure.detail.contains("No trusted CA certificate was found") {
        failure.assert_api("Unable to connect to endpoint");
        assert!(failure.hint.contains("certificate"), "{}", failure.hint);
    }
    assert_eq!(lambda.requests(), 0, "nothing was sent");
}

/// A certificate for another host, and one whose time is over, are refused although their
/// authority is trusted.
#[test]
fn a_wrong_host_and_an_expired_certificate_are_refused() {
    let authority = Authority::new();
    let bundle = write(&folder(), "ca.pem", &authority.pem());
    let server = Server::start(|config| patient(config).env("AWS_CA_BUNDLE", bundle));
    let mut session = server.session();
    for (name, until, cause) in [
        ("other.example", 2090, "not valid for name"),
        ("localhost", 2021, "expired"),
        ("127.0.0.1", 2090, "not valid for name"),
    ] {
        let lambda = TlsServer::start(authority.server_config(name, until), false);
        session.set("endpoint_override", &lambda.url("localhost"));
        let failure = session.failure(CALL);
        failure.assert_api("Unable to connect to endpoint");
        assert!(failure.hint.contains(cause), "{name} {until}: {}", failure.hint);
        assert_eq!(lambda.requests(), 0, "nothing was sent");
    }
}

/// A bundle that is missing, empty, no PEM or no certificate: the error names it, and nothing is
/// trusted instead.
#[test]
fn a_bundle_that_cannot_be_used_is_named() {
    let lambda = TlsServer::start(Authority::new().server_config("localhost", 2090), false);
    let folder = folder();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let bundles = [
        "/nonexistent/ca.pem".to_owned(),
        folder.to_string_lossy().into_owned(),
        write(&folder, "empty.pem", ""),
        write(&folder, "garbage.pem", "\u{0}\u{1}garbage"),
        write(&folder, "broken.pem", broken),
        write(&folder, "cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB"),
    ];
    let mut server = Server::start(|config| {
        patient(config).env("AWS_ENDPOINT_URL_LAMBDA", lambda.url("localhost"))
    });
    for bundle in bundles {
        server.restart_with(|config| config.env("AWS_CA_BUNDLE", &bundle));
        let mut session = server.session();
        let failure = session.failure(CALL);
        assert_eq!(failure.message, "invoke API failed", "{bundle}");
        let start =
            format!("AWS Lambda client returned 'AWS_CA_BUNDLE '{bundle}' cannot be used: ");
        assert!(failure.detail.starts_with(&start), "{bundle}: {}", failure.detail);
        assert_eq!(session.value("SELECT 1"), "1", "the backend lives on");
    }
    assert_eq!(lambda.requests(), 0, "nothing was sent");
}

/// A server that speaks no TLS, and one that hangs up in the handshake, are connect errors.
#[test]
fn what_is_not_tls_is_a_connect_error() {
    let hangs_up = e2e::RawServer::start(|_connection| Ok(())).unwrap();
    let bundle = write(&folder(), "ca.pem", &Authority::new().pem());
    let garbage =
        e2e::RawServer::start(|connection| connection.write("HTTP/1.1 400 Bad Request\r\n\r\n"))
            .unwrap();
    let server = Server::start(|config| patient(config).env("AWS_CA_BUNDLE", bundle));
    let mut session = server.session();
    for address in [hangs_up.address(), garbage.address()] {
        session.set("endpoint_override", &format!("https://{address}"));
        let failure = session.failure(CALL);
        failure.assert_api("Unable to connect to endpoint");
        assert!(failure.hint.contains("The function did not run."), "{}", failure.hint);
    }
}
