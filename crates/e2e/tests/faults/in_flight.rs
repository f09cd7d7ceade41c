//! The same faults, with 64 calls of one statement in flight.

use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use e2e::{RawConnection, RawServer, StopMode, wait_until};
use nix::sys::signal::Signal;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::Linger;
use postgres::NoTls;

use crate::cancel::{CANCELED, TERMINATED, TIMED_OUT, assert_terminated};
use crate::leaks::Holdings;
use crate::support::stuck::{Peer, STAGES};
use crate::support::{Failure, Running, Session, playground, proc};

/// What a busy machine takes to let 64 requests of megabytes go; a flight would go on for much longer.
const SOON: Duration = Duration::from_secs(5);

/// Calls in flight at once.
const FLIGHT: usize = 64;
const COUNT: i32 = 64;

/// Starts 64 calls that get stuck at `peer`, the last of `calls` in all.
fn start(mut session: Session, peer: &Peer, calls: usize) -> Running {
    session.go_to(&peer.url());
    let running = session.start_many("f", peer.payload_of_many(), COUNT);
    peer.wait_for_flight(FLIGHT, calls);
    running
}

/// Interrupts a flight at every stage, one after the other in one backend.
fn interrupt_at_every_stage(mut interrupt: impl FnMut(&Running)) {
    let mut session = Session::open();
    for stage in STAGES {
        let peer = Peer::at(stage);
        let running = start(session, &peer, FLIGHT);
        let begin = Instant::now();
        interrupt(&running);
        let ended = running.join();
        let took = ended.at.duration_since(begin);
        ended.failure().assert_own("57014", CANCELED);
        assert!(took < SOON, "{stage:?}: {took:?}");
        peer.wait_for_closed(FLIGHT);
        session = ended.session;
        // The server signals a driver's cancel twice; a second one that comes late ends this.
        let _ = session.client.batch_execute("SELECT pg_sleep(0.1)");
        session.assert_usable();
    }
}

/// `pg_cancel_backend` ends all calls of a statement at once.
#[test]
fn pg_cancel_backend_ends_a_flight_at_every_stage() {
    let mut other = Session::open();
    interrupt_at_every_stage(|running| {
        other.run(&format!("SELECT pg_cancel_backend({})", running.pid));
    });
}

/// A driver's cancel request ends them just so.
#[test]
fn a_drivers_cancel_ends_a_flight_at_every_stage() {
    interrupt_at_every_stage(|running| running.token.cancel_query(NoTls).unwrap());
}

/// `statement_timeout` ends all calls of a statement when it is due.
#[test]
fn statement_timeout_ends_a_flight_at_every_stage() {
    const LIMIT: Duration = Duration::from_millis(1500);
    let mut session = Session::open();
    for stage in STAGES {
        let peer = Peer::at(stage);
        session.go_to(&peer.url());
        session.run(&format!("SET statement_timeout = {}", LIMIT.as_millis()));
        let ended = session.start_many("f", peer.payload_of_many(), COUNT).join();
        ended.failure().assert_own("57014", TIMED_OUT);
        assert!(ended.took >= LIMIT && ended.took < LIMIT + SOON, "{stage:?}: {:?}", ended.took);
        peer.wait_for_all_closed();
        session = ended.session;
        session.assert_usable();
    }
}

/// `pg_terminate_backend` ends the session at once, and all its connections.
#[test]
fn pg_terminate_backend_ends_a_flight_at_every_stage() {
    let mut other = Session::open();
    for stage in STAGES {
        let peer = Peer::at(stage);
        let running = start(Session::open(), &peer, FLIGHT);
        let pid = running.pid;
        let begin = Instant::now();
        other.run(&format!("SELECT pg_terminate_backend({pid})"));
        let ended = running.join();
        let took = ended.at.duration_since(begin);
        assert_terminated(&ended, pid, playground().cluster());
        assert!(took < SOON, "{stage:?}: {took:?}");
        wait_until("the backend is gone", || !proc::is_running(pid));
        peer.wait_for_closed(FLIGHT);
    }
}

