//! The calls that have ended, by role, database and function.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::histogram::Histogram;
use super::key::{FUNCTION_WORDS, Function, Key};
use super::text::SharedText;
use crate::error::InvokeError;

/// How many keys are told apart; the calls of all further ones are counted together.
pub const FUNCTIONS: usize = 1024;

/// Bytes of an error that are kept.
const ERROR_BYTES: usize = 240;

/// How a call ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// With an answer.
    Success,
    /// The function failed, or what it answered cannot be used.
    FunctionError,
    /// It failed on the way to the function: no connection, no credentials, a refusal.
    ServiceError,
    /// Its time was over.
    Timeout,
    /// Nobody waits for it any more.
    Cancel,
}

impl Outcome {
    /// The outcome of a call that ended with `error`.
    #[must_use]
    pub fn of(error: &InvokeError) -> Self {
        match error {
            InvokeError::Timeout { .. } => Self::Timeout,
            error if error.is_function_failure() => Self::FunctionError,
            _ => Self::ServiceError,
        }
    }
}

/// A call that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// How long the caller waited.
    pub took: Duration,
    /// How often it was tried again.
    pub retries: u32,
    /// How often the service had too many calls.
    pub throttles: u32,
    /// Bytes of payload sent.
    pub bytes_out: u64,
    /// Bytes of answer read.
    pub bytes_in: u64,
    /// What went wrong.
    pub error: Option<String>,
    /// When it ended, in whatever the server counts time by.
    pub at: i64,
}

/// What is known about the calls of one key.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Role and database.
    pub owner: Option<(u32, u32)>,
    /// The function; `None` for all those that no entry was left for.
    pub function: Option<Function>,
    /// Calls that have ended, in whatever way.
    pub calls: u64,
    /// Of these, by outcome.
    pub function_errors: u64,
    /// Of these, by outcome.
    pub service_errors: u64,
    /// How often the service had too many calls.
    pub throttles: u64,
    /// Of the calls, by outcome.
    pub timeouts: u64,
    /// Of the calls, by outcome.
    pub cancels: u64,
    /// How often calls were tried again.
    pub retries: u64,
    /// Bytes of payload sent.
    pub bytes_out: u64,
    /// Bytes of answers read.
    pub bytes_in: u64,
    /// How long all calls took together.
    pub total: Duration,
    /// The shortest.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
    /// Half of the calls took less, in microseconds.
    pub p50_us: f64,
    /// All but one in a hundred took less, in microseconds.
    pub p99_us: f64,
    /// The last error and when it came.
    pub last_error: Option<(String, i64)>,
    /// When the first of these calls ended.
    pub since: i64,
}

#[derive(Debug, Default)]
#[repr(C)]
struct Entry {
    user: AtomicU32,
    database: AtomicU32,
    function: SharedText<FUNCTION_WORDS>,
    since: AtomicI64,
    calls: AtomicU64,
    function_errors: AtomicU64,
    service_errors: AtomicU64,
    throttles: AtomicU64,
    timeouts: AtomicU64,
    cancels: AtomicU64,
    retries: AtomicU64,
    bytes_out: AtomicU64,
    bytes_in: AtomicU64,
    total_ns: AtomicU64,
    min_ns: AtomicU64,
    max_ns: AtomicU64,
    error: SharedText<{ ERROR_BYTES / 8 }>,
    error_at: AtomicI64,
    times: Histogram,
}

/// Counts by key: a hash table with open addressing, whose entries are only ever freed together.
#[derive(Debug)]
#[repr(C)]
pub struct Table {
    /// The hash of each entry's key; 0 where there is none.
    hashes: [AtomicU64; FUNCTIONS],
    entries: [Entry; FUNCTIONS],
    others: Entry,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            hashes: std::array::from_fn(|_| AtomicU64::new(0)),
            entries: std::array::from_fn(|_| Entry::default()),
            others: Entry::default(),
        }
    }
}

impl Table {
    /// Counts a call that ended without an error, if its key has an entry; says whether it has.
    /// Wants the lock shared.
    #[must_use]
    pub fn count(&self, key: &Key, call: &Ended) -> bool {
        let Place::Taken(entry) = self.find(key) else { return false };
        entry.count(call);
        true
    }

    /// Counts any call, and makes the key's entry if there is none. Wants the lock exclusively.
    pub fn count_new(&self, key: &Key, call: &Ended) {
        let entry = match self.find(key) {
            Place::Taken(entry) => entry,
            Place::Free(hash, entry) => {
                entry.start(key.user, key.database, key.text(), call.at);
                // Last, because it is what makes the entry one.
                hash.store(key.hash(), Relaxed);
                entry
            }
            Place::Full => {
                if self.others.calls.load(Relaxed) == 0 {
                    self.others.start(0, 0, "", call.at);
                }
                &self.others
            }
        };
        entry.count(call);
        if let Some(error) = &call.error {
            entry.error.store(&crate::text::cut(error, ERROR_BYTES - 3));
            entry.error_at.store(call.at, Relaxed);
        }
    }

