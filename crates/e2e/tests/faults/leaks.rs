//! No call leaves a thread, a descriptor, memory, a process or a wake-up behind.

use std::thread;
use std::time::Duration;

use e2e::{Cluster, wait_until};

use crate::support::stuck::{Peer, STAGES, Stage};
use crate::support::{Session, playground, proc};

/// How much more memory a backend may hold after many calls than before: the allocator's slack.
/// A leak of one large payload, or of a few hundred bytes a call, is more.
const SLACK_KB: u64 = 1024;

/// What a process holds.
#[derive(Debug)]
pub struct Holdings {
    threads: usize,
    descriptors: usize,
    private_kb: u64,
}

impl Holdings {
    pub fn of(pid: u32) -> Self {
        Self {
            threads: proc::threads(pid).len(),
            descriptors: proc::descriptors(pid).len(),
            private_kb: proc::private_kb(pid),
        }
    }

    /// Waits until `pid` has no more threads and descriptors than this: what was abandoned last
    /// may still be closing.
    #[track_caller]
    pub fn wait_for_same(&self, pid: u32) {
        wait_until("threads and descriptors are as many as before", || {
            let now = Self::of(pid);
            now.threads <= self.threads && now.descriptors <= self.descriptors
        });
    }

    /// Asserts that `pid` holds no more than this.
    #[track_caller]
    pub fn assert_kept(&self, pid: u32) {
        self.wait_for_same(pid);
        let now = Self::of(pid);
        assert!(now.private_kb <= self.private_kb + SLACK_KB, "before {self:?}, after {now:?}");
    }
}

/// Two hundred cancelled calls, at every stage, leave nothing behind in their backend.
#[test]
fn cancelled_calls_leave_nothing_behind() {
    const ROUNDS: usize = 200 / STAGES.len();
    // What is freed is given back: by itself the C library would come to keep some 6 MB payloads for
    // later (M_MMAP_THRESHOLD in mallopt(3)), now one and then another.
    let change = |config: e2e::ClusterConfig| config.env("MALLOC_MMAP_THRESHOLD_", "131072");
    let cluster = playground().new_cluster(change).unwrap();
    let peers = STAGES.map(Peer::at);
    let mut session = Session::open_in(&cluster, "sqlambda_template");
    let pid = session.pid;
    let mut holdings = Vec::new();
    for round in 1..=ROUNDS {
        for peer in &peers {
            session.go_to(&peer.url());
            let running = session.start("f", peer.payload());
            peer.wait_for_stuck(round);
            running.cancel();
            let ended = running.join();
            assert_eq!(ended.failure().code, "57014");
            peer.wait_for_closed(round);
            session = ended.session;
        }
        holdings.push(Holdings::of(pid));
    }
    let least = |some: &[Holdings]| some.iter().map(|some| some.private_kb).min().unwrap();
    let (first, last) = (least(&holdings[..5]), least(&holdings[ROUNDS - 5..]));
    assert!(last <= first + SLACK_KB, "{first} KB, then {last} KB");
    holdings[4].wait_for_same(pid);
    session.assert_usable();
}

/// Two thousand successful calls leave nothing behind in their backend.
#[test]
fn successful_calls_leave_nothing_behind() {
    // A function takes ten times as long to answer, and nothing of it is looked at here.
    let peer = e2e::RawServer::start(|connection| {
        while let Some(request) = connection.read_request()? {
            connection.respond(200, &[], &request.body)?;
        }
        Ok(())
    })
    .unwrap();
    let mut session = Session::at(&peer.url());
    let mut call = |count: usize| {
        for number in 0..count {
            let event = format!("[{number}]");
            assert_eq!(session.call("echo", &event).unwrap().payload, Some(event));
        }
        session.pid
    };
    let before = Holdings::of(call(300));
    before.assert_kept(call(2000));
}

/// Five hundred failed calls of every kind leave nothing behind in their backend.
#[test]
fn failed_calls_leave_nothing_behind() {
    let mut session = Session::open();
    session.set("aws_lambda.max_attempts", "1");
    let mut fail = |count: usize| {
        for _ in 0..count / 5 {
            session.go_to("");
            session.fail("raises", "{}").assert_function("this function always raises");
            assert!(session.fail("no-such-function", "{}").detail.contains("Function not found"));
            assert_eq!(session.fail("no such function", "{}").code, "22023");
            // Port 1 of this machine: nobody listens there.
            session.go_to("http://127.0.0.1:1");
            session.fail("f", "{}").assert_api("Unable to connect to endpoint");
            session.go_to("https://127.0.0.1:1");
            session.fail("f", "{}").assert_api("Unable to connect to endpoint");
        }
        session.pid
    };
    let before = Holdings::of(fail(100));
    before.assert_kept(fail(500));
}

