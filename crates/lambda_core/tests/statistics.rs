//! Counts of calls.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

use std::sync::RwLock;
use std::thread;
use std::time::{Duration, Instant};

use lambda_core::statistics::{
    Activity, Begun, Counts, Ended, FUNCTIONS, Key, OpenCalls, Outcome, SLOTS, Statistics, Table,
};
use lambda_core::{Arguments, InvokeError, Region, Stage};
use proptest::prelude::*;

/// As in new shared memory. Unoptimised code passes it over the stack more than once.
fn shared() -> Box<Statistics> {
    let thread = thread::Builder::new().stack_size(64 << 20).spawn(Box::<Statistics>::default);
    thread.unwrap().join().unwrap()
}

fn key(user: u32, name: &str, qualifier: Option<&str>, region: Option<&str>) -> Key {
    let arguments = Arguments {
        function_name: Some(name.to_owned()),
        qualifier: qualifier.map(str::to_owned),
        region: region.map(str::to_owned),
        ..Arguments::default()
    };
    let (call, region) = arguments.check().unwrap();
    Key::new(user, 5, &call, region.as_ref())
}

fn success(took: Duration) -> Ended {
    Ended {
        outcome: Outcome::Success,
        took,
        retries: 0,
        throttles: 0,
        bytes_out: 0,
        bytes_in: 0,
        error: None,
        at: 7,
    }
}

fn count(table: &Table, key: &Key, call: &Ended) {
    if call.error.is_some() || !table.count(key, call) {
        table.count_new(key, call);
    }
}

fn only(table: &Table) -> Counts {
    let mut entries = table.entries();
    assert_eq!(entries.len(), 1, "{entries:#?}");
    entries.remove(0)
}

/// Each part of an ended call is added where it belongs.
#[test]
fn every_counter_counts_its_own() {
    let shared = shared();
    let table = &shared.table;
    assert!(table.entries().is_empty());
    let key = key(3, "f", None, Some("us-east-1"));
    let outcomes = [
        (Outcome::Success, 1),
        (Outcome::FunctionError, 2),
        (Outcome::ServiceError, 3),
        (Outcome::Timeout, 4),
        (Outcome::Cancel, 5),
    ];
    for (outcome, times) in outcomes {
        for number in 0..times {
            let error = matches!(outcome, Outcome::FunctionError | Outcome::Timeout)
                .then(|| format!("{outcome:?} {number}"));
            let took = Duration::from_millis(times * 10);
            let call = Ended {
                outcome,
                retries: 2,
                throttles: 1,
                bytes_out: 100,
                bytes_in: 1000,
                error,
                ..success(took)
            };
            count(table, &key, &call);
        }
    }
    let entry = only(table);
    assert_eq!(entry.owner, Some((3, 5)));
    let function = entry.function.unwrap();
    assert_eq!((function.name.as_str(), function.qualifier), ("f", None));
    assert_eq!(function.region.as_deref(), Some("us-east-1"));
    let by_outcome = [entry.function_errors, entry.service_errors, entry.timeouts, entry.cancels];
    assert_eq!((entry.calls, by_outcome), (15, [2, 3, 4, 5]));
    assert_eq!((entry.retries, entry.throttles), (30, 15));
    assert_eq!((entry.bytes_out, entry.bytes_in), (1500, 15_000));
    assert_eq!(entry.total, Duration::from_millis(550));
    assert_eq!((entry.min, entry.max), (Duration::from_millis(10), Duration::from_millis(50)));
    assert_eq!(entry.last_error, Some(("Timeout 3".to_owned(), 7)));
    assert_eq!(entry.since, 7);
    table.reset();
    assert!(table.entries().is_empty());
    count(table, &key, &success(Duration::from_millis(1)));
    let entry = only(table);
    assert_eq!((entry.calls, entry.retries, entry.last_error), (1, 0, None));
    assert_eq!((entry.min, entry.p99_us > 900.0), (Duration::from_millis(1), true));
}

