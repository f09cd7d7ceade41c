use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use e2e::{RawServer, wait_until};
use nix::sys::signal::Signal;

use crate::support::{Session, cluster};

const IN_FLIGHT: usize = 64;

/// A server that answers the first `answered` requests and then leaves all others waiting.
struct Stuck {
    server: RawServer,
    waiting: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
}

impl Stuck {
    fn after(answered: usize) -> Self {
        let (waiting, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (seen, gone) = (Arc::clone(&waiting), Arc::clone(&closed));
        let left = AtomicUsize::new(answered);
        let server = RawServer::start(move |connection| {
            while connection.read_request()?.is_some() {
                let take = |left: usize| left.checked_sub(1);
                if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
                    connection.respond(200, &[], b"1")?;
                    continue;
                }
                seen.fetch_add(1, Ordering::SeqCst);
                let mut stream = connection.stream();
                while matches!(stream.read(&mut [0; 1024]), Ok(read) if read > 0) {}
                gone.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
            Ok(())
        });
        Self { server: server.unwrap(), waiting, closed }
    }

    fn wait_for_all(&self) {
        wait_until("64 calls are in flight", || self.waiting.load(Ordering::SeqCst) == IN_FLIGHT);
    }

    fn assert_all_closed(&self) {
        wait_until("64 connections are closed", || self.closed.load(Ordering::SeqCst) == IN_FLIGHT);
    }
}

fn session_at(stuck: &Stuck) -> (Session, u32) {
    let mut session = Session::new();
    session.go_to(&stuck.server.url());
    let pid = session.text("SELECT pg_backend_pid()").parse().unwrap();
    (session, pid)
}

fn call() -> String {
    format!(
        "aws_lambda.invoke_query('f', 'SELECT generate_series(1, 100000)', max_concurrency => {IN_FLIGHT}, ordered => false)"
    )
}

/// A cancel ends 64 calls in flight at once, and the session goes on.
#[test]
fn a_cancel_closes_everything_in_flight() {
    let stuck = Stuck::after(0);
    let (mut session, pid) = session_at(&stuck);
    let running = thread::spawn(move || {
        let failure = session.fail(&format!("SELECT * FROM {}", call()));
        (session, failure)
    });
    stuck.wait_for_all();
    cluster().signal_backend(pid, Signal::SIGINT).unwrap();
    stuck.assert_all_closed();
    let (mut session, failure) = running.join().unwrap();
    assert_eq!((failure.code.as_str(), failure.hint.as_str()), ("57014", ""));
    session.go_to("");
    session.assert_usable();
    assert_eq!(stuck.waiting.load(Ordering::SeqCst), IN_FLIGHT, "nothing was sent again");
}

/// So does `statement_timeout`, in PL/pgSQL too, whose handler catches it.
#[test]
fn a_timeout_closes_everything_in_flight() {
    let stuck = Stuck::after(3);
    let (mut session, _) = session_at(&stuck);
    session.run("SET statement_timeout = '2s'");
    let failure = session.fail(&format!("SELECT * FROM {}", call()));
    assert_eq!(failure.code, "57014");
    stuck.assert_all_closed();
    session.run("SET statement_timeout = 0");
    session.go_to("");
    session.assert_usable();
}

/// A terminated session leaves nothing in flight.
#[test]
fn a_terminated_session_closes_everything_in_flight() {
    let stuck = Stuck::after(0);
    let (mut session, pid) = session_at(&stuck);
    let running = thread::spawn(move || {
        session.client.simple_query(&format!("SELECT * FROM {}", call())).is_err()
    });
    stuck.wait_for_all();
    cluster().signal_backend(pid, Signal::SIGTERM).unwrap();
    stuck.assert_all_closed();
    assert!(running.join().unwrap());
}

/// What wants no more rows abandons the calls: `LIMIT`, a closed cursor, a loop that is left, a
/// transaction that is rolled back.
#[test]
fn the_end_of_the_statement_closes_everything_in_flight() {
    for statement in [
        "SELECT * FROM CALL LIMIT 2",
        "SELECT CALL LIMIT 2",
        "BEGIN; DECLARE c CURSOR FOR SELECT * FROM CALL; FETCH 2 FROM c; CLOSE c; COMMIT",
        "BEGIN; DECLARE c CURSOR FOR SELECT * FROM CALL; FETCH 2 FROM c; ROLLBACK",
        "BEGIN; DECLARE c CURSOR FOR SELECT * FROM CALL; FETCH 2 FROM c; COMMIT",
        "DO $$ DECLARE i bigint; BEGIN FOR i IN SELECT ordinality FROM CALL LOOP EXIT; END LOOP; END $$",
    ] {
        let stuck = Stuck::after(2);
        let (mut session, _) = session_at(&stuck);
        let statement = statement.replace("CALL", &call());
        session.run(&statement);
        let waiting = stuck.waiting.load(Ordering::SeqCst);
        assert!(waiting <= IN_FLIGHT, "{waiting}: {statement}");
        // Connections on which nothing was sent yet are not counted.
        wait_until("the connections are closed", || {
            stuck.closed.load(Ordering::SeqCst) == stuck.waiting.load(Ordering::SeqCst)
        });
        session.go_to("");
        session.assert_usable();
    }
}

/// An error elsewhere in the statement ends the calls too, also where a handler catches it.
#[test]
fn an_error_elsewhere_closes_everything_in_flight() {
    let stuck = Stuck::after(2);
    let (mut session, _) = session_at(&stuck);
    session.run(&format!(
        "DO $$ BEGIN
            PERFORM 1 / (ordinality - ordinality) FROM {};
        EXCEPTION WHEN division_by_zero THEN NULL;
        END $$",
        call()
    ));
    wait_until("the connections are closed", || {
        stuck.closed.load(Ordering::SeqCst) == stuck.waiting.load(Ordering::SeqCst)
    });
    session.go_to("");
    session.assert_usable();
}