/// A fast shutdown waits for no flight, and the death of the postmaster leaves none behind.
#[test]
fn no_flight_outlives_its_server() {
    for crash in [false, true] {
        let mut cluster = playground().new_cluster(|config| config).unwrap();
        let open = || Session::open_in(&cluster, "sqlambda_template");
        let stuck: Vec<(Peer, Running)> = STAGES
            .into_iter()
            .map(|stage| {
                let peer = Peer::at(stage);
                let running = start(open(), &peer, FLIGHT);
                (peer, running)
            })
            .collect();
        let begin = Instant::now();
        if crash {
            cluster.signal_backend(cluster.pid().unwrap(), Signal::SIGKILL).unwrap();
        } else {
            cluster.stop(StopMode::Fast).unwrap();
        }
        for (peer, running) in stuck {
            let pid = running.pid;
            let failure = running.join().failure();
            if !crash && !failure.code.is_empty() {
                failure.assert_own("57P01", TERMINATED);
            }
            wait_until("the backend is gone", || !proc::is_running(pid));
            peer.wait_for_closed(FLIGHT);
        }
        assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
        if crash {
            cluster.stop(StopMode::Immediate).unwrap();
        }
        cluster.start().unwrap();
        Session::open_in(&cluster, "sqlambda_template").assert_usable();
        let log = cluster.log_text().unwrap();
        assert!(!log.contains("PANIC") && !log.contains("terminated by signal 11"), "{log}");
    }
}

/// A hundred flights, cancelled at every stage, leave nothing behind in their backend.
#[test]
fn cancelled_flights_leave_nothing_behind() {
    const ROUNDS: usize = 100 / STAGES.len();
    const SLACK_KB: u64 = 4096;
    let peers = STAGES.map(Peer::at);
    let mut session = Session::open();
    let pid = session.pid;
    let mut holdings = Vec::new();
    for round in 1..=ROUNDS {
        for peer in &peers {
            let running = start(session, peer, round * FLIGHT);
            running.cancel();
            let ended = running.join();
            assert_eq!(ended.failure().code, "57014");
            peer.wait_for_closed(round * FLIGHT);
            session = ended.session;
        }
        session.assert_usable();
        holdings.push((Holdings::of(pid), proc::private_kb(pid)));
    }
    // The C library keeps one of the large payloads or gives it back, as it happens.
    let kb = |some: &[(Holdings, u64)]| some.iter().map(|(_, kb)| *kb).collect::<Vec<_>>();
    let first = kb(&holdings[..5]).into_iter().max().unwrap();
    let last = kb(&holdings[ROUNDS - 5..]).into_iter().min().unwrap();
    assert!(last <= first + SLACK_KB, "{first} KB, then {last} KB");
    holdings[4].0.wait_for_same(pid);
    session.assert_usable();
}

/// What a peer does with a request, by the request's number.
fn misbehave(number: u64, connection: &mut RawConnection) -> io::Result<()> {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    match number % 8 {
        1 => {
            let now = nix::libc::linger { l_onoff: 1, l_linger: 0 };
            setsockopt(&connection.stream(), Linger, &now)?;
            Err(io::ErrorKind::ConnectionReset.into())
        }
        2 => {
            connection.stream().shutdown(Shutdown::Write)?;
            connection.read_request().map(drop)
        }
        3 => connection.write([7; 5000]).and(Err(io::ErrorKind::Other.into())),
        4 => connection.read_request().map(drop),
        5 => {
            connection.write("HTTP/1.1 200 OK\r\nX-Slow: ")?;
            loop {
                connection.write("x")?;
                thread::sleep(Duration::from_millis(20));
            }
        }
        6 => connection.write(format!("{HEAD}\"half of it")).and(Err(io::ErrorKind::Other.into())),
        7 => connection.respond(200, &[], b"{not JSON}"),
        _ => connection.respond(200, &[], number.to_string().as_bytes()),
    }
}

