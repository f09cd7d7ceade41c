//! What happened since the service started.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start of the service.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: Counter,
    pub(super) succeeded: Counter,
    pub(super) failed: Counter,
    pub(super) expired: Counter,
    pub(super) dropped: Counter,
    pub(super) retried: Counter,
    pub(super) throttled: Counter,
    pub(super) delivered: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn one(&self) {
        self.add(1);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts since the start of the service. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events that were put into the queue, also by a destination.
    pub accepted: u64,
    /// Events that a function ran without an error.
    pub succeeded: u64,
    /// Events that were given up after their last retry, or because the function's concurrency is 0.
    pub failed: u64,
    /// Events that were given up for their age.
    pub expired: u64,
    /// Events that were given up and went nowhere, as there was no destination; they are also among
    /// those that failed or expired.
    pub dropped: u64,
    /// Attempts that were put back to be made again.
    pub retried: u64,
    /// Events that had to wait for a place among the function's running executions.
    pub throttled: u64,
    /// Records and dead letters that a file or an AWS service has taken.
    pub delivered: u64,
}

impl Counters {
    pub(super) fn totals(&self) -> Totals {
        Totals {
            accepted: self.accepted.now(),
            succeeded: self.succeeded.now(),
            failed: self.failed.now(),
            expired: self.expired.now(),
            dropped: self.dropped.now(),
            retried: self.retried.now(),
            throttled: self.throttled.now(),
            delivered: self.delivered.now(),
        }
    }
}
