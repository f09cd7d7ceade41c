//! How long calls took, precisely enough for percentiles.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Each power of two is divided into so many buckets: a percentile is off by a sixteenth at most.
const STEPS: usize = 8;
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// Up to 2^31 microseconds, 35 minutes; a call takes 15 at most.
const BUCKETS: usize = (31 - STEP_BITS as usize + 1) * STEPS;

/// Counts of durations.
#[derive(Debug)]
#[repr(C)]
pub struct Histogram([AtomicU64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn add(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.0[bucket(micros)].fetch_add(1, Ordering::Relaxed);
    }

    /// The durations, in microseconds, below which these fractions of the counted ones lie: the
    /// middle of the bucket that the fraction is in. 0 when nothing was counted.
    #[must_use]
    pub fn percentiles<const N: usize>(&self, fractions: [f64; N]) -> [f64; N] {
        let counts: Vec<u64> = self.0.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        fractions.map(|fraction| {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rank among fewer than 2^53 calls"
            )]
            let rank = ((total as f64 * fraction).ceil() as u64).max(1);
            let mut below = 0;
            let found = counts.iter().position(|count| {
                below += count;
                below >= rank
            });
            found.map_or(0.0, middle)
        })
    }

    /// Forgets everything.
    pub fn clear(&self) {
        for count in &self.0 {
            count.store(0, Ordering::Relaxed);
        }
    }
}

/// Microseconds below `STEPS` have a bucket each; above, the bits after the highest one decide.
fn bucket(micros: u64) -> usize {
    let Some(octave) = micros.max(1).ilog2().checked_sub(STEP_BITS) else {
        return usize::try_from(micros).unwrap_or(0);
    };
    let step = (micros >> octave) as usize % STEPS;
    ((octave as usize + 1) * STEPS + step).min(BUCKETS - 1)
}

#[expect(clippy::cast_precision_loss, reason = "below 2^32")]
fn middle(bucket: usize) -> f64 {
    let (octave, step) = (bucket / STEPS, bucket % STEPS);
    match octave.checked_sub(1) {
        None => step as f64,
        Some(octave) => ((STEPS + step) << octave) as f64 + ((1_u64 << octave) - 1) as f64 / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every microsecond has the bucket whose range it is in, and ranges touch.
    #[test]
    fn buckets_follow_each_other() {
        let mut last = 0;
        for micros in (0..5000).chain((13..31).flat_map(|n| [(1 << n) - 1, 1 << n, (1 << n) + 1])) {
            let this = bucket(micros);
            assert!(this == last || micros >= 5000 || this == last + 1, "{micros}");
            last = this;
            let off = (middle(this) - micros as f64).abs();
            assert!(off <= micros as f64 / 15.0 + 0.5, "{micros}: {}", middle(this));
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(bucket((1 << 31) - 1), BUCKETS - 1);
    }
}
