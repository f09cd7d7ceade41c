//! What waits in the queue.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// An event that is to be run, or a record that is to be delivered. Its payload is kept beside it.
/// Times are milliseconds since 1970: they must mean the same after a restart.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The request id, the same over all attempts.
    pub request_id: String,
    /// When it was accepted: its age begins here.
    pub accepted: u64,
    /// When it is to be tried next.
    pub due: u64,
    /// How often the function has run it, or the destination was asked.
    pub runs: u32,
    /// How many of these attempts failed by the function's own error.
    pub failures: u32,
    /// How many attempts in a row could not be made, by no fault of the function.
    pub setbacks: u32,
    /// Size of the payload.
    pub bytes: u64,
    /// Why the last attempt did not succeed.
    pub problem: Option<String>,
    /// What is to be done.
    pub task: Task,
}

/// What is to be done with an item.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Task {
    /// A function is to run the payload.
    Invoke(Call),
    /// The payload goes to a destination.
    Deliver(Delivery),
}

/// The call of a function.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The function's name.
    pub function: String,
    /// The version or the alias that was asked for.
    pub qualifier: Option<String>,
    /// The function's ARN, without a qualifier.
    pub arn: String,
    /// The trace header.
    pub trace_id: String,
    /// The client context, as one line of JSON.
    pub client_context: Option<String>,
}

/// A delivery.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// The ARN of where it goes.
    pub destination: String,
    /// The ARN of the function whose event it was, with its qualifier.
    pub source: String,
    /// What the payload is.
    pub message: Message,
}

/// What a delivery brings.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Message {
    /// The record of an event that succeeded, or did not.
    Record {
        /// Whether it did.
        success: bool,
    },
    /// The event itself, with these attributes: a dead letter as `DeadLetterConfig` asks for it.
    DeadLetter {
        /// The HTTP status of the last attempt.
        code: u16,
        /// The last error, at most 1 KB of it.
        message: String,
    },
}

impl Item {
    /// A new item, due now.
    pub fn new(request_id: String, bytes: usize, task: Task) -> Self {
        let now = now();
        Self {
            request_id,
            accepted: now,
            due: now,
            runs: 0,
            failures: 0,
            setbacks: 0,
            bytes: bytes as u64,
            problem: None,
            task,
        }
    }

    /// The line that it waits in: that of its function or of its destination. Function names have no
    /// colon, and ARNs do.
    pub fn lane(&self) -> &str {
        match &self.task {
            Task::Invoke(call) => &call.function,
            Task::Deliver(delivery) => &delivery.destination,
        }
    }
}

impl Call {
    /// The ARN as the caller named it.
    pub fn invoked_arn(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", self.arn),
            None => self.arn.clone(),
        }
    }
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    millis(since)
}

/// Whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
