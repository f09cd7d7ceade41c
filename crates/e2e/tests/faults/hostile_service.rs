//! Whatever a peer answers, or fails to, is a clear error and bounded memory.

use std::io;
use std::time::{Duration, Instant};

use e2e::{RawConnection, RawServer};

use crate::support::{Failure, Session, proc};

/// How much a backend may grow while it deals with an answer: one answer of 6 MB, what the
/// allocator rounds up, and the text of an error, several times.
const GROWTH_KB: u64 = 40_000;

const INTERRUPTED: &str = "Connection closed before the response was complete";
const OK: &str = "HTTP/1.1 200 OK\r\n";

/// A server that plays `play` once a request has been read, and then closes.
fn playing(
    play: impl Fn(&mut RawConnection) -> io::Result<()> + Send + Sync + 'static,
) -> RawServer {
    RawServer::start(move |connection| {
        connection.read_request()?;
        play(connection)
    })
    .unwrap()
}

/// A call that must fail at a server that plays `play`: tried once, in bounded memory, and the
/// backend goes on.
#[track_caller]
fn fail(play: impl Fn(&mut RawConnection) -> io::Result<()> + Send + Sync + 'static) -> Failure {
    let server = playing(play);
    let mut session = Session::open();
    session.assert_usable();
    session.go_to(&server.url());
    let before = proc::peak_kb(session.pid);
    let failure = session.fail("f", "{}");
    let grown = proc::peak_kb(session.pid) - before;
    assert!(grown < GROWTH_KB, "grown by {grown} KB");
    assert_eq!(failure.code, "38000", "{failure:?}");
    assert_eq!(server.requests().len(), 1);
    assert!(!format!("{failure:?}").to_lowercase().contains("aws4-hmac"), "{failure:?}");
    session.assert_usable();
    failure
}

