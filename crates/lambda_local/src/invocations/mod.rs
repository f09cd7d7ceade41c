//! The last invocations, kept in memory for the page: what went in, what came out, and the log.
//!
//! Every execution passes here twice, when it begins and when it ends, so nothing is done under the
//! lock but moving pointers. Events and answers are not copied unless they have to be cut.

mod excerpt;
mod invocation;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::Notify;

pub use excerpt::Excerpt;
pub use invocation::{Begun, End, Invocation, Kind, Status, Usage};

use crate::environment::{Event, Execution};
use crate::functions::Function;
use crate::limits::{EXCERPT_BYTES, INVOCATIONS, INVOCATIONS_BYTES};
use crate::metrics::Counts;

/// The invocations that run, and the last that ended.
#[derive(Debug, Default)]
pub struct Invocations {
    /// The number that the last one got.
    last: AtomicU64,
    counts: Counts,
    state: Mutex<State>,
    /// Rings when something was added or has ended.
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Counts the changes; each invocation knows that of its own last one.
    changes: u64,
    running: BTreeMap<u64, Invocation>,
    /// The oldest first.
    ended: VecDeque<Invocation>,
    /// What `ended` holds of events, answers and logs.
    bytes: usize,
}

/// An execution under way. Dropped without an end, it is forgotten.
#[derive(Debug)]
pub struct Running<'a> {
    all: &'a Invocations,
    begun: Arc<Begun>,
}

impl Invocations {
    /// Notes that an execution begins.
    pub fn begin(&self, function: &Function, event: &Event) -> Running<'_> {
        let begun = self.begun(function, event);
        self.change(|state| {
            let begun = Arc::clone(&begun);
            let (number, change) = (begun.number, state.changes);
            state.running.insert(number, Invocation { begun, change, end: None });
        });
        Running { all: self, begun }
    }

    /// Notes an invocation that found no room.
    pub fn throttled(&self, function: &Function, event: &Event) {
        let (begun, end) = (self.begun(function, event), End::throttled());
        self.counts.count(&begun, &end);
        self.change(|state| state.keep(begun, end));
    }

    /// The counts for `/metrics`.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The changes so far, and the invocations that changed after the first `after` of them, in the
    /// order in which they began. After none, that is everything that is kept.
    pub fn after(&self, after: u64) -> (u64, Vec<Invocation>) {
        let state = self.lock();
        // A number that was not given out yet: it is from before the service was restarted.
        let after = if after > state.changes { 0 } else { after };
        let ended = state.ended.iter().rev().take_while(|invocation| invocation.change > after);
        let running = state.running.values().filter(|invocation| invocation.change > after);
        let mut found: Vec<_> = ended.chain(running).cloned().collect();
        let changes = state.changes;
        drop(state);
        found.sort_by_key(|invocation| invocation.begun.number);
        (changes, found)
    }

    /// The invocation of that number, if it is still kept.
    pub fn get(&self, number: u64) -> Option<Invocation> {
        let state = self.lock();
        let ended = || state.ended.iter().find(|invocation| invocation.begun.number == number);
        state.running.get(&number).or_else(ended).cloned()
    }

    /// The newest invocation of a request that has ended.
    pub fn of_request(&self, id: &str) -> Option<Invocation> {
        self.lock().ended.iter().rev().find(|ended| ended.begun.request_id == id).cloned()
    }

    /// Waits until there have been more than `seen` changes.
    pub async fn changed(&self, seen: u64) {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            // Listen before looking, or a change in between would be missed.
            news.as_mut().enable();
            if self.lock().changes != seen {
                return;
            }
            news.await;
        }
    }

    fn begun(&self, function: &Function, event: &Event) -> Arc<Begun> {
        Arc::new(Begun {
            number: self.last.fetch_add(1, Ordering::Relaxed) + 1,
            at: SystemTime::now(),
            function: function.name.clone(),
            version: function.version.clone(),
            qualifier: event.invoked_arn.split(':').nth(7).map(str::to_owned),
            request_id: event.request_id.clone(),
            kind: event.kind,
            memory_mb: function.memory_mb,
            event: Excerpt::of(&event.payload, EXCERPT_BYTES),
        })
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        state.changes += 1;
        change(&mut state);
        drop(state);
        self.news.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, begun: Arc<Begun>, end: End) {
        let invocation = Invocation { begun, change: self.changes, end: Some(Arc::new(end)) };
        self.bytes += invocation.bytes();
        self.ended.push_back(invocation);
        while self.ended.len() > INVOCATIONS || self.bytes > INVOCATIONS_BYTES {
            let Some(oldest) = self.ended.pop_front() else { return };
            self.bytes -= oldest.bytes();
        }
    }
}

impl Running<'_> {
    /// Notes how it ended.
    pub fn end(self, execution: &Execution) {
        let end = End::of(execution);
        self.all.counts.count(&self.begun, &end);
        self.all.change(|state| {
            state.running.remove(&self.begun.number);
            state.keep(Arc::clone(&self.begun), end);
        });
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // After `end` there is nothing left to remove.
        self.all.lock().running.remove(&self.begun.number);
    }
}

#[cfg(test)]
mod tests;