    /// All entries, the one for further functions last. Wants the lock shared.
    #[must_use]
    pub fn entries(&self) -> Vec<Counts> {
        let used = self.hashes.iter().zip(&self.entries);
        let used = used.filter(|(hash, _)| hash.load(Relaxed) != 0).map(|(_, entry)| entry);
        let mut entries: Vec<Counts> = used.map(Entry::read).collect();
        if self.others.calls.load(Relaxed) > 0 {
            entries.push(Counts { owner: None, function: None, ..self.others.read() });
        }
        entries
    }

    /// Forgets everything. Wants the lock exclusively.
    pub fn reset(&self) {
        for hash in &self.hashes {
            hash.store(0, Relaxed);
        }
        self.others.calls.store(0, Relaxed);
    }

    fn find(&self, key: &Key) -> Place<'_> {
        let hash = key.hash();
        // A few thousand at most; the rest of the hash does not matter.
        let start = usize::try_from(hash % FUNCTIONS as u64).unwrap_or(0);
        for index in (start..FUNCTIONS).chain(0..start) {
            let entry = &self.entries[index];
            match self.hashes[index].load(Relaxed) {
                0 => return Place::Free(&self.hashes[index], entry),
                found if found == hash && entry.is(key) => return Place::Taken(entry),
                _ => {}
            }
        }
        Place::Full
    }
}

/// Where a key is, or could be.
enum Place<'a> {
    Taken(&'a Entry),
    Free(&'a AtomicU64, &'a Entry),
    Full,
}

impl Entry {
    fn is(&self, key: &Key) -> bool {
        self.user.load(Relaxed) == key.user
            && self.database.load(Relaxed) == key.database
            && self.function.is(key.text())
    }

    fn start(&self, user: u32, database: u32, function: &str, now: i64) {
        self.user.store(user, Relaxed);
        self.database.store(database, Relaxed);
        self.function.store(function);
        self.since.store(now, Relaxed);
        for counter in [
            &self.calls,
            &self.function_errors,
            &self.service_errors,
            &self.throttles,
            &self.timeouts,
            &self.cancels,
            &self.retries,
            &self.bytes_out,
            &self.bytes_in,
            &self.total_ns,
            &self.max_ns,
        ] {
            counter.store(0, Relaxed);
        }
        self.min_ns.store(u64::MAX, Relaxed);
        self.error.store("");
        self.times.clear();
    }

    fn count(&self, call: &Ended) {
        let add = |counter: &AtomicU64, amount: u64| {
            if amount > 0 {
                counter.fetch_add(amount, Relaxed);
            }
        };
        let by_outcome = match call.outcome {
            Outcome::Success => None,
            Outcome::FunctionError => Some(&self.function_errors),
            Outcome::ServiceError => Some(&self.service_errors),
            Outcome::Timeout => Some(&self.timeouts),
            Outcome::Cancel => Some(&self.cancels),
        };
        let nanos = u64::try_from(call.took.as_nanos()).unwrap_or(u64::MAX);
        add(&self.calls, 1);
        if let Some(counter) = by_outcome {
            add(counter, 1);
        }
        add(&self.retries, call.retries.into());
        add(&self.throttles, call.throttles.into());
        add(&self.bytes_out, call.bytes_out);
        add(&self.bytes_in, call.bytes_in);
        add(&self.total_ns, nanos);
        self.min_ns.fetch_min(nanos, Relaxed);
        self.max_ns.fetch_max(nanos, Relaxed);
        self.times.add(call.took);
    }

    fn read(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        let time = |counter: &AtomicU64| Duration::from_nanos(get(counter));
        let [p50_us, p99_us] = self.times.percentiles([0.5, 0.99]);
        let error = self.error.load();
        Counts {
            owner: Some((self.user.load(Relaxed), self.database.load(Relaxed))),
            function: Some(Function::of_text(&self.function.load())),
            calls: get(&self.calls),
            function_errors: get(&self.function_errors),
            service_errors: get(&self.service_errors),
            throttles: get(&self.throttles),
            timeouts: get(&self.timeouts),
            cancels: get(&self.cancels),
            retries: get(&self.retries),
            bytes_out: get(&self.bytes_out),
            bytes_in: get(&self.bytes_in),
            total: time(&self.total_ns),
            min: time(&self.min_ns),
            max: time(&self.max_ns),
            p50_us,
            p99_us,
            last_error: (!error.is_empty()).then(|| (error, self.error_at.load(Relaxed))),
            since: self.since.load(Relaxed),
        }
    }
}
