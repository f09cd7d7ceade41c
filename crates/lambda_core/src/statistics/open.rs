//! What one process knows about its own calls in flight to one function.

use std::collections::VecDeque;
use std::time::Instant;

/// When a call began: by the clock that durations are measured with, and by the server's.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// For how long it takes.
    pub instant: Instant,
    /// For people.
    pub at: i64,
}

/// Calls in the order in which they began; they may end in any other.
#[derive(Debug, Default)]
pub struct OpenCalls {
    /// The number of the first in the queue.
    first: u64,
    /// `None` has ended. The first has not.
    begun: VecDeque<Option<Begun>>,
    open: usize,
}

impl OpenCalls {
    /// Adds a call and gives its number.
    pub fn begin(&mut self, begun: Begun) -> u64 {
        self.begun.push_back(Some(begun));
        self.open += 1;
        self.first + self.begun.len() as u64 - 1
    }

    /// Takes a call out; `None` if there is no such call any more.
    pub fn end(&mut self, number: u64) -> Option<Begun> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let ended = self.begun.get_mut(index)?.take()?;
        self.open -= 1;
        while self.begun.front().is_some_and(Option::is_none) {
            self.begun.pop_front();
            self.first += 1;
        }
        Some(ended)
    }

    /// How many have not ended.
    #[must_use]
    pub fn count(&self) -> usize {
        self.open
    }

    /// The one that began first.
    #[must_use]
    pub fn oldest(&self) -> Option<Begun> {
        self.begun.front().copied().flatten()
    }

    /// Takes all out.
    pub fn drain(&mut self) -> impl Iterator<Item = Begun> {
        self.open = 0;
        self.first += self.begun.len() as u64;
        self.begun.drain(..).flatten()
    }
}
