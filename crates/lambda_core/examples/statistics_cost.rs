//! What it takes to count a call: shown while it is in flight, counted when it ends.
//!
//! For `cargo xtask bench`. Takes a number of calls, prints what one takes in microseconds: the
//! median of rounds that are short, so that other work on the machine does not count. A lock of the
//! standard library stands for PostgreSQL's, and is taken as often; uncontended, both are one
//! atomic operation to take and one to release.

use std::hint::black_box;
use std::sync::RwLock;
use std::time::{Duration, Instant, SystemTime};

use lambda_core::statistics::{Begun, Ended, Key, OpenCalls, Outcome, Statistics};
use lambda_core::{ArgumentError, Arguments, Invocation, Region};

/// Calls of one round.
const ROUND: u32 = 1000;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let calls: u32 = std::env::args().nth(1).ok_or("usage: statistics_cost CALLS")?.parse()?;
    // On a thread with room: unoptimised code passes the tables over the stack.
    let thread = std::thread::Builder::new().stack_size(64 << 20);
    let took = thread.spawn(move || measure(calls))?.join().map_err(|_| "the thread failed")??;
    println!("{:.3}", took.as_secs_f64() * 1e6 / f64::from(ROUND));
    Ok(())
}

fn measure(calls: u32) -> Result<Duration, ArgumentError> {
    let shared = RwLock::new(Box::<Statistics>::default());
    let name = Arguments { function_name: Some("echo".to_owned()), ..Arguments::default() };
    let (call, _) = name.check()?;
    let region: Region = "us-east-1".parse()?;
    let mut rounds: Vec<Duration> = (0..(calls / ROUND).max(1))
        .map(|_| {
            let begin = Instant::now();
            (0..ROUND).for_each(|_| one(&shared, black_box(&call), &region));
            begin.elapsed()
        })
        .collect();
    rounds.sort_unstable();
    Ok(rounds[rounds.len() / 2])
}

/// As `aws_lambda` does it for a call that succeeds.
fn one(shared: &RwLock<Box<Statistics>>, call: &Invocation, region: &Region) {
    let Ok(read) = shared.read() else { return };
    let key = Key::new(10, 5, call, Some(region));
    let slot = read.activity.claim(4242, &key);
    drop(read);
    let mut open = OpenCalls::default();
    let number = open.begin(Begun { instant: Instant::now(), at: now() });
    let Ok(read) = shared.read() else { return };
    if let (Some(slot), Some(oldest)) = (slot, open.oldest()) {
        read.activity.set(slot, open.count(), oldest.at);
    }
    drop(read);

    let Some(begun) = open.end(number) else { return };
    let Ok(read) = shared.read() else { return };
    if let Some(slot) = slot {
        read.activity.release(slot);
    }
    drop(read);
    let ended = Ended {
        outcome: Outcome::Success,
        took: begun.instant.elapsed(),
        retries: 0,
        throttles: 0,
        bytes_out: 32,
        bytes_in: 32,
        error: None,
        at: now(),
    };
    let counted = shared.read().is_ok_and(|read| read.table.count(&key, &ended));
    if !counted && let Ok(write) = shared.write() {
        write.table.count_new(&key, &ended);
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