/// Sessions that have called and disconnect leave no process and no connection behind.
#[test]
fn sessions_that_end_leave_no_process_and_no_socket() {
    let peer = e2e::RawServer::start(|connection| {
        while connection.read_request()?.is_some() {
            connection.respond(200, &[], b"1")?;
        }
        Ok(())
    })
    .unwrap();
    let mut sessions: Vec<Session> = (0..20).map(|_| Session::at(&peer.url())).collect();
    for session in &mut sessions {
        assert_eq!(session.call("f", "{}").unwrap().payload.as_deref(), Some("1"));
    }
    let pids: Vec<u32> = sessions.iter().map(|session| session.pid).collect();
    let open = || proc::connected_to(peer.address().port());
    assert_eq!(open(), 20, "each session keeps its connection");
    drop(sessions);
    wait_until("the backends are gone", || !pids.iter().any(|pid| proc::is_running(*pid)));
    wait_until("their connections are closed", || open() == 0);
}

/// A backend that waits for an answer, and one that is idle after a call, sleep: no thread of
/// theirs wakes up to look whether something has happened.
#[test]
fn nothing_polls() {
    let cluster = quiet_cluster();
    let mut idle = Session::open_in(&cluster, "sqlambda_template");
    idle.assert_usable();
    let peer = Peer::at(Stage::Waiting);
    let mut session = Session::open_in(&cluster, "sqlambda_template");
    session.go_to(&peer.url());
    let waiting = session.start("f", peer.payload());
    peer.wait_for_stuck(1);

    for pid in [idle.pid, waiting.pid] {
        assert_eq!(proc::threads(pid).len(), 2, "the main thread and the I/O thread");
        wait_until("it has settled", || {
            let before = proc::switches(pid);
            thread::sleep(Duration::from_millis(300));
            before == proc::switches(pid)
        });
    }
    let pids = [idle.pid, waiting.pid];
    let before = pids.map(proc::switches);
    thread::sleep(Duration::from_secs(2));
    let after = pids.map(proc::switches);
    for (before, after) in before.iter().zip(&after) {
        let calm = before.iter().all(|(thread, count)| after[thread] <= count + 1);
        assert!(calm && before.len() == after.len(), "{before:?} {after:?}");
    }
    assert!(!waiting.has_ended());
}

fn quiet_cluster() -> Cluster {
    // The end of a backend is only logged at this level when it is a normal one.
    let change = |config: e2e::ClusterConfig| config.setting("log_min_messages", "debug2");
    playground().new_cluster(change).unwrap()
}

/// PostgreSQL's signal handlers run on the main thread only: every other thread blocks all
/// signals, also those that a name lookup starts.
#[test]
fn only_the_main_thread_takes_signals() {
    /// Neither can be blocked.
    const KILL_AND_STOP: u64 = 1 << 8 | 1 << 18;
    /// Used by the C library itself, which lets nobody block them.
    const RESERVED: u64 = 1 << 31 | 1 << 32;
    /// SIGILL, SIGABRT, SIGBUS and SIGSEGV: a thread's own faults, for which PostgreSQL has no handler.
    const FAULTS: u64 = 1 << 3 | 1 << 5 | 1 << 6 | 1 << 10;
    let peer = Peer::at(Stage::Waiting);
    let mut session = Session::at(&peer.url().replace("127.0.0.1", "localhost"));
    let pid = session.pid;
    let mask_before = proc::thread_status(pid, pid, "SigBlk");
    let running = session.start("f", peer.payload());
    peer.wait_for_stuck(1);
    let others: Vec<u32> = proc::threads(pid).into_iter().filter(|thread| *thread != pid).collect();
    assert_eq!(others.len(), 2, "the I/O thread, and the one that looked the name up");
    for thread in others {
        let mask = proc::thread_status(pid, thread, "SigBlk");
        let mask = u64::from_str_radix(&mask, 16).unwrap();
        assert_eq!(mask | KILL_AND_STOP | RESERVED, !FAULTS, "{mask:x}");
    }
    assert_eq!(proc::thread_status(pid, pid, "SigBlk"), mask_before, "the main thread's own");
    running.cancel();
    session = running.join().session;
    session.assert_usable();
}

/// A backend exits in order, with an idle I/O thread as well as with a call in flight.
#[test]
fn backends_exit_in_order() {
    let cluster = quiet_cluster();
    let open = || Session::open_in(&cluster, "sqlambda_template");
    let mut idle = open();
    idle.assert_usable();
    let mut expected = vec![(idle.pid, 0)];
    drop(idle);

    for stage in STAGES {
        let peer = Peer::at(stage);
        let mut session = open();
        session.go_to(&peer.url());
        let running = session.start("f", peer.payload());
        peer.wait_for_stuck(1);
        cluster
            .query("postgres", &format!("SELECT pg_terminate_backend({})", running.pid))
            .unwrap();
        // PostgreSQL's status for a session that was ended by a FATAL error.
        expected.push((running.pid, 1));
        running.join().failure();
    }
    for (pid, code) in expected {
        let line = format!("(PID {pid}) exited with exit code {code}");
        wait_until(&line, || cluster.log_text().unwrap().contains(&line));
    }
    let log = cluster.log_text().unwrap();
    for crash in ["terminated by signal", "PANIC", "crash of another server process"] {
        assert!(!log.contains(crash), "{log}");
    }
}