/// Peers that misbehave spoil the rows of their own calls, and no other; nothing is sent twice.
#[test]
fn a_bad_peer_spoils_its_own_rows_only() {
    let server = RawServer::start(|connection| {
        while let Some(request) = connection.read_request()? {
            let number: u64 = String::from_utf8_lossy(&request.body).parse().unwrap_or(0);
            misbehave(number, connection)?;
        }
        Ok(())
    })
    .unwrap();
    let port = server.address().port();
    let mut session = Session::at(&server.url());
    session.set("aws_lambda.request_timeout_ms", "1500");
    for ordered in [true, false, true] {
        let before = server.requests().len();
        let rows = session
            .client
            .query(
                "SELECT ordinality, request::text, payload::text, error ->> 'type'
                   FROM aws_lambda.invoke_query('f', 'SELECT generate_series(1, 64)',
                     max_concurrency => 64, on_error => 'return', ordered => $1)",
                &[&ordered],
            )
            .unwrap();
        assert_eq!(rows.len(), FLIGHT);
        for row in &rows {
            let number: i64 = row.get(0);
            assert_eq!(row.get::<_, Option<String>>(1), Some(number.to_string()));
            let (payload, error): (Option<String>, Option<String>) = (row.get(2), row.get(3));
            let expected = match number % 8 {
                0 => None,
                4 | 5 => Some("RequestTimeout"),
                7 => Some("InvalidAnswer"),
                _ => Some("ConnectionClosed"),
            };
            assert_eq!(error.as_deref(), expected, "row {number}");
            assert_eq!(payload, expected.is_none().then(|| number.to_string()), "row {number}");
        }
        let mut sent: HashMap<Vec<u8>, usize> = HashMap::new();
        for request in &server.requests()[before..] {
            *sent.entry(request.body.clone()).or_default() += 1;
        }
        assert_eq!(sent.len(), FLIGHT);
        assert!(sent.values().all(|times| *times == 1), "sent twice: {sent:?}");
        // Those of the good answers, and of the answers that were whole but no JSON.
        wait_until("the others are closed", || proc::connected_to(port) <= FLIGHT / 4);
    }
    session.assert_usable();
}

/// With `raise` the first failure in order ends the statement, closes what is in flight, and says
/// which row it was.
#[test]
fn a_failure_ends_the_rest_of_its_flight() {
    let server = RawServer::start(|connection| {
        while let Some(request) = connection.read_request()? {
            if request.body == b"40" {
                connection.respond(500, &["x-amzn-ErrorType: ServiceException"], b"{}")?;
            } else if request.body == b"41" || request.body == b"1" {
                connection.respond(200, &[], b"1")?;
            } else {
                return connection.read_request().map(drop);
            }
        }
        Ok(())
    })
    .unwrap();
    let mut session = Session::at(&server.url());
    session.set("aws_lambda.max_attempts", "1");
    let error = session
        .client
        .query(
            "SELECT * FROM aws_lambda.invoke_query('f', 'SELECT generate_series(1, 200)',
               max_concurrency => 64, ordered => false)",
            &[],
        )
        .unwrap_err();
    let failure = Failure::from(error);
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("38000", "invoke API failed"));
    assert!(failure.hint.starts_with("This was row 40. "), "{failure:?}");
    let port = server.address().port();
    // Those whose answers were complete are kept.
    wait_until("what was in flight is closed", || proc::connected_to(port) <= 3);
    assert!(server.requests().len() <= FLIGHT + 3, "{} were sent", server.requests().len());
    session.assert_usable();
}

/// A cursor that is left with calls in flight: whatever ends it closes them, and the end of its
/// session waits for none.
#[test]
fn whatever_ends_a_cursor_ends_its_flight() {
    let server = RawServer::start(|connection| {
        while let Some(request) = connection.read_request()? {
            if request.body != b"1" {
                return connection.read_request().map(drop);
            }
            connection.respond(200, &[], b"1")?;
        }
        Ok(())
    })
    .unwrap();
    let port = server.address().port();
    let mut other = Session::open();
    for end in ["CLOSE c", "COMMIT", "ROLLBACK", "SELECT 1/0", "idle", "terminate", "disconnect"] {
        let before = server.requests().len();
        let mut session = Session::at(&server.url());
        let pid = session.pid;
        session.run(
            "BEGIN; DECLARE c CURSOR FOR SELECT * FROM aws_lambda.invoke_query('f',
               'SELECT generate_series(1, 200)', max_concurrency => 64)",
        );
        assert_eq!(session.client.query("FETCH 1 FROM c", &[]).unwrap().len(), 1);
        wait_until("calls are in flight", || server.requests().len() - before >= FLIGHT);
        assert!(proc::connected_to(port) >= FLIGHT - 1, "{end}: idle, with calls in flight");
        let mut session = Some(session);
        match (end, &mut session) {
            ("terminate", _) => other.run(&format!("SELECT pg_terminate_backend({pid})")),
            ("idle", Some(it)) => it.run("SET idle_in_transaction_session_timeout = 100"),
            (sql, Some(it)) if sql != "disconnect" => {
                let result = it.client.batch_execute(sql);
                assert_eq!(result.is_err(), sql == "SELECT 1/0", "{result:?}");
            }
            _ => session = None,
        }
        wait_until(end, || proc::connected_to(port) <= 1);
        if ["idle", "terminate", "disconnect"].contains(&end) {
            wait_until("the backend is gone", || !proc::is_running(pid));
        }
        drop(session);
    }
    other.assert_usable();
}
