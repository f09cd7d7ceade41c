//! One session's calls share a connection, and a connection that dies never runs a function twice.

use std::fs;
use std::io::{self, Read as _};
use std::net::Shutdown;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use e2e::{RawConnection, RawServer, wait_until};

use crate::support::{Session, playground};

const INTERRUPTED: &str = "Connection closed before the response was complete";

/// A server that answers every request of a connection with these bytes.
fn answering(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> RawServer {
    RawServer::start(move |connection| {
        while connection.read_request()?.is_some() {
            connection.write(&bytes)?;
        }
        Ok(())
    })
    .unwrap()
}

/// Calls succeed with the payload `1`, `times` times.
#[track_caller]
fn assert_answers(session: &mut Session, times: usize) {
    for _ in 0..times {
        let answer = session.call("f", "{}").unwrap();
        assert_eq!((answer.status, answer.payload.as_deref()), (200, Some("1")));
    }
}

/// The calls of a session go over one connection, whatever ended well or badly before.
#[test]
fn calls_of_a_session_share_a_connection() {
    let server = answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
    let mut session = Session::at(&server.url());
    assert_answers(&mut session, 20);
    session.run("BEGIN");
    assert_answers(&mut session, 1);
    session.run("ROLLBACK");
    session.client.batch_execute("SELECT 1/0").unwrap_err();
    session.fail("no such name", "{}");
    session.run("DISCARD ALL");
    session.go_to(&server.url());
    assert_answers(&mut session, 20);
    assert_eq!((server.connections(), server.requests().len()), (1, 41));
}

/// A refusal and a function's failure leave the connection as good as it was.
#[test]
fn errors_of_the_service_keep_the_connection() {
    let answers = [
        (200, "X-Amz-Function-Error: Unhandled"),
        (404, "x-amzn-ErrorType: ResourceNotFoundException"),
        (403, "x-amzn-ErrorType: AccessDeniedException"),
        (200, "X-Amz-Executed-Version: 7"),
    ];
    let server = RawServer::start(move |connection| {
        for (status, header) in answers.iter().cycle() {
            let Some(_) = connection.read_request()? else { return Ok(()) };
            connection.respond(*status, &[header], b"1")?;
        }
        Ok(())
    })
    .unwrap();
    let mut session = Session::at(&server.url());
    for _ in 0..5 {
        session.fail("f", "{}").assert_function("returned error \"Unhandled\"");
        session.fail("f", "{}").assert_api("1");
        session.fail("f", "{}").assert_api("1");
        assert_eq!(session.call("f", "{}").unwrap().version.as_deref(), Some("7"));
    }
    assert_eq!((server.connections(), server.requests().len()), (1, 20));
}

/// A connection that the server closed between two calls, without having said so, is neither an
/// error nor a second run.
#[test]
fn a_close_between_two_calls_goes_unnoticed() {
    const CALLS: usize = 50;
    let closed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&closed);
    let server = RawServer::start(move |connection| {
        connection.read_request()?;
        connection.respond(200, &[], b"1")?;
        connection.stream().shutdown(Shutdown::Both)?;
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    })
    .unwrap();
    let mut session = Session::at(&server.url());
    session.set("aws_lambda.max_attempts", "1");
    for number in 1..=CALLS {
        assert_answers(&mut session, 1);
        wait_until("the server has closed", || closed.load(Ordering::SeqCst) == number);
    }
    assert_eq!((server.connections(), server.requests().len()), (CALLS, CALLS));
}

/// The real service, restarted on its port between two calls, is called again without an error
/// and without a second run.
#[test]
fn a_restart_of_the_service_between_two_calls_goes_unnoticed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("count");
    let event = serde_json::json!({ "file": &file }).to_string();
    let mut service = playground().new_service(|config| config).unwrap();
    let address = service.address().to_owned();
    let mut session = Session::at(service.endpoint());
    session.set("aws_lambda.max_attempts", "1");
    for count in 1..=3 {
        let answer = session.call("counter", &event).unwrap();
        assert_eq!(answer.payload, Some(format!("{{\"count\": {count}}}")));
        // In order and as a crash.
        let end = if count == 1 { service.stop() } else { service.kill() };
        end.unwrap();
        service = playground().new_service(|config| config.listen(&address)).unwrap();
    }
}

/// How often the function `counter` has run.
fn runs(file: &Path) -> usize {
    fs::read_to_string(file).unwrap_or_default().lines().count()
}

/// When the service dies after a function was started, the function has run once, however many
/// attempts are allowed, and also when the service is back at once.
#[test]
fn a_function_runs_once_when_the_service_dies() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("count");
    let mut service = playground().new_service(|config| config).unwrap();
    let mut session = Session::at(service.endpoint());
    session.set("aws_lambda.max_attempts", "10");
    // Once over a new connection, once over one that has been used.
    for count in [1, 3] {
        let event = serde_json::json!({ "file": &file, "sleep": 60 }).to_string();
        let running = session.start("counter", event);
        wait_until("the function runs", || runs(&file) == count);
        let address = service.address().to_owned();
        service.kill().unwrap();
        service = playground().new_service(|config| config.listen(address)).unwrap();
        let ended = running.join();
        ended.failure().assert_api(INTERRUPTED);
        session = ended.session;
        // The next call counts itself, and would see another run.
        let event = serde_json::json!({ "file": &file }).to_string();
        let answer = session.call("counter", &event).unwrap();
        assert_eq!(answer.payload, Some(format!("{{\"count\": {}}}", count + 1)));
    }
}

/// When a function's process dies after it has done its work, the function has run once.
#[test]
fn a_function_runs_once_when_it_dies() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("count");
    let event = serde_json::json!({ "file": &file, "die": true }).to_string();
    let mut session = Session::open();
    session.set("aws_lambda.max_attempts", "10");
    session.fail("counter", &event).assert_function("Runtime.ExitError");
    assert_eq!(runs(&file), 1);
}

