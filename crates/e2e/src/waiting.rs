//! Waiting for what has no other way to be told: by asking again and again.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that has no bound of its own: a busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pauses between two questions. As long as asking took, several times: what is dear to ask, such as
/// by a new `psql`, is asked less often, and so leaves the machine to what is waited for.
const TIMES: u32 = 9;
const SHORTEST: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_millis(250);

/// Asks `ready` until it has an answer; none when `patience` has ended before.
pub(crate) fn answer_within<T>(
    patience: Duration,
    mut ready: impl FnMut() -> Option<T>,
) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        let asked = Instant::now();
        if let Some(answer) = ready() {
            return Some(answer);
        }
        if Instant::now() > deadline {
            return None;
        }
        thread::sleep((asked.elapsed() * TIMES).clamp(SHORTEST, LONGEST));
    }
}

/// Waits until `condition` holds, in a test.
///
/// # Panics
///
/// If it does not within a minute: tells `what` was waited for.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}

/// Waits until `ready` has an answer, in a test, and gives it.
///
/// # Panics
///
/// If it has none within a minute: tells `what` was waited for.
#[track_caller]
#[expect(clippy::panic, reason = "it is how a test fails")]
pub fn wait_for<T>(what: &str, ready: impl FnMut() -> Option<T>) -> T {
    match answer_within(PATIENCE, ready) {
        Some(answer) => answer,
        None => panic!("waited in vain for {PATIENCE:?}: {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dear_to_ask_is_asked_seldom() {
        let mut asked = 0;
        let begin = Instant::now();
        let took = answer_within(Duration::from_secs(60), || {
            asked += 1;
            thread::sleep(Duration::from_millis(10));
            (asked == 3).then(|| begin.elapsed())
        });
        // Three times 10 ms, and two pauses of at least 90 ms.
        assert!(took.unwrap() >= Duration::from_millis(210), "{took:?}");
    }

    #[test]
    fn without_an_answer_it_ends() {
        assert_eq!(answer_within(Duration::ZERO, || None::<()>), None);
    }
}
