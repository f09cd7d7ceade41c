//! What is known not to have run is tried again, within the call's budget; nothing else is.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use e2e::{RawRequest, RawServer, wait_until};

use crate::support::stuck::{Peer, Stage};
use crate::support::{AT_ONCE, Session, playground};

/// Answers of the service that say that the function did not run, by status and code.
const RETRYABLE: [(u16, &str); 9] = [
    (429, "TooManyRequestsException"),
    (429, "AnyOtherCode"),
    (500, "ServiceException"),
    (502, "EC2ThrottledException"),
    (502, "ENINotReadyException"),
    (502, "ResourceNotReadyException"),
    (502, "SubnetIPAddressLimitReachedException"),
    (409, "ResourceConflictException"),
    (409, "SnapStartNotReadyException"),
];

/// Answers that say nothing of the kind, or that another try would not change.
const FINAL: [(u16, &str); 17] = [
    (400, "InvalidRequestContentException"),
    (400, "ValidationException"),
    (403, "AccessDeniedException"),
    (403, "InvalidSignatureException"),
    (404, "ResourceNotFoundException"),
    (409, "AnyOtherCode"),
    (413, "RequestEntityTooLargeException"),
    (500, "AnyOtherCode"),
    (500, ""),
    (502, "AnyOtherCode"),
    (502, ""),
    (502, "EC2AccessDeniedException"),
    (502, "InvalidZipFileException"),
    (503, ""),
    (503, "ServiceUnavailable"),
    (504, ""),
    (301, ""),
];

