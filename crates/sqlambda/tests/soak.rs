//! Very many calls of every kind; afterwards the service is as it was before.
//!
//! `cargo test` makes a few thousand, `cargo xtask soak` as many as it is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

#[path = "soak/calls.rs"]
mod calls;
#[path = "soak/look.rs"]
mod look;
mod support;

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use calls::Caller;
use look::Look;
use support::{Service, request};

/// Callers at once.
const CALLERS: usize = 4;

/// How many calls `cargo test` makes; `cargo xtask soak` sets the variable to another number.
const SHORT: usize = 3_000;
const CALLS_VARIABLE: &str = "SQLAMBDA_SOAK_CALLS";

/// Memory is compared with what it was after so many calls, or after a third of a shorter soak.
const SETTLED: usize = 10_000;

/// How much more of it there may be at the end: what the service keeps of the last calls, at most 32 MB,
/// differs with their sizes, and the allocator's own fluctuation is several MB.
const GROWTH_KIB: u64 = (32 + 8) * 1024;

#[test]
fn many_calls_leave_nothing_behind() {
    let calls: usize = match std::env::var(CALLS_VARIABLE) {
        Ok(number) => number.parse().expect("a number of calls"),
        Err(_) => SHORT,
    };
    let folder = tempfile::tempdir().unwrap();
    calls::write_functions(folder.path());
    let marker = format!("SOAK={}", folder.path().display());
    let options = ["--no-auth", "--log-level", "error", "--env", &marker];
    let service = Service::start(&[folder.path().to_owned()], &options);
    let look = || Look::at(service.pid(), &marker);
    let before = look();
    assert_eq!(before.functions, 0, "nothing runs before the first call");

    let begin = Instant::now();
    let settled_at = SETTLED.min(calls / 3);
    make_calls(&service, 0..settled_at);
    let settled = look();
    eprintln!("after {settled_at} calls: {settled}");
    make_calls(&service, settled_at..calls);
    let end = look();
    eprintln!("after {calls} calls: {end}; in {:.0} s", begin.elapsed().as_secs_f64());

    assert_eq!((settled.zombies, end.zombies), (0, 0));
    let growth = end.resident_kib.saturating_sub(settled.resident_kib);
    assert!(growth <= GROWTH_KIB, "memory grows: {settled}, then {end}");
    // Functions that are deleted leave no process; then what is open is what was open at the start.
    for name in calls::FUNCTIONS {
        let path = format!("/2015-03-31/functions/{name}");
        assert_eq!(request(&service.address, "DELETE", &path, &[], b"").status, 204);
    }
    e2e::wait_until("every process has ended", || {
        let now = look();
        (now.functions, now.zombies, now.children) == (0, 0, before.children)
    });
    e2e::wait_until("every descriptor is closed", || look().descriptors <= before.descriptors);
    eprintln!("without functions: {}", look());
}

/// Makes the calls of these numbers; the number says which kind each is.
fn make_calls(service: &Service, numbers: std::ops::Range<usize>) {
    let next = AtomicUsize::new(numbers.start);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut caller = Caller::new(&service.address);
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= numbers.end {
                            return;
                        }
                        caller.call(number);
                    }
                })
            })
            .collect();
        while !callers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(200));
            show_progress(next.load(Ordering::Relaxed).min(numbers.end));
        }
    });
}

/// One line that is written over, on a terminal.
fn show_progress(done: usize) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        let _ = write!(terminal, "\r{done} calls \r");
    }
}
