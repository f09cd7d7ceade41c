//! Cancel, timeout, terminate, shutdown and crashes end a call at once, wherever it is stuck.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use e2e::{Cluster, StopMode, wait_until};
use nix::sys::signal::Signal;
use postgres::NoTls;

use crate::support::stuck::{Peer, STAGES};
use crate::support::{AT_ONCE, Ended, Running, Session, database, playground, proc};

pub const CANCELED: &str = "canceling statement due to user request";
pub const TIMED_OUT: &str = "canceling statement due to statement timeout";
pub const TERMINATED: &str = "terminating connection due to administrator command";

/// Interrupts a call at every stage, one after the other in one backend, and expects `message`.
fn interrupt_at_every_stage(mut interrupt: impl FnMut(&Running)) {
    let mut session = Session::open();
    for stage in STAGES {
        let peer = Peer::at(stage);
        session.go_to(&peer.url());
        let running = session.start("f", peer.payload());
        peer.wait_for_stuck(1);

        let begin = Instant::now();
        interrupt(&running);
        let ended = running.join();
        let took = ended.at.duration_since(begin);
        ended.failure().assert_own("57014", CANCELED);
        assert!(took < AT_ONCE, "{stage:?}: {took:?}");

        peer.wait_for_closed(1);
        session = ended.session;
        // The server signals a driver's cancel twice; a second one that comes late ends this.
        let _ = session.client.batch_execute("SELECT pg_sleep(0.1)");
        session.assert_usable();
    }
}

/// `pg_cancel_backend` ends a call at once, with PostgreSQL's own error; its connection is closed,
/// and the backend calls again.
#[test]
fn pg_cancel_backend_ends_a_call_at_every_stage() {
    let mut other = Session::open();
    interrupt_at_every_stage(|running| {
        other.run(&format!("SELECT pg_cancel_backend({})", running.pid));
    });
}

/// A driver's cancel request ends a call just so.
#[test]
fn a_drivers_cancel_ends_a_call_at_every_stage() {
    interrupt_at_every_stage(|running| running.token.cancel_query(NoTls).unwrap());
}

/// Ctrl-C in psql ends a call just so.
#[test]
fn ctrl_c_in_psql_ends_a_call_at_every_stage() {
    for stage in STAGES {
        let peer = Peer::at(stage);
        let function = "aws_lambda.invoke('f', ('\"' || repeat('x', 6000000) || '\"')::json)";
        let psql = playground()
            .cluster()
            .psql()
            .database(database())
            .bare()
            .arg("-c")
            .arg("SET aws_lambda.request_timeout_ms = 60000")
            .arg("-c")
            .arg("SET aws_lambda.connect_timeout_ms = 60000")
            .arg("-c")
            .arg(format!("SET aws_lambda.endpoint_override = '{}'", peer.url()))
            .arg("-c")
            .arg(format!("SELECT status_code FROM {function}"));
        let mut command = psql.into_command();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        peer.wait_for_stuck(1);

        let begin = Instant::now();
        playground().cluster().signal_backend(child.id(), Signal::SIGINT).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(begin.elapsed() < AT_ONCE, "{stage:?}: {:?}", begin.elapsed());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, format!("Cancel request sent\nERROR:  {CANCELED}\n"), "{stage:?}");
        peer.wait_for_closed(1);
    }
}

/// `statement_timeout` ends a call when it is due, with PostgreSQL's own error.
#[test]
fn statement_timeout_ends_a_call_at_every_stage() {
    /// On a busy machine a call may not get there in time: then it is given more.
    const LIMITS_MS: [u64; 3] = [800, 3_200, 12_800];
    let mut session = Session::open();
    for stage in STAGES {
        let peer = Peer::at(stage);
        session.go_to(&peer.url());
        for limit in LIMITS_MS.map(Duration::from_millis) {
            session.run(&format!("SET statement_timeout = {}", limit.as_millis()));
            let ended = session.start("f", peer.payload()).join();
            ended.failure().assert_own("57014", TIMED_OUT);
            let took = ended.took;
            assert!(took >= limit && took < limit + AT_ONCE, "{stage:?}: {took:?}");
            peer.wait_for_all_closed();
            session = ended.session;
            session.assert_usable();
            if peer.was_reached() {
                break;
            }
        }
        assert!(peer.was_reached(), "{stage:?}");
    }
}

/// Starts a call at every stage, each in a session of its own.
fn stuck_sessions(open: impl Fn() -> Session) -> Vec<(Peer, Running)> {
    let start = |stage| {
        let peer = Peer::at(stage);
        let mut session = open();
        session.go_to(&peer.url());
        let running = session.start("f", peer.payload());
        peer.wait_for_stuck(1);
        (peer, running)
    };
    STAGES.into_iter().map(start).collect()
}