/// A redirect is never followed: neither the request nor its signature goes anywhere else.
#[test]
fn redirects_are_not_followed() {
    let elsewhere = playing(|connection| connection.respond(200, &[], b"1"));
    for status in [300, 301, 302, 303, 305, 307, 308] {
        let headers = [
            format!("Location: {}/2015-03-31/functions/f/invocations", elsewhere.url()),
            format!("Refresh: 0; url={}", elsewhere.url()),
        ];
        let failure = fail(move |connection| {
            connection.respond(status, &headers.each_ref().map(String::as_str), b"")
        });
        failure.assert_api(&format!("HTTP status {status} without a message"));
        assert!(failure.hint.contains("Redirects are never followed"), "{failure:?}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// Heads that are no head of an HTTP/1 answer, or larger than any of the service's.
#[test]
fn heads_that_are_none_are_refused() {
    let many = |count: usize| -> String {
        (0..count).map(|number| format!("X-{number}: {number}\r\n")).collect()
    };
    let heads: [(&str, Vec<u8>); 12] = [
        ("nothing", Vec::new()),
        ("garbage", (0..=255).cycle().take(5000).collect()),
        ("another protocol", b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec()),
        ("TLS", b"\x15\x03\x01\x00\x02\x02\x46".to_vec()),
        ("HTTP/0.9", b"<html>hello</html>".to_vec()),
        ("HTTP/2", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00".to_vec()),
        ("one header of 1 MB", format!("{OK}X: {}\r\n\r\n", "x".repeat(1 << 20)).into()),
        ("10,000 headers", format!("{OK}{}\r\n", many(10_000)).into()),
        ("a NUL in a header", format!("{OK}X: a\0b\r\nContent-Length: 1\r\n\r\n1").into()),
        ("two lengths", format!("{OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\n12").into()),
        ("a negative length", format!("{OK}Content-Length: -1\r\n\r\n1").into()),
        ("a length beyond reason", format!("{OK}Content-Length: {}\r\n\r\n1", u64::MAX).into()),
    ];
    for (what, bytes) in heads {
        let failure = fail(move |connection| connection.write(&bytes));
        failure.assert_api(INTERRUPTED);
        assert!(failure.hint.contains("The function may have run"), "{what}: {failure:?}");
        assert!(failure.hint.len() < 600, "{what}: {failure:?}");
    }
}

/// A server that wants to speak another protocol has refused.
#[test]
fn an_upgrade_is_a_refusal() {
    let failure = fail(|connection| {
        connection.write("HTTP/1.1 101 Any\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")?;
        connection.read_request().map(drop)
    });
    failure.assert_api("HTTP status 101 without a message");
}

/// A head that never ends is cut off as soon as it is too large.
#[test]
fn a_head_that_never_ends_is_cut_off() {
    let failure = fail(|connection| {
        connection.write(OK)?;
        loop {
            connection.write("X-More: and more\r\n".repeat(100))?;
        }
    });
    failure.assert_api(INTERRUPTED);
}

/// Interim answers without end are ended by the call's budget, not by memory.
#[test]
fn interim_answers_that_never_end_are_cut_off() {
    let server = playing(|connection| {
        loop {
            connection.write("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n".repeat(10))?;
        }
    });
    let mut session = Session::at(&server.url());
    session.set("aws_lambda.request_timeout_ms", "1000");
    let begin = Instant::now();
    session.fail("f", "{}").assert_api("Request timed out after 1000 ms");
    // The I/O thread is as busy as it can be, and a debug build is slow.
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert!(proc::peak_kb(session.pid) < 200_000);
    session.assert_usable();
}

/// Bodies larger than a function's answer can be are cut off, and are no reason to take the memory
/// that they announce.
#[test]
fn bodies_that_are_too_large_are_cut_off() {
    let plays: [fn(&mut RawConnection) -> io::Result<()>; 4] = [
        |connection| {
            connection.write(format!("{OK}Content-Length: 10737418240\r\n\r\n\"never ends"))?;
            loop {
                connection.write([b'x'; 10_000])?;
            }
        },
        |connection| {
            connection
                .write(format!("{OK}Transfer-Encoding: chunked\r\n\r\nb\r\n\"never ends\r\n"))?;
            loop {
                connection.write(format!("2710\r\n{}\r\n", "x".repeat(10_000)))?;
            }
        },
        |connection| {
            connection
                .write(format!("{OK}Content-Length: 9223372036854775807\r\n\r\n\"never ends"))?;
            connection.read_request().map(drop)
        },
        |connection| {
            connection.write(format!("{OK}Connection: close\r\n\r\n\"never ends"))?;
            loop {
                connection.write([b'x'; 10_000])?;
            }
        },
    ];
    for play in plays {
        let failure = fail(play);
        failure
            .assert_function("\"f\" returned an answer of more than 6291556 bytes: \"\"never ends");
        assert!(failure.detail.len() < 400, "{}", failure.detail);
    }
}

/// A refusal is reported as what it is, however large its body.
#[test]
fn a_refusal_with_a_body_without_end_is_a_refusal() {
    let failure = fail(|connection| {
        connection.write("HTTP/1.1 503 Any\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            connection.write(format!("2710\r\n{}\r\n", "x".repeat(10_000)))?;
        }
    });
    assert_eq!(failure.message, "invoke API failed", "{failure:?}");
    assert!(failure.hint.contains("HTTP status 503"), "{failure:?}");
    assert!(failure.detail.len() < 400, "{}", failure.detail);
}

/// Bodies that are not what their head says.
#[test]
fn bodies_that_end_too_soon_are_errors() {
    let bodies = [
        "Content-Length: 100\r\n\r\n{\"a\": 1}",
        "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"a\": 1}",
        "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"a\": 1}\r\n",
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n{\"a\": 1}\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{\"a\": 1}\r\n0\r\n\r\n",
    ];
    for body in bodies {
        let failure = fail(move |connection| connection.write(format!("{OK}{body}")));
        failure.assert_api(INTERRUPTED);
    }
}

/// What follows a complete answer belongs to no call: neither this one nor the next. With the answer in
/// one piece, because what comes only after the next request was sent is, in HTTP/1.1, its answer.
#[test]
fn what_follows_an_answer_is_not_taken_for_another() {
    let server = playing(|connection| {
        let more = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n\"not asked for\"";
        connection.write(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1{more}"))?;
        connection.read_request().map(drop)
    });
    let mut session = Session::at(&server.url());
    for _ in 0..5 {
        assert_eq!(session.call("f", "{}").unwrap().payload.as_deref(), Some("1"));
    }
    session.assert_usable();
}

/// An answer with status 200 that is not JSON in UTF-8 is an error that shows how it begins.
#[test]
fn an_answer_that_is_not_json_is_shown() {
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x4a\x54\xb2\x52\x30\xac\x05\x00";
    let answers: [(&str, &[u8], &str); 9] = [
        ("", b"", "an empty answer: \"\""),
        ("", b"<html>", "an answer that is not JSON: \"<html>\""),
        ("", b"{\"a\": 1", "an answer that is not JSON: \"{\"a\": 1\""),
        ("", b"1 2", "an answer that is not JSON: \"1 2\""),
        ("", b"\xef\xbb\xbf1", "an answer that is not JSON: "),
        ("", b"\"\x00\r\n\x1b[2J\"", "an answer that is not JSON: \"\"    [2J\"\""),
        ("", b"\"\xff\xfe\"", "an answer that is not UTF-8: "),
        ("", b"\"\xed\xa0\x80\"", "an answer that is not UTF-8: "),
        ("Content-Encoding: gzip", gzip, "an answer that is not UTF-8: "),
    ];
    for (header, body, shown) in answers {
        let headers = if header.is_empty() { vec![] } else { vec![header] };
        let failure = fail(move |connection| connection.respond(200, &headers, body));
        failure.assert_function(&format!("\"f\" returned {shown}"));
        assert!(!failure.detail.contains(char::is_control), "{failure:?}");
    }
    let failure = fail(|connection| connection.respond(204, &[], b""));
    failure.assert_function("returned an empty answer");
    // Valid JSON that only PostgreSQL cannot hold is PostgreSQL's error, in `jsonb` alone.
    let server = playing(|connection| connection.respond(200, &[], b"\"\\u0000\""));
    let mut session = Session::at(&server.url());
    assert_eq!(session.call("f", "1").unwrap().payload.as_deref(), Some("\"\\u0000\""));
    let error = session.client.query("SELECT aws_lambda.invoke('f', '1'::jsonb)", &[]).unwrap_err();
    assert_eq!(Failure::from(error).code, "22P05");
}

/// A function's failure is one, whatever its header says and however large its error is.
#[test]
fn a_functions_failure_is_recognised_by_its_header() {
    const HEADER: &str = "X-Amz-Function-Error: Unhandled";
    let large = format!("\"{}\"", "x".repeat(7 << 20));
    let failure = fail(move |connection| connection.respond(200, &[HEADER], large.as_bytes()));
    failure.assert_function("returned an answer of more than 6291556 bytes");

    let large = format!("\"{}\"", "\u{fc}".repeat(3_000_000));
    let failure = fail(move |connection| connection.respond(200, &[HEADER], large.as_bytes()));
    failure.assert_function("(6000002 bytes in all)");
    assert!(failure.detail.len() < 70_000, "{}", failure.detail.len());

    for (header, kind) in
        [("", ""), (" \u{fc}", "\u{fc}"), (" x\ty", "x y"), (" Handled", "Handled")]
    {
        let header = format!("x-amz-function-error:{header}");
        let failure = fail(move |connection| connection.respond(200, &[&header], b"1"));
        failure.assert_function(&format!("\"f\" returned error \"{kind}\", details: \"1\"."));
    }
    let failure = fail(|connection| connection.respond(200, &[HEADER], b"a\0b\xff\r\nc"));
    failure.assert_function("details: \"a\\u0000b\u{fffd}\r\nc\".");
}

/// Headers that are not text do not spoil an answer.
#[test]
fn headers_that_are_not_text_are_left_out() {
    let server = playing(|connection| {
        connection.write(OK)?;
        connection.write(b"x-amz-executed-version: \xff\xfe\r\nx-amzn-requestid: \xc3\x28\r\n")?;
        connection
            .write(b"x-amz-log-result: \xff\r\nretry-after: \xff\r\nContent-Length: 1\r\n\r\n1")
    });
    let answer = Session::at(&server.url()).call("f", "{}").unwrap();
    assert_eq!((answer.payload.as_deref(), answer.version), (Some("1"), None));
}

/// A refusal's message is found under every name it goes by, and what is no message is shown as
/// it is; none of it can forge a line of the log, or fill it.
#[test]
fn every_form_of_refusal_is_reported() {
    let html = b"<html><body><h1>502 Bad Gateway</h1></body></html>";
    let bodies: [(&[u8], &str, &str); 12] = [
        (b"{\"message\": \"lower\"}", "lower", "No error code"),
        (b"{\"Message\": \"upper\"}", "upper", "No error code"),
        (b"{\"__type\": \"Some.Thing#Code:http://x\", \"message\": \"m\"}", "m", "Code, "),
        (b"{\"__type\": \"OnlyType\"}", "{\"__type\": \"OnlyType\"}", "OnlyType, "),
        (b"{\"message\": null}", "{\"message\": null}", "No error code"),
        (b"{\"message\": {\"a\": 1}}", "{\"message\": {\"a\": 1}}", "No error code"),
        (b"{\"message\": \"a\", \"Message\": \"b\"}", "a", ""),
        (b"{}", "{}", "No error code"),
        (b"", "HTTP status 500 without a message", "No error code"),
        (b" \r\n ", "HTTP status 500 without a message", "No error code"),
        (html, "<html><body><h1>502 Bad Gateway</h1></body></html>", "No error code"),
        (
            b"{\"message\": \"a\\u0000\\r\\n\\tLOG:  forged\\u001b[2J\"}",
            "a    LOG:  forged [2J",
            "",
        ),
    ];
    for (body, message, code) in bodies {
        let failure = fail(move |connection| connection.respond(500, &[], body));
        failure.assert_api(message);
        assert!(failure.hint.contains(code), "{failure:?}");
        assert!(failure.hint.contains("HTTP status 500"), "{failure:?}");
    }
    let long = serde_json::json!({ "message": "\u{fc}".repeat(50_000) }).to_string();
    let failure = fail(move |connection| connection.respond(500, &[], long.as_bytes()));
    assert!((4000..5000).contains(&failure.detail.len()), "{}", failure.detail.len());
    let long = "x".repeat(60_000);
    let failure = fail(move |connection| {
        let headers = [format!("x-amzn-ErrorType: {long}"), "x-amzn-RequestId: a b".to_owned()];
        connection.respond(500, &headers.each_ref().map(String::as_str), b"")
    });
    assert!(failure.hint.len() < 600, "{}", failure.hint.len());
    for status in [400, 404, 418, 429, 499, 502, 504, 599, 999] {
        let server = playing(move |connection| connection.respond(status, &[], b"no"));
        let mut session = Session::at(&server.url());
        session.set("aws_lambda.max_attempts", "1");
        let failure = session.fail("f", "{}");
        failure.assert_api("no");
        assert!(failure.hint.contains(&format!("HTTP status {status}")), "{failure:?}");
    }
}
