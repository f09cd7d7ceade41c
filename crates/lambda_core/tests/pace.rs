//! The window of calls in flight under throttling.

use std::time::Duration;

use lambda_core::Pace;
use proptest::prelude::*;

#[test]
fn a_refusal_halves_and_successes_add_one_for_each_window() {
    let mut pace = Pace::new(64);
    assert_eq!(pace.window(), 64);
    let round = pace.round();
    assert_eq!(pace.refused(round), Duration::from_millis(50));
    assert_eq!(pace.window(), 32);
    // The others of the same round were sent before: they say nothing new.
    for _ in 0..63 {
        pace.refused(round);
    }
    assert_eq!(pace.window(), 32);
    for _ in 0..33 {
        pace.let_in();
    }
    assert_eq!(pace.window(), 33);
}

#[test]
fn waits_double_until_a_call_is_let_in() {
    let mut pace = Pace::new(8);
    let mut waits: Vec<_> = (0..8).map(|_| pace.refused(pace.round()).as_millis()).collect();
    assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    assert_eq!(pace.window(), 1);
    pace.let_in();
    waits = vec![pace.refused(pace.round()).as_millis()];
    assert_eq!(waits, [50]);
}

proptest! {
    /// Whatever happens, at least one call may be in flight and never more than were asked for;
    /// and enough successes open the whole window again.
    #[test]
    fn the_window_stays_within_its_bounds(most in 1_usize..1001, events in prop::collection::vec(any::<bool>(), 0..300)) {
        let mut pace = Pace::new(most);
        for let_in in events {
            if let_in { pace.let_in() } else { pace.refused(pace.round()); }
            prop_assert!((1..=most).contains(&pace.window()));
        }
        for _ in 0..most * most {
            pace.let_in();
        }
        prop_assert_eq!(pace.window(), most);
    }
}