/// A request that was sent is not sent again when the connection then ends, in whatever way and
/// at whatever point of the answer, whether the connection was new or had been used.
#[test]
fn a_request_that_was_sent_is_never_sent_again() {
    let ends: [(&str, &[u8]); 6] = [
        ("before any byte", b""),
        ("in the status line", b"HTTP/1.1 2"),
        ("in the headers", b"HTTP/1.1 200 OK\r\nContent-Le"),
        ("after an interim answer", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("in the body", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n\"abc"),
        ("in a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n\"abc"),
    ];
    for (point, bytes) in ends {
        for used in [false, true] {
            let server = RawServer::start(move |connection| {
                if used {
                    connection.read_request()?;
                    connection.respond(200, &[], b"1")?;
                }
                connection.read_request()?;
                connection.write(bytes)
            })
            .unwrap();
            let mut session = Session::at(&server.url());
            session.set("aws_lambda.max_attempts", "10");
            if used {
                assert_answers(&mut session, 1);
            }
            let failure = session.fail("f", "{}");
            assert_eq!(failure.detail, format!("AWS Lambda client returned '{INTERRUPTED}'."));
            assert!(failure.hint.contains("is not sent again"), "{point}: {failure:?}");
            let requests = if used { 2 } else { 1 };
            assert_eq!(server.requests().len(), requests, "{point}");
            session.assert_usable();
        }
    }
}

/// What a script does once a request has been read.
type Play = fn(&mut RawConnection) -> io::Result<()>;

/// A server that plays `play` after each request of a connection.
fn playing(play: Play) -> RawServer {
    RawServer::start(move |connection| {
        while connection.read_request()?.is_some() {
            play(connection)?;
        }
        Ok(())
    })
    .unwrap()
}

/// Every way of HTTP/1 to send an answer is understood, and tells rightly whether the connection
/// may be used again.
#[test]
fn every_form_of_answer_is_understood() {
    let kept: [(&str, Play); 7] = [
        ("content-length", |c| c.respond(200, &[], b"1")),
        ("HTTP/1.0 with keep-alive", |c| {
            c.write("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n1")
        }),
        ("chunked", |c| {
            c.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n")
        }),
        ("chunked with extension and trailer", |c| {
            c.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            c.write("1;why=not\r\n1\r\n0\r\nX-After: all\r\n\r\n")
        }),
        ("100 Continue", |c| {
            c.write("HTTP/1.1 100 Continue\r\n\r\n")?;
            c.respond(200, &[], b"1")
        }),
        ("many interim answers", |c| {
            for _ in 0..50 {
                c.write("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")?;
            }
            c.respond(200, &[], b"1")
        }),
        ("byte by byte", |c| {
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1".iter().try_for_each(|b| c.write([*b]))
        }),
    ];
    for (form, play) in kept {
        let server = playing(play);
        let mut session = Session::at(&server.url());
        assert_answers(&mut session, 5);
        assert_eq!((server.connections(), server.requests().len()), (1, 5), "{form}");
    }
    let closing: [(&str, &str); 3] = [
        ("HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n1"),
        ("Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1"),
        ("neither length nor chunks", "HTTP/1.1 200 OK\r\n\r\n1"),
    ];
    for (form, bytes) in closing {
        let server = RawServer::start(move |connection| {
            connection.read_request()?;
            connection.write(bytes)
        })
        .unwrap();
        let mut session = Session::at(&server.url());
        session.set("aws_lambda.max_attempts", "1");
        assert_answers(&mut session, 5);
        assert_eq!((server.connections(), server.requests().len()), (5, 5), "{form}");
    }
}

/// An answer that comes before the request has been read is the answer; what could not be sent
/// does not disturb the next call.
#[test]
fn an_early_answer_counts() {
    let server = RawServer::start(|connection| {
        let mut stream = connection.stream();
        stream.read_exact(&mut [0; 1000])?;
        connection.respond(
            413,
            &["x-amzn-ErrorType: RequestEntityTooLargeException"],
            b"{\"message\": \"too much\"}",
        )?;
        // As a careful server does: it sends no more, and reads on, so that nothing is lost.
        let mut stream = connection.stream();
        stream.shutdown(Shutdown::Write)?;
        io::copy(&mut stream, &mut io::sink()).map(drop)
    })
    .unwrap();
    let mut session = Session::at(&server.url());
    let large = format!("\"{}\"", "x".repeat(6_000_000));
    for calls in 1..=3 {
        let failure = session.fail("f", &large);
        failure.assert_api("too much");
        assert!(failure.hint.contains("RequestEntityTooLargeException, HTTP status 413"));
        assert_eq!(server.connections(), calls, "tried once");
    }
    session.assert_usable();
}

/// An early answer of a server that then neither reads nor closes: the connection is not used
/// again, and the call is over.
#[test]
fn an_early_answer_of_a_server_that_reads_no_more_counts() {
    let over = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&over);
    let server = RawServer::start(move |connection| {
        let mut stream = connection.stream();
        stream.read_exact(&mut [0; 1000])?;
        connection.respond(413, &[], b"{\"message\": \"too much\"}")?;
        // Held open, and never read, until the test ends.
        while !done.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    })
    .unwrap();
    let mut session = Session::at(&server.url());
    let large = format!("\"{}\"", "x".repeat(6_000_000));
    session.fail("f", &large).assert_api("too much");
    session.fail("f", &large).assert_api("too much");
    assert_eq!(server.connections(), 2);
    over.store(true, Ordering::SeqCst);
    session.assert_usable();
}