/// A server that answers the n-th request of all with the n-th of `answers`, the last one for ever:
/// status, code, more headers, message.
fn answering(answers: Vec<(u16, &'static str, &'static str, &'static str)>) -> RawServer {
    let count = std::sync::atomic::AtomicUsize::new(0);
    RawServer::start(move |connection| {
        while connection.read_request()?.is_some() {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let (status, code, header, message) = answers[number.min(answers.len() - 1)];
            let code = format!("x-amzn-ErrorType: {code}");
            let body = match status {
                200 => message.to_owned(),
                _ => serde_json::json!({ "message": message }).to_string(),
            };
            let headers = if header.is_empty() { vec![&*code] } else { vec![&*code, header] };
            connection.respond(status, &headers, body.as_bytes())?;
        }
        Ok(())
    })
    .unwrap()
}

/// A call to a service that is down is tried until the service is up.
#[test]
fn a_refused_connection_is_tried_again() {
    let mut service = playground().new_service(|config| config).unwrap();
    let (endpoint, address) = (service.endpoint().to_owned(), service.address().to_owned());
    service.kill().unwrap();

    let mut session = Session::at(&endpoint);
    session.set("aws_lambda.max_attempts", "1");
    let failure = session.fail("echo", "1");
    failure.assert_api("Unable to connect to endpoint");
    assert!(failure.hint.contains("Connection refused"), "{failure:?}");

    session.set("aws_lambda.max_attempts", "10");
    let pid = session.pid;
    let running = session.start("echo", "1".to_owned());
    let mut other = Session::open();
    wait_until("the call is being tried", || {
        let sql = "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Extension'";
        !other.client.query(sql, &[&pid.cast_signed()]).unwrap().is_empty()
    });
    let _service = playground().new_service(|config| config.listen(address)).unwrap();
    assert_eq!(running.join().result.unwrap().payload.as_deref(), Some("1"));
}

/// Each answer that says "not run" is tried again up to `aws_lambda.max_attempts`, and the last
/// answer is what is reported.
#[test]
fn not_run_is_tried_up_to_the_limit() {
    for (status, code) in RETRYABLE {
        let server = answering(vec![(status, code, "", "first"), (status, code, "", "later")]);
        let mut session = Session::at(&server.url());
        for (attempts, sum) in [(1, 1), (2, 3), (3, 6)] {
            session.set("aws_lambda.max_attempts", &attempts.to_string());
            let failure = session.fail("f", "{}");
            failure.assert_api(if sum == 1 { "first" } else { "later" });
            assert!(failure.hint.contains(&format!("{code}, HTTP status {status}")));
            assert_eq!(server.requests().len(), sum, "{code}");
        }
    }
}

/// A call that succeeds at its second try is a success.
#[test]
fn a_later_success_counts() {
    for (status, code) in RETRYABLE {
        let server = answering(vec![(status, code, "", "no"), (200, "", "", "\"yes\"")]);
        let answer = Session::at(&server.url()).call("f", "{}").unwrap();
        assert_eq!(answer.payload.as_deref(), Some("\"yes\""));
        assert_eq!(server.requests().len(), 2, "{code}");
    }
}

/// Whatever else the service answers is final.
#[test]
fn other_answers_are_tried_once() {
    for (status, code) in FINAL {
        let server = answering(vec![(status, code, "", "no")]);
        let mut session = Session::at(&server.url());
        session.set("aws_lambda.max_attempts", "10");
        session.fail("f", "{}").assert_api("no");
        assert_eq!(server.requests().len(), 1, "{status} {code}");
    }
}

/// A function that failed has run: it is not run again, whatever its error looks like.
#[test]
fn a_functions_failure_is_tried_once() {
    let header = "X-Amz-Function-Error: Unhandled";
    let server = answering(vec![(200, "ServiceException", header, "{\"message\": \"no\"}")]);
    let mut session = Session::at(&server.url());
    session.set("aws_lambda.max_attempts", "10");
    session.fail("f", "{}").assert_function("returned error \"Unhandled\"");
    assert_eq!(server.requests().len(), 1);
}

/// The error that is reported is that of the last try.
#[test]
fn the_last_error_is_reported() {
    let server = answering(vec![
        (429, "TooManyRequestsException", "", "Rate Exceeded."),
        (500, "ServiceException", "", "Try again."),
        (403, "AccessDeniedException", "", "Not allowed."),
    ]);
    let mut session = Session::at(&server.url());
    session.set("aws_lambda.max_attempts", "10");
    session.fail("f", "{}").assert_api("Not allowed.");
    assert_eq!(server.requests().len(), 3);
}

/// `Retry-After` is obeyed, and each try carries a date and a signature of its own, which the
/// real service accepts.
#[test]
fn retry_after_is_obeyed_and_every_try_is_signed_afresh() {
    let throttled = (429, "TooManyRequestsException", "Retry-After: 1", "Rate Exceeded.");
    let server = answering(vec![throttled, throttled, (200, "", "", "1")]);
    let begin = Instant::now();
    Session::at(&server.url()).call("echo", "{\"signed\": true}").unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());

    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    for name in ["x-amz-date", "authorization"] {
        let values: HashSet<_> = requests.iter().map(|request| request.header(name)).collect();
        assert_eq!(values.len(), 3, "{values:?}");
    }
    for request in requests {
        let answer = replay(&request);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with("{\"signed\": true}"), "{answer}");
    }
}

