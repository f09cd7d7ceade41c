//! One invocation: what it began with, and how it ended.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::Deserialize;

use super::Excerpt;
use crate::environment::Execution;
use crate::limits::EXCERPT_BYTES;

/// How the function was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The caller waits for the answer.
    RequestResponse,
    /// The caller was answered before; every attempt is an invocation.
    Event,
    /// The caller gets the answer in pieces.
    Stream,
}

impl Kind {
    /// The name of the invocation type, in AWS's terms.
    pub fn name(self) -> &'static str {
        match self {
            Self::RequestResponse => "RequestResponse",
            Self::Event => "Event",
            Self::Stream => "ResponseStream",
        }
    }
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// The function answered.
    Success,
    /// The function, or its runtime, failed.
    Error,
    /// It took longer than the function's timeout.
    Timeout,
    /// There was no room for it.
    Throttled,
}

impl Status {
    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Throttled => "throttled",
        }
    }
}

/// What an execution took, as its REPORT line says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// From the delivery of the event to the answer.
    pub duration: Duration,
    /// Whether it was the environment's first invocation, or would have been.
    pub cold: bool,
    /// What the initialisation took, if this was the first invocation and it got so far.
    pub init: Option<Duration>,
    /// The most memory that the environment has used, in MiB.
    pub memory_peak_mb: u64,
}

impl Usage {
    /// The billed duration in milliseconds: the duration, rounded up.
    pub fn billed_ms(&self) -> u64 {
        u64::try_from(self.duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

/// What is known when an invocation begins.
#[derive(Debug)]
pub struct Begun {
    /// Counts the invocations. A request id may stand for several, when an event is tried again.
    pub number: u64,
    /// When it began.
    pub at: SystemTime,
    /// The function's name.
    pub function: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// As the caller named the version, if it did.
    pub qualifier: Option<String>,
    /// The request id.
    pub request_id: String,
    /// How the function was called.
    pub kind: Kind,
    /// The memory of the function, in MiB.
    pub memory_mb: u32,
    /// The event.
    pub event: Excerpt,
}

/// What is known when an invocation has ended.
#[derive(Debug)]
pub struct End {
    /// How it ended.
    pub status: Status,
    /// The `errorType` of a failed one.
    pub error_type: Option<String>,
    /// What it took; nothing of one that found no room.
    pub usage: Option<Usage>,
    /// The answer, or the error's description. An answer that was streamed is not kept.
    pub answer: Excerpt,
    /// The end of the log.
    pub log: Bytes,
}

/// One invocation. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// What it began with.
    pub begun: Arc<Begun>,
    /// Which of all changes to invocations the last one to this was.
    pub change: u64,
    /// How it ended; nothing while it runs.
    pub end: Option<Arc<End>>,
}

impl Invocation {
    /// About what it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let end = self.end.as_ref().map_or(0, |end| end.answer.bytes.len() + end.log.len());
        self.begun.event.bytes.len() + end
    }
}

impl End {
    pub(super) fn throttled() -> Self {
        let (answer, log) = (Excerpt::default(), Bytes::new());
        Self { status: Status::Throttled, error_type: None, usage: None, answer, log }
    }

    pub(super) fn of(execution: &Execution) -> Self {
        let failed = execution.status != Status::Success;
        Self {
            status: execution.status,
            error_type: match &execution.error_code {
                Some(code) if execution.streamed => Some(code.clone()),
                _ => failed.then(|| error_type(&execution.payload)).flatten(),
            },
            usage: Some(execution.usage),
            answer: Excerpt::of(&execution.payload, EXCERPT_BYTES),
            log: execution.log.to_bytes(),
        }
    }
}

/// Longer names are shown cut off.
const ERROR_TYPE_CHARACTERS: usize = 200;

fn error_type(payload: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Described {
        #[serde(rename = "errorType")]
        error_type: String,
    }
    let described: Described = serde_json::from_slice(payload).ok()?;
    Some(described.error_type.chars().take(ERROR_TYPE_CHARACTERS).collect())
}
