//! Credentials that expire, are refused as expired, or are not there at all.

use e2e::{ClusterConfig, RawServer};

use crate::credentials::{json_keys, metadata, times_asked};
use crate::support::{CALL, Server, Session, answering, folder, scope, serving, with_keys, write};

const FAR: &str = "2099-01-01T00:00:00Z";

/// A cluster that gets its credentials from `metadata` and calls `lambda`.
fn on_instance(metadata: &RawServer, lambda: &RawServer) -> (Server, Session) {
    let server = Server::start(|config| {
        config
            .without_env("AWS_EC2_METADATA_DISABLED")
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL_LAMBDA", lambda.url())
    });
    let session = server.session();
    (server, session)
}

/// A time some minutes from now, as metadata services write it.
fn in_minutes(minutes: u32) -> String {
    let sql = format!(
        "SELECT to_char(now() AT TIME ZONE 'UTC' + interval '{minutes} min', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    );
    Session::shared().value(&sql)
}

fn keys_used(lambda: &RawServer) -> Vec<String> {
    lambda.requests().iter().map(|request| scope(request).0).collect()
}

/// Many calls of one backend, and the retries in them, ask the source once.
#[test]
fn credentials_are_kept_until_they_expire() {
    let metadata = metadata(|n| Some(json_keys(&format!("ASIA{n}"), FAR)));
    let throttle_second = std::sync::atomic::AtomicUsize::new(0);
    let lambda = serving(move |_, connection| {
        match throttle_second.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            1 => connection.respond(429, &["x-amzn-errortype: TooManyRequestsException"], b"{}"),
            _ => connection.respond(200, &[], b"null"),
        }
    });
    let (_server, mut session) = on_instance(&metadata, &lambda);
    for _ in 0..5 {
        session.value(CALL);
    }
    assert_eq!(keys_used(&lambda), vec!["ASIA0"; 6]);
    assert_eq!(times_asked(&metadata), 1);
}

/// Credentials that have minutes left are replaced before they expire.
#[test]
fn credentials_are_renewed_before_they_expire() {
    let soon = in_minutes(2);
    let metadata =
        metadata(move |n| Some(json_keys(&format!("ASIA{n}"), if n == 0 { &soon } else { FAR })));
    let lambda = answering();
    let (_server, mut session) = on_instance(&metadata, &lambda);
    for _ in 0..3 {
        session.value(CALL);
    }
    assert_eq!(keys_used(&lambda), ["ASIA0", "ASIA1", "ASIA1"]);
    assert_eq!(times_asked(&metadata), 2);
}

/// While the source fails or says nothing, credentials that still work are used, and the call has
/// its time.
#[test]
fn a_failing_source_does_not_stop_what_still_works() {
    let soon = in_minutes(2);
    let metadata = metadata(move |n| (n == 0).then(|| json_keys("ASIAOLD", &soon)));
    let lambda = answering();
    let (_server, mut session) = on_instance(&metadata, &lambda);
    session.value(CALL);
    // The default: less than the source's client takes for its own retries.
    session.set("request_timeout_ms", "3000");
    session.value(CALL);
    assert_eq!(keys_used(&lambda), ["ASIAOLD", "ASIAOLD"]);
    assert!(times_asked(&metadata) > 1);
}

/// When the service calls them expired, the source is asked once more and the call is made once
/// more, with the new ones.
#[test]
fn an_expired_token_is_replaced_once() {
    let metadata = metadata(|n| Some(json_keys(&format!("ASIA{n}"), FAR)));
    let lambda = serving(|request, connection| match scope(request).0.as_str() {
        "ASIA0" => expired(connection),
        _ => connection.respond(200, &[], b"null"),
    });
    let (_server, mut session) = on_instance(&metadata, &lambda);
    session.set("max_attempts", "1");
    session.value(CALL);
    assert_eq!(keys_used(&lambda), ["ASIA0", "ASIA1"]);
    session.value(CALL);
    assert_eq!(times_asked(&metadata), 2);
}

fn expired(connection: &mut e2e::RawConnection) -> std::io::Result<()> {
    let body = br#"{"message":"The security token included in the request is expired"}"#;
    connection.respond(403, &["x-amzn-errortype: ExpiredTokenException"], body)
}

/// A service that calls everything expired is asked twice and no more; the error says what to do.
#[test]
fn what_stays_expired_is_an_error() {
    let lambda = serving(|_, connection| expired(connection));
    let url = lambda.url();
    let server = Server::start(|config| {
        with_keys(config).env("AWS_REGION", "us-east-1").env("AWS_ENDPOINT_URL_LAMBDA", url)
    });
    let failure = server.session().failure(CALL);
    failure.assert_api("The security token included in the request is expired");
    assert!(
        failure.hint.starts_with("ExpiredTokenException, HTTP status 403."),
        "{}",
        failure.hint
    );
    assert!(failure.hint.contains("renew them"), "{}", failure.hint);
    assert_eq!(lambda.requests().len(), 2);
}

fn without_credentials(
    change: impl FnOnce(ClusterConfig) -> ClusterConfig,
) -> crate::support::Failure {
    let lambda = answering();
    let server = Server::start(|config| {
        change(config.env("AWS_REGION", "us-east-1").env("AWS_ENDPOINT_URL_LAMBDA", lambda.url()))
    });
    let failure = server.session().failure(CALL);
    assert_eq!((lambda.connections(), failure.code.as_str()), (0, "38000"));
    failure
}

/// Without any credentials the error says which sources were tried and what to set.
#[test]
fn no_credentials() {
    let failure = without_credentials(|config| config);
    failure.assert_api(
        "No AWS credentials found: tried the environment, the shared credentials and configuration \
         files, the web identity token, the container and the instance metadata",
    );
    for word in ["IAM role", "AWS_ACCESS_KEY_ID", "profile"] {
        assert!(failure.hint.contains(word), "{}", failure.hint);
    }
}

/// A source that is configured and broken is named in the error.
#[test]
fn a_broken_source_is_named() {
    let home = folder();
    write(
        &home,
        ".aws/config",
        "[default]\ncredential_process = /nonexistent/give-keys --secret hidden\n",
    );
    let failure = without_credentials(|config| config.env("HOME", home.to_string_lossy()));
    assert_eq!(failure.message, "invoke API failed");
    assert!(
        failure
            .detail
            .starts_with("AWS Lambda client returned 'AWS credentials could not be loaded: "),
        "{}",
        failure.detail
    );
    assert!(!failure.detail.contains("hidden"), "{}", failure.detail);

    let failure = without_credentials(|config| config.env("AWS_PROFILE", "nobody"));
    assert!(failure.detail.contains("nobody"), "{}", failure.detail);
}

/// Instance metadata that accepts and never answers costs no more than the call's own budget, and
/// the error says what was waited for.
#[test]
fn silent_instance_metadata_ends_with_the_call() {
    let silent = serving(|_, connection| {
        connection.read_request()?;
        Ok(())
    });
    let lambda = answering();
    let (_server, mut session) = on_instance(&silent, &lambda);
    session.set("request_timeout_ms", "300");
    let failure = session.failure(CALL);
    failure.assert_api("Request timed out after 300 ms");
    assert!(failure.hint.contains("credentials"), "{}", failure.hint);
    assert_eq!(lambda.connections(), 0);
}
