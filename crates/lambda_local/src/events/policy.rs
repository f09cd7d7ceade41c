//! When an event is tried again, and when it is over (AWS Lambda Developer Guide, "How Lambda handles
//! errors and retries with asynchronous invocation").

use std::time::Duration;

use super::item::{Item, millis};
use crate::model::EventInvoke;

/// How often AWS tries a failed event again unless told otherwise.
const RETRIES: u32 = 2;

/// How old an event becomes unless told otherwise: 6 hours.
const AGE: Duration = Duration::from_secs(6 * 60 * 60);

/// What is put back for no fault of the function waits this long at first, twice as long each
/// further time.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);

/// But no longer than this.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(5 * 60);

/// AWS's waits before the first and the second retry.
pub const RETRY_DELAYS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

/// How an event is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    retries: u32,
    age: Duration,
}

/// Why an event is over, as AWS's records say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Success,
    RetriesExhausted,
    EventAgeExceeded,
    ZeroReservedConcurrency,
}

impl Condition {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::RetriesExhausted => "RetriesExhausted",
            Self::EventAgeExceeded => "EventAgeExceeded",
            Self::ZeroReservedConcurrency => "ZeroReservedConcurrency",
        }
    }
}

impl Rules {
    /// Those of a function, a version or an alias that has a configuration of its own.
    pub(super) fn of(config: Option<&EventInvoke>) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Self {
            retries: config.and_then(|config| config.retries).unwrap_or(RETRIES),
            age: config.and_then(|config| config.age).map_or(AGE, seconds),
        }
    }

    /// When an item has become too old.
    pub(super) fn expiry(&self, item: &Item) -> u64 {
        item.accepted.saturating_add(millis(self.age))
    }

    /// When an item is tried after its last failure by the function's own error, which is counted
    /// already; nothing when it is not. An item that will be too old by then is due when it is.
    pub(super) fn after_failure(&self, item: &Item, delays: &[Duration], now: u64) -> Option<u64> {
        if item.failures > self.retries {
            return None;
        }
        let index = (item.failures.saturating_sub(1) as usize).min(delays.len().saturating_sub(1));
        let delay = delays.get(index).copied().unwrap_or_default();
        Some(now.saturating_add(millis(delay)).min(self.expiry(item)))
    }

    /// The same, after an attempt that could not be made. Its age is the only limit.
    pub(super) fn after_setback(&self, item: &Item, now: u64) -> u64 {
        now.saturating_add(millis(back_off(item.setbacks))).min(self.expiry(item))
    }
}

/// The wait after so many setbacks in a row.
fn back_off(setbacks: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(setbacks.saturating_sub(1));
    FIRST_BACK_OFF.saturating_mul(doubled).min(LONGEST_BACK_OFF)
}

#[cfg(test)]
mod tests {
    use super::super::item::{Call, Task};
    use super::*;

    fn item(failures: u32, setbacks: u32) -> Item {
        let call = Call {
            function: "f".to_owned(),
            qualifier: None,
            arn: String::new(),
            trace_id: String::new(),
            client_context: None,
        };
        let mut item = Item::new(String::new(), 0, Task::Invoke(call));
        (item.accepted, item.failures, item.setbacks) = (1_000, failures, setbacks);
        item
    }

    #[test]
    fn a_failed_event_is_tried_twice_after_one_and_two_minutes() {
        let rules = Rules::of(None);
        let after = |failures| rules.after_failure(&item(failures, 0), &RETRY_DELAYS, 5_000);
        assert_eq!([after(1), after(2), after(3)], [Some(65_000), Some(125_000), None]);
        let once = [Duration::from_millis(10)];
        assert_eq!(
            rules.after_failure(&item(2, 0), &once, 5_000),
            Some(5_010),
            "the last holds on"
        );
        assert_eq!(rules.after_failure(&item(2, 0), &[], 5_000), Some(5_000));
    }

    #[test]
    fn a_configuration_changes_retries_and_age() {
        let config = EventInvoke { retries: Some(0), age: Some(60), ..EventInvoke::default() };
        let rules = Rules::of(Some(&config));
        assert_eq!(rules.after_failure(&item(1, 0), &RETRY_DELAYS, 5_000), None);
        let config = EventInvoke { age: Some(60), ..EventInvoke::default() };
        let rules = Rules::of(Some(&config));
        let due = rules.after_failure(&item(2, 0), &RETRY_DELAYS, 5_000);
        assert_eq!(due, Some(61_000), "it is looked at when it is too old");
    }

    #[test]
    fn what_cannot_be_run_waits_twice_as_long_each_time_up_to_five_minutes() {
        let rules = Rules::of(None);
        let wait = |setbacks| (rules.after_setback(&item(0, setbacks), 1_000) - 1_000) / 1_000;
        assert_eq!([1, 2, 3, 9, 10, 99].map(wait), [1, 2, 4, 256, 300, 300]);
        let late = rules.expiry(&item(0, 0)) - 10;
        assert_eq!(rules.after_setback(&item(0, 99), late), late + 10);
    }
}
