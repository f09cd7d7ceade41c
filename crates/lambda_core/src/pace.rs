//! How many calls of one statement may be in flight while the service throttles.

use std::time::Duration;

/// The limit of the first wait after a refusal; each further one is twice the one before.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A window that grows by one for each full window of calls that were let in, and is halved when
/// the service throttles: additive increase, multiplicative decrease, as TCP does it.
#[derive(Clone, Debug)]
pub struct Pace {
    most: f64,
    window: f64,
    /// Counts the cuts: calls that were sent before the last one say nothing new.
    round: u64,
    /// Refusals since a call was let in.
    refusals: u32,
}

impl Pace {
    /// Begins with the whole window of `most` calls.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let most = f64::from(u32::try_from(most.max(1)).unwrap_or(u32::MAX));
        Self { most, window: most, round: 0, refusals: 0 }
    }

    /// How many calls may be in flight: at least 1.
    #[must_use]
    pub fn window(&self) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and u32::MAX"
        )]
        let window = self.window as usize;
        window.max(1)
    }

    /// The round that a call is sent in, to be given back if it is refused.
    #[must_use]
    pub fn round(&self) -> u64 {
        self.round
    }

    /// A call was let in, whatever became of it.
    pub fn let_in(&mut self) {
        self.refusals = 0;
        self.window = (self.window + 1.0 / self.window).min(self.most);
    }

    /// A call that was sent in `round` was throttled. Returns the longest that the next one should
    /// wait; the wait itself is to be drawn from 0 to that.
    pub fn refused(&mut self, round: u64) -> Duration {
        if round == self.round {
            self.window = (self.window / 2.0).max(1.0);
            self.round += 1;
            self.refusals = self.refusals.saturating_add(1);
        }
        let doublings = self.refusals.saturating_sub(1).min(16);
        FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT)
    }
}