#[test]
fn errors_have_their_outcomes() {
    let timeout = InvokeError::Timeout { after: Duration::from_secs(3), stage: Stage::Answer };
    assert_eq!(Outcome::of(&timeout), Outcome::Timeout);
    let function = InvokeError::Function {
        function: "f".to_owned(),
        kind: "Unhandled".to_owned(),
        payload: "Sandbox.Timedout".to_owned(),
        request_id: None,
    };
    assert_eq!(Outcome::of(&function), Outcome::FunctionError);
    assert_eq!(Outcome::of(&InvokeError::NoRegion), Outcome::ServiceError);
    let connect = InvokeError::Connect { endpoint: String::new(), cause: String::new() };
    assert_eq!(Outcome::of(&connect), Outcome::ServiceError);
}

/// One function is one key, however it is written and whenever its region becomes known.
#[test]
fn one_function_is_one_key() {
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let full = key(1, arn, Some("p"), None);
    assert_eq!(full, key(1, &format!("{arn}:p"), None, None));
    assert_eq!(full, key(1, "000000000000:f", Some("p"), Some("us-east-1")));
    assert_eq!(full, key(1, "us-east-1:000000000000:function:f:p", None, None));
    let east: Region = "us-east-1".parse().unwrap();
    let late = key(1, "f:p", None, None);
    assert_eq!(late.in_region(&east), Some(key(1, "us-east-1:f", Some("p"), None)));
    assert_eq!(full.in_region(&east), None, "it is there");
    let west = key(1, "us-west-2:f:p", None, None);
    assert_eq!(west.in_region(&east), late.in_region(&east));
    assert_ne!(full, key(2, arn, Some("p"), None));
    assert_ne!(full, key(1, arn, None, None));
}

/// What one call has found out is known to the next.
#[test]
fn the_default_region_is_learnt() {
    let shared = shared();
    assert_eq!(shared.default_region(), None);
    for region in ["us-east-1", "ap-southeast-2"] {
        let region: Region = region.parse().unwrap();
        shared.learn_default_region(&region);
        assert_eq!(shared.default_region(), Some(region));
    }
}

/// The longest names do not run into each other.
#[test]
fn the_longest_names_are_kept_whole() {
    let shared = shared();
    let name = format!("000000000000:{}", "n".repeat(243));
    let qualifier = "q".repeat(128);
    let key = key(1, &name, Some(&qualifier), Some("ap-southeast-1"));
    count(&shared.table, &key, &success(Duration::ZERO));
    let function = only(&shared.table).function.unwrap();
    assert_eq!(function.name, format!("000000000000:function:{}", "n".repeat(243)));
    assert_eq!(function.qualifier.as_deref(), Some(qualifier.as_str()));
    assert_eq!(function.region.as_deref(), Some("ap-southeast-1"));
}

/// Long errors are cut between characters, and cannot forge lines.
#[test]
fn errors_are_cut() {
    let shared = shared();
    let error = Some(format!("a\n{}", "é".repeat(300)));
    let call = Ended { outcome: Outcome::ServiceError, error, ..success(Duration::ZERO) };
    count(&shared.table, &key(1, "f", None, None), &call);
    let (text, _) = only(&shared.table).last_error.unwrap();
    assert!(text.starts_with("a é") && text.ends_with("é...") && text.len() <= 240, "{text}");
}

/// When the table is full, further functions are counted together, and known ones as before.
#[test]
fn a_full_table_counts_the_rest_together() {
    let shared = shared();
    let table = &shared.table;
    let nth = |number: usize| key(1, &format!("f{number}"), None, None);
    for number in 0..FUNCTIONS + 10 {
        count(table, &nth(number), &success(Duration::from_millis(2)));
        count(table, &nth(number), &success(Duration::from_millis(4)));
    }
    let mut entries = table.entries();
    assert_eq!(entries.len(), FUNCTIONS + 1);
    let others = entries.pop().unwrap();
    assert_eq!((others.owner, others.function, others.calls), (None, None, 20));
    assert_eq!((others.min, others.max), (Duration::from_millis(2), Duration::from_millis(4)));
    assert!(entries.iter().all(|entry| entry.calls == 2));
    table.reset();
    count(table, &nth(FUNCTIONS + 5), &success(Duration::ZERO));
    assert_eq!(only(table).function.unwrap().name, format!("f{}", FUNCTIONS + 5));
}

