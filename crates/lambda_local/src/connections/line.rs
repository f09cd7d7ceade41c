//! One connection: what it is doing, and since when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::limits::{ANSWER_TIME, REQUEST_BYTES_PER_SECOND, REQUEST_TIME};

/// One connection.
#[derive(Debug)]
pub(crate) struct Line {
    state: Mutex<State>,
    /// Rings when the connection has to go.
    ending: Notify,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// When the phase began.
    since: Instant,
    /// Since when the client has not taken what was written.
    blocked: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing of a next request is here.
    Idle,
    /// So many bytes of a request are here; its end is not.
    Arriving(u64),
    /// A request is being answered.
    Answering,
    /// The connection has been told to go.
    Ending,
}

/// The order in which connections go when there are too many: idle ones before those that have
/// begun a request or still take their answer, the oldest first.
pub(super) type Rank = (bool, Instant);

impl Line {
    pub(super) fn new() -> Self {
        let state = State { phase: Phase::Idle, since: Instant::now(), blocked: None };
        Self { state: Mutex::new(state), ending: Notify::new() }
    }

    /// Bytes were read.
    pub(super) fn received(&self, bytes: u64) {
        let mut state = self.lock();
        match &mut state.phase {
            Phase::Idle => state.enter(Phase::Arriving(bytes)),
            Phase::Arriving(before) => *before += bytes,
            Phase::Answering | Phase::Ending => {}
        }
    }

    /// The client took bytes, or cannot take any now.
    pub(super) fn wrote(&self, taken: bool) {
        let mut state = self.lock();
        if taken {
            state.blocked = None;
        } else {
            state.blocked.get_or_insert_with(Instant::now);
        }
    }

    /// The whole request is here.
    pub(crate) fn has_arrived(&self) {
        let mut state = self.lock();
        if let Phase::Arriving(_) = state.phase {
            state.enter(Phase::Answering);
        }
    }

    /// The request is answered when what this returns is dropped.
    pub(crate) fn answering(self: &Arc<Self>) -> Answering {
        self.has_arrived();
        Answering(Arc::clone(self))
    }

    /// Ends the connection.
    pub(super) fn end(&self) {
        self.lock().enter(Phase::Ending);
        self.ending.notify_one();
    }

    /// Whether the connection has been told to go.
    pub(super) fn is_ending(&self) -> bool {
        self.lock().phase == Phase::Ending
    }

    /// Waits until the connection has to go.
    pub(crate) async fn ended(&self) {
        self.ending.notified().await;
    }

    /// Its turn to go when there are too many; nothing while a request is answered.
    pub(super) fn dispensable(&self) -> Option<Rank> {
        let state = self.lock();
        match state.phase {
            Phase::Idle => Some((state.blocked.is_some(), state.since)),
            Phase::Arriving(_) => Some((true, state.since)),
            Phase::Answering | Phase::Ending => None,
        }
    }

    /// Why it keeps the service waiting for too long, if it does.
    pub(super) fn is_late(&self, now: Instant) -> Option<&'static str> {
        let state = self.lock();
        let took = now.saturating_duration_since(state.since);
        match state.phase {
            Phase::Arriving(bytes) if took > time_for(bytes) => {
                Some("its request comes too slowly")
            }
            Phase::Ending => None,
            _ if state.blocked.is_some_and(|since| now > since + ANSWER_TIME) => {
                Some("nobody reads its answer")
            }
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }
}

/// How long a request may take of which so many bytes have come.
fn time_for(bytes: u64) -> Duration {
    REQUEST_TIME + Duration::from_secs(bytes / REQUEST_BYTES_PER_SECOND)
}

/// A request is being answered.
#[derive(Debug)]
pub(crate) struct Answering(Arc<Line>);

impl Drop for Answering {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if state.phase == Phase::Answering {
            state.enter(Phase::Idle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: &Line, seconds: u64) -> Option<&'static str> {
        let since = line.lock().since;
        line.is_late(since + Duration::from_secs(seconds))
    }

    #[test]
    fn silence_between_requests_is_never_late() {
        let line = Arc::new(Line::new());
        assert_eq!(at(&line, 1_000_000), None);
        line.received(1);
        assert!(at(&line, 11).is_some());
        line.has_arrived();
        assert_eq!(at(&line, 1_000_000), None, "functions take their time");
        drop(line.answering());
        assert_eq!(at(&line, 1_000_000), None);
    }

    #[test]
    fn a_slow_request_that_goes_on_is_not_late() {
        let line = Line::new();
        for second in 1..1_000 {
            line.received(1_100);
            assert_eq!(at(&line, second), None);
        }
        assert!(at(&line, 1_200).is_some());
    }

    #[test]
    fn an_answer_that_nobody_reads_is_late() {
        let line = Line::new();
        line.received(1);
        line.has_arrived();
        line.wrote(false);
        assert!(at(&line, 1_000).is_some());
        line.wrote(true);
        assert_eq!(at(&line, 1_000), None);
    }

    #[test]
    fn idle_connections_go_first_and_busy_ones_never() {
        let (idle, arriving, busy) = (Line::new(), Line::new(), Line::new());
        arriving.received(1);
        busy.received(1);
        busy.has_arrived();
        assert!(idle.dispensable() < arriving.dispensable());
        assert_eq!(busy.dispensable(), None);
        idle.end();
        assert_eq!(idle.dispensable(), None, "it is told once");
    }
}
