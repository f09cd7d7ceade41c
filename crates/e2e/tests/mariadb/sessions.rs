//! Many sessions and many calls in one server: what they share, and what they leave behind.

use std::fs::{self, DirEntry};
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use e2e::{Brand, MariaDb, RawServer, wait_until};

use crate::support::{brands, client, playground, value};

/// Sessions at once.
const SESSIONS: usize = 64;

/// Calls that must leave nothing behind, and kills.
const CALLS: usize = 10_000;
const KILLS: usize = 200;

/// What memory may grow by: allocators keep pages, a leak of 100 bytes a call is seen.
const GROWTH_KB: u64 = 4_096;

/// A service that answers `1` at once.
fn answering() -> RawServer {
    RawServer::start(|connection| {
        while connection.read_request()?.is_some() {
            connection.respond(200, &[], b"1")?;
        }
        Ok(())
    })
    .unwrap()
}

fn server_on(brand: Brand, service: &RawServer) -> MariaDb {
    playground()
        .new_mariadb(brand, |config| config.env("AWS_ENDPOINT_URL_LAMBDA", service.url()))
        .unwrap()
}

/// All sessions wait for their answers at the same time: no call waits for another.
#[test]
fn sixty_four_sessions_at_once() {
    for brand in brands() {
        let waiting = Arc::new((Mutex::new(0), Condvar::new()));
        let service = RawServer::start(move |connection| {
            let (count, changed) = &*waiting;
            while connection.read_request()?.is_some() {
                let mut count = count.lock().unwrap();
                *count += 1;
                changed.notify_all();
                let patience = Duration::from_secs(50);
                let (arrived, _) =
                    changed.wait_timeout_while(count, patience, |count| *count < SESSIONS).unwrap();
                let everybody = arrived.to_string();
                drop(arrived);
                connection.respond(200, &[], everybody.as_bytes())?;
            }
            Ok(())
        })
        .unwrap();
        let server = server_on(brand, &service);
        let sessions: Vec<_> = (0..SESSIONS)
            .map(|_| {
                let sql = "SELECT lambda_invoke('f', '{}', '{\"request_timeout_ms\": 60000}') LIKE '%\"payload\":64,%'";
                let mut command = client(&server).arg(format!("--execute={sql}")).into_command();
                command.stdout(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for session in sessions {
            let output = session.wait_with_output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), "1\n");
        }
        assert_eq!(service.connections(), SESSIONS);
    }
}

/// A session's first call goes over the connection of an earlier session.
#[test]
fn connections_are_the_servers() {
    for brand in brands() {
        let service = answering();
        let server = server_on(brand, &service);
        for _ in 0..20 {
            assert_eq!(value(&server, "SELECT lambda_sync('f', '{}');"), "1");
        }
        assert_eq!((service.requests().len(), service.connections()), (20, 1));
    }
}

/// None of the library's threads takes a signal that is meant for the server.
#[test]
fn threads_take_no_signals() {
    for brand in brands() {
        let server = playground().new_mariadb(brand, |config| config).unwrap();
        assert_eq!(value(&server, "SELECT lambda_sync('echo', '1');"), "1");
        // A name to look up, which is done on a further thread.
        let mut ours = 0;
        for task in fs::read_dir(format!("/proc/{}/task", server.pid().unwrap())).unwrap().flatten()
        {
            let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
            if !read("comm").starts_with("lambda") {
                continue;
            }
            ours += 1;
            let status = read("status");
            let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
            let blocked = u64::from_str_radix(blocked.trim(), 16).unwrap();
            for signal in [1, 2, 3, 10, 12, 13, 14, 15, 17, 18, 20] {
                assert_ne!(blocked & (1 << (signal - 1)), 0, "signal {signal}: {blocked:x}");
            }
        }
        assert_eq!(ours, 1);
    }
}

/// What a process holds.
#[derive(Debug)]
struct Held {
    sockets: usize,
    threads: usize,
    private_kb: u64,
}

fn held(server: &MariaDb) -> Held {
    let process = format!("/proc/{}", server.pid().unwrap());
    let entries = |folder: &str| fs::read_dir(format!("{process}/{folder}")).unwrap();
    // The servers open and close files as they please.
    let is_socket = |entry: &DirEntry| {
        fs::read_link(entry.path())
            .is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    let smaps = fs::read_to_string(format!("{process}/smaps_rollup")).unwrap();
    let kilobytes = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    Held {
        sockets: entries("fd").flatten().filter(is_socket).count(),
        threads: entries("task").count(),
        private_kb: smaps
            .lines()
            .filter(|line| line.starts_with("Private_Dirty"))
            .filter_map(kilobytes)
            .sum(),
    }
}

/// Calls leave no descriptor and no memory behind. The library is the same on both servers: one of
/// them is asked often enough.
#[test]
fn calls_leave_nothing_behind() {
    let service = answering();
    let server = server_on(Brand::MariaDb, &service);
    let calls = |count: usize| {
        let sql = format!(
            "USE mysql; SELECT count(lambda_sync('f', '{{\"a\": \"some text\"}}')) FROM seq_1_to_{count};"
        );
        assert_eq!(value(&server, &sql), count.to_string());
    };
    calls(1000);
    let before = held(&server);
    calls(CALLS);
    let after = held(&server);
    // A client may just be leaving.
    assert!(after.sockets <= before.sockets + 1, "{before:?} {after:?}");
    let grown = after.private_kb.saturating_sub(before.private_kb);
    assert!(grown < GROWTH_KB, "{grown} KB: {before:?} {after:?}");
    assert_eq!(service.connections(), 1);
}

/// Killed calls leave no descriptor, thread or memory behind.
#[test]
fn killed_calls_leave_nothing_behind() {
    brands().into_iter().for_each(killed_calls);
}

fn killed_calls(brand: Brand) {
    // Reads, and never answers.
    let service = RawServer::start(|connection| {
        while connection.read_request()?.is_some() {}
        Ok(())
    })
    .unwrap();
    let server = server_on(brand, &service);
    let sql = match brand {
        Brand::MariaDb => {
            "SET STATEMENT max_statement_time = 0.01 FOR SELECT lambda_sync('f', '{}');"
        }
        Brand::MySql => "SELECT /*+ MAX_EXECUTION_TIME(10) */ lambda_sync('f', '{}');",
    };
    let kill = |count: usize| {
        let output =
            client(&server).arg("--force").arg("--comments").run(&sql.repeat(count)).unwrap();
        assert_eq!(output.stderr.matches("ERROR ").count(), count, "{}", output.stderr);
    };
    kill(20);
    let before = held(&server);
    kill(KILLS);
    wait_until("the connections of killed calls are closed", || {
        held(&server).sockets <= before.sockets
    });
    let after = held(&server);
    assert!(after.threads <= before.threads + 1, "{before:?} {after:?}");
    let grown = after.private_kb.saturating_sub(before.private_kb);
    assert!(grown < GROWTH_KB, "{grown} KB: {before:?} {after:?}");
    // Nothing was sent over the connection of a killed call.
    assert!(service.requests().len() <= service.connections());
}