/// Asserts that PostgreSQL's own error ended a session.
#[track_caller]
pub fn assert_terminated(ended: &Ended, pid: u32, cluster: &Cluster) {
    let failure = ended.failure();
    // The driver may see the end of the connection before it has given out what came before it.
    if !failure.code.is_empty() {
        failure.assert_own("57P01", TERMINATED);
    }
    let log = cluster.log_text().unwrap();
    let line =
        log.lines().find(|line| line.contains(&format!("[{pid}]")) && line.contains("FATAL"));
    assert!(line.is_some_and(|line| line.ends_with(&format!("FATAL:  {TERMINATED}"))), "{log}");
}

/// `pg_terminate_backend` ends the session at once, with PostgreSQL's own error.
#[test]
fn pg_terminate_backend_ends_a_session_at_every_stage() {
    let mut other = Session::open();
    for (peer, running) in stuck_sessions(Session::open) {
        let pid = running.pid;
        let begin = Instant::now();
        other.run(&format!("SELECT pg_terminate_backend({pid})"));
        let ended = running.join();
        assert_terminated(&ended, pid, playground().cluster());
        let took = ended.at.duration_since(begin);
        assert!(took < AT_ONCE, "{took:?}");
        wait_until("the backend is gone", || !proc::is_running(pid));
        peer.wait_for_closed(1);
    }
}

/// A fast shutdown does not wait for calls, at whatever stage they are.
#[test]
fn a_fast_shutdown_waits_for_no_call() {
    let mut cluster = playground().new_cluster(|config| config).unwrap();
    let stuck = stuck_sessions(|| Session::open_in(&cluster, "sqlambda_template"));
    let begin = Instant::now();
    cluster.stop(StopMode::Fast).unwrap();
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    for (peer, running) in stuck {
        let pid = running.pid;
        assert_terminated(&running.join(), pid, &cluster);
        peer.wait_for_closed(1);
    }
}

/// When the postmaster is killed, backends with a call in flight exit, so that the server can
/// start again.
#[test]
fn the_postmasters_death_ends_every_call() {
    let mut cluster = playground().new_cluster(|config| config).unwrap();
    let stuck = stuck_sessions(|| Session::open_in(&cluster, "sqlambda_template"));
    cluster.signal_backend(cluster.pid().unwrap(), Signal::SIGKILL).unwrap();
    let begin = Instant::now();
    for (peer, running) in stuck {
        let pid = running.pid;
        assert_eq!(running.join().failure().code, "", "the connection just ends");
        wait_until("the backend is gone", || !proc::is_running(pid));
        peer.wait_for_closed(1);
    }
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    // Notices the death; the start then fails if any old backend is left.
    cluster.stop(StopMode::Immediate).unwrap();
    cluster.start().unwrap();
    let mut session = Session::open_in(&cluster, "sqlambda_template");
    session.assert_usable();
}

/// Whether the function `counter` has written to its file.
fn has_lines(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|file| file.len() > 0)
}

/// `kill -9` of the service in the middle of a call is a clear error, and the same backend calls
/// again when the service is back on its port.
#[test]
fn a_killed_service_is_a_clear_error_and_may_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("count");
    let mut service = playground().new_service(|config| config).unwrap();
    let address = service.address().to_owned();
    let mut session = Session::at(service.endpoint());
    let event = |sleep| serde_json::json!({ "file": &file, "sleep": sleep }).to_string();

    let running = session.start("counter", event(60));
    wait_until("the function runs", || has_lines(&file));
    service.kill().unwrap();
    let ended = running.join();
    ended.failure().assert_api("Connection closed before the response was complete");
    assert!(ended.failure().hint.contains("The function may have run"), "{:?}", ended.failure());

    session = ended.session;
    session.set("aws_lambda.max_attempts", "1");
    session.fail("counter", &event(0)).assert_api("Unable to connect to endpoint");

    let _service = playground().new_service(|config| config.listen(address)).unwrap();
    let answer = session.call("counter", &event(0)).unwrap();
    assert_eq!(answer.payload.as_deref(), Some("{\"count\": 2}"));
}

/// The real service notices an abandoned call too, and a cancelled function's answer reaches
/// nobody: the next call gets its own.
#[test]
fn a_cancelled_call_of_a_real_function_does_not_disturb_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("count");
    let event = serde_json::json!({ "file": &file, "sleep": 2 }).to_string();
    let running = Session::open().start("counter", event);
    wait_until("the function runs", || has_lines(&file));
    running.cancel();
    let mut ended = running.join();
    ended.failure().assert_own("57014", CANCELED);
    for number in 0..20 {
        let event = number.to_string();
        let answer = ended.session.call("echo", &event).unwrap();
        assert_eq!(answer.payload, Some(event));
    }
}