/// Sends a recorded request to the shared local service and gives its answer. Only a header that
/// is not signed is added, so that the answer's end is the connection's.
fn replay(request: &RawRequest) -> String {
    let head = request.head.strip_suffix(b"\r\n").unwrap();
    let mut stream = TcpStream::connect(playground().service().address()).unwrap();
    stream.write_all(&[head, b"Connection: close\r\n\r\n", &request.body].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A wait that would exceed the budget is not begun: the service's own error is reported.
#[test]
fn a_wait_beyond_the_budget_is_not_begun() {
    let throttled = (429, "TooManyRequestsException", "Retry-After: 3600", "Rate Exceeded.");
    let server = answering(vec![throttled]);
    let mut session = Session::at(&server.url());
    session.set("aws_lambda.max_attempts", "10");
    session.set("aws_lambda.request_timeout_ms", "30000");
    let begin = Instant::now();
    session.fail("f", "{}").assert_api("Rate Exceeded.");
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert_eq!(server.requests().len(), 1);
}

/// `aws_lambda.request_timeout_ms` bounds tries and waits together, and what is then reported is
/// why the last try failed.
#[test]
fn the_budget_bounds_all_tries_together() {
    let server = answering(vec![(429, "TooManyRequestsException", "", "Rate Exceeded.")]);
    let mut session = Session::at(&server.url());
    session.set("aws_lambda.max_attempts", "10");
    session.set("aws_lambda.request_timeout_ms", "700");
    let begin = Instant::now();
    session.fail("f", "{}").assert_api("Rate Exceeded.");
    assert!(begin.elapsed() < Duration::from_millis(700) + AT_ONCE, "{:?}", begin.elapsed());
    assert!((2..10).contains(&server.requests().len()), "{}", server.requests().len());
}

/// The same for connections that do not come about.
#[test]
fn the_budget_bounds_connection_attempts_together() {
    let peer = Peer::at(Stage::Connecting);
    let mut session = Session::at(&peer.url());
    session.set("aws_lambda.max_attempts", "10");
    // All ten attempts would take more than four seconds.
    session.set("aws_lambda.connect_timeout_ms", "400");
    session.set("aws_lambda.request_timeout_ms", "1000");
    let begin = Instant::now();
    let failure = session.fail("f", "{}");
    failure.assert_api("Unable to connect to endpoint");
    assert!(failure.hint.contains("no connection within 400 ms"), "{failure:?}");
    let took = begin.elapsed();
    assert!(
        took > Duration::from_millis(300) && took < Duration::from_secs(1) + AT_ONCE,
        "{took:?}"
    );
    session.assert_usable();
}

/// `aws_lambda.connect_timeout_ms` bounds one attempt, TLS included.
#[test]
fn the_connect_timeout_bounds_one_attempt() {
    for stage in [Stage::Connecting, Stage::Handshaking] {
        let peer = Peer::at(stage);
        let mut session = Session::at(&peer.url());
        session.set("aws_lambda.max_attempts", "1");
        session.set("aws_lambda.connect_timeout_ms", "400");
        let begin = Instant::now();
        session.fail("f", "{}").assert_api("Unable to connect to endpoint");
        let (took, limit) = (begin.elapsed(), Duration::from_millis(400));
        assert!(took >= limit && took < limit + AT_ONCE, "{stage:?}: {took:?}");
        peer.wait_for_closed(usize::from(stage == Stage::Handshaking));
    }
}

/// A call that got no answer in time is not made again, also when an earlier try was refused.
#[test]
fn a_timeout_is_not_tried_again() {
    let server = RawServer::start(|connection| {
        connection.read_request()?;
        connection.respond(429, &[], b"{\"message\": \"Rate Exceeded.\"}")?;
        connection.read_request()?;
        connection.read_request().map(drop)
    })
    .unwrap();
    let mut session = Session::at(&server.url());
    session.set("aws_lambda.max_attempts", "10");
    session.set("aws_lambda.request_timeout_ms", "1000");
    let begin = Instant::now();
    let failure = session.fail("f", "{}");
    failure.assert_api("Request timed out after 1000 ms");
    assert!(failure.hint.contains("The function may still be running"), "{failure:?}");
    assert!(begin.elapsed() < Duration::from_secs(1) + AT_ONCE, "{:?}", begin.elapsed());
    assert_eq!(server.requests().len(), 2);
    session.assert_usable();
}

/// Where a call is stuck makes no difference: the budget ends it, and the error says whether the
/// function may be running.
#[test]
fn the_budget_ends_a_call_at_every_stage() {
    for (stage, may_run) in
        [(Stage::Handshaking, false), (Stage::Sending, true), (Stage::Receiving, true)]
    {
        let peer = Peer::at(stage);
        let mut session = Session::at(&peer.url());
        session.set("aws_lambda.max_attempts", "10");
        session.set("aws_lambda.request_timeout_ms", "1500");
        let ended = session.start("f", peer.payload()).join();
        let failure = ended.failure();
        failure.assert_api("Request timed out after 1500 ms");
        assert_eq!(failure.hint.contains("may still be running"), may_run, "{failure:?}");
        peer.wait_for_closed(1);
        let mut session = ended.session;
        session.assert_usable();
    }
}