/// Many at once, under a lock as PostgreSQL's, add up.
#[test]
fn counts_of_many_threads_add_up() {
    let shared = RwLock::new(shared());
    thread::scope(|scope| {
        for thread in 0..8_usize {
            let shared = &shared;
            scope.spawn(move || {
                for number in 0..2000 {
                    let key = key(1, &format!("f{}", (number + thread) % 7), None, None);
                    let call = Ended { bytes_in: 3, ..success(Duration::from_micros(5)) };
                    let counted = shared.read().unwrap().table.count(&key, &call);
                    if !counted {
                        shared.write().unwrap().table.count_new(&key, &call);
                    }
                }
            });
        }
    });
    let entries = shared.read().unwrap().table.entries();
    assert_eq!(entries.len(), 7);
    assert_eq!(entries.iter().map(|entry| entry.calls).sum::<u64>(), 16_000);
    assert_eq!(entries.iter().map(|entry| entry.bytes_in).sum::<u64>(), 48_000);
    let total: Duration = entries.iter().map(|entry| entry.total).sum();
    assert_eq!(total, Duration::from_millis(80));
}

#[test]
fn calls_in_flight_are_shown_until_they_end() {
    let shared = shared();
    let activity = &shared.activity;
    let key = key(3, "f:p", None, Some("us-east-1"));
    let slot = activity.claim(42, &key).unwrap();
    activity.set(slot, 3, 1000);
    let rows = activity.in_flight();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.pid, row.user, row.database, row.calls, row.since), (42, 3, 5, 3, 1000));
    assert_eq!(row.function.qualifier.as_deref(), Some("p"));
    let other = activity.claim(42, &key).unwrap();
    assert_ne!(slot, other);
    activity.release(slot);
    assert_eq!(activity.in_flight().len(), 1);
    activity.release(other);
    assert!(activity.in_flight().is_empty());
}

#[test]
fn slots_run_out_and_come_back() {
    let shared = shared();
    let activity: &Activity = &shared.activity;
    let key = key(1, "f", None, None);
    let slots: Vec<_> = (0..SLOTS).map(|_| activity.claim(7, &key).unwrap()).collect();
    assert_eq!(activity.claim(8, &key), None);
    activity.release(slots[17]);
    assert_eq!(activity.claim(8, &key), Some(slots[17]));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// Percentiles are within a sixteenth of what sorting gives.
    #[test]
    fn percentiles_are_near_the_true_ones(micros in proptest::collection::vec(0_u64..5_000_000, 1..300)) {
        let histogram = lambda_core::statistics::Histogram::default();
        let mut sorted = micros;
        for micros in &sorted {
            histogram.add(Duration::from_micros(*micros));
        }
        sorted.sort_unstable();
        for (fraction, found) in [0.5, 0.99].into_iter().zip(histogram.percentiles([0.5, 0.99])) {
            let rank = ((sorted.len() as f64 * fraction).ceil() as usize).max(1);
            let truth = sorted[rank - 1] as f64;
            prop_assert!((found - truth).abs() <= truth / 15.0 + 0.5, "{} for {}", found, truth);
        }
    }

    /// Calls may end in any order: how many are open, and which is the oldest, is always known.
    #[test]
    fn open_calls_are_a_queue_with_holes(order in Just((0..20_u64).collect::<Vec<_>>()).prop_shuffle()) {
        let mut calls = OpenCalls::default();
        let begun = |at| Begun { instant: Instant::now(), at };
        let numbers: Vec<u64> = (0..20).map(|at| calls.begin(begun(at))).collect();
        let mut left: Vec<i64> = (0..20).collect();
        for next in order {
            let index = usize::try_from(next).unwrap();
            prop_assert_eq!(calls.end(numbers[index]).unwrap().at, index as i64);
            prop_assert!(calls.end(numbers[index]).is_none());
            left.retain(|at| *at != index as i64);
            prop_assert_eq!(calls.count(), left.len());
            prop_assert_eq!(calls.oldest().map(|begun| begun.at), left.first().copied());
        }
        prop_assert_eq!(calls.begin(begun(99)), 20);
        prop_assert_eq!(calls.drain().count(), 1);
        prop_assert_eq!((calls.count(), calls.begin(begun(100))), (0, 21));
    }
}
