use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use e2e::RawServer;

use crate::support::Session;

/// A function that runs once at a time: most calls are throttled at first, and all succeed, each
/// once, in order.
#[test]
fn throttled_calls_are_made_again_until_they_succeed() {
    let mut session = Session::new();
    // The whole statement takes longer than one call may: each that succeeds gives new patience.
    session.run("SET aws_lambda.request_timeout_ms = 5000; SET aws_lambda.max_attempts = 1");
    let sql = "SELECT count(*), string_agg(payload::text, ',' ORDER BY ordinality) =
            (SELECT string_agg(n::text, ',') FROM generate_series(1, 60) n)
        FROM aws_lambda.invoke_query('one-at-a-time', 'SELECT generate_series(1, 60)', max_concurrency => 16)";
    assert_eq!(session.row(sql), [Some("60".to_owned()), Some("t".to_owned())]);
}

/// The calls slow down to what the service lets in: far fewer are refused than without that.
#[test]
fn the_calls_slow_down_to_what_is_let_in() {
    let (running, refused, served) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (now, no, yes) = (Arc::clone(&running), Arc::clone(&refused), Arc::clone(&served));
    let server = RawServer::start(move |connection| {
        while let Some(request) = connection.read_request()? {
            if now.fetch_add(1, Ordering::SeqCst) >= 4 {
                no.fetch_add(1, Ordering::SeqCst);
                connection.respond(429, &["x-amzn-ErrorType: TooManyRequestsException"], b"{}")?;
            } else {
                thread::sleep(Duration::from_millis(5));
                yes.fetch_add(1, Ordering::SeqCst);
                connection.respond(200, &[], &request.body)?;
            }
            now.fetch_sub(1, Ordering::SeqCst);
        }
        Ok(())
    });
    let server = server.unwrap();
    let mut session = Session::new();
    session.go_to(&server.url());
    let sql = "SELECT count(*), count(error) FROM aws_lambda.invoke_query('f',
        'SELECT generate_series(1, 400)', max_concurrency => 64, on_error => 'return')";
    assert_eq!(session.row(sql), [Some("400".to_owned()), Some("0".to_owned())]);
    assert_eq!(served.load(Ordering::SeqCst), 400, "what was let in is not sent again");
    let refused = refused.load(Ordering::SeqCst);
    assert!((1..400).contains(&refused), "{refused} refusals");
}

/// When nothing is let in for as long as a call may take, the statement fails with the service's
/// own error; what the service asks for is waited for.
#[test]
fn without_any_progress_the_statement_fails() {
    let server = RawServer::start(|connection| {
        while connection.read_request()?.is_some() {
            let headers = ["x-amzn-ErrorType: TooManyRequestsException", "Retry-After: 0"];
            connection.respond(429, &headers, b"{\"message\": \"Rate Exceeded.\"}")?;
        }
        Ok(())
    });
    let server = server.unwrap();
    let mut session = Session::new();
    session.go_to(&server.url());
    session.run("SET aws_lambda.request_timeout_ms = 1000");
    let begin = Instant::now();
    let failure = session
        .fail("SELECT * FROM aws_lambda.invoke_query('f', 'SELECT generate_series(1, 100)')");
    assert_eq!(failure.message, "invoke API failed");
    assert_eq!(failure.detail, "AWS Lambda client returned 'Rate Exceeded.'.");
    assert!(failure.hint.contains("TooManyRequestsException, HTTP status 429."), "{failure:?}");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert!(server.requests().len() > 16, "calls were made again");

    let huge = RawServer::start(|connection| {
        while connection.read_request()?.is_some() {
            connection.respond(429, &["Retry-After: 18446744073709551615"], b"{}")?;
        }
        Ok(())
    });
    let huge = huge.unwrap();
    session.go_to(&huge.url());
    let failure =
        session.fail("SELECT * FROM aws_lambda.invoke_many('f', ARRAY['1', '2']::json[])");
    assert_eq!(failure.message, "invoke API failed");
    // The first refusal ends the statement, before or after the second call is sent.
    let made = huge.requests().len();
    assert!((1..=2).contains(&made), "no wait that long is worth another try: {made} requests");
    session.go_to("");
    session.assert_usable();
}
