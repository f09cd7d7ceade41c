//! A call on its way into an environment, and how it came out.

use std::time::Duration;

use bytes::Bytes;

use super::exit::ExitReason;
use super::stream::{Sink, StreamError};
use crate::invocations::Kind;

/// What a call brings to the function.
#[derive(Debug)]
pub struct Event {
    /// How the function was called.
    pub kind: Kind,
    /// The request id.
    pub request_id: String,
    /// The payload, as the caller sent it.
    pub payload: Bytes,
    /// The ARN the caller used, with its qualifier.
    pub invoked_arn: String,
    /// The trace header.
    pub trace_id: String,
    /// The client context, decoded.
    pub client_context: Option<String>,
    /// How long the call may take from its delivery.
    pub timeout: Duration,
    /// Where the answer goes when the caller takes it bit by bit and the function gives it so.
    pub sink: Option<Sink>,
}

/// How a call ended, as the environment saw it.
#[derive(Debug)]
pub enum Outcome {
    /// The function answered with these bytes.
    Response(Bytes),
    /// The runtime reported an error; the body goes to the caller as it is.
    Error(Bytes),
    /// The answer has gone to the caller bit by bit; how the runtime says that it ended.
    Streamed(Option<StreamError>),
    /// The answer was larger than allowed.
    ResponseTooLarge,
    /// The runtime broke the answer off and lives on.
    Truncated,
    /// The runtime asked for a mode of answering that does not exist.
    InvalidMode,
    /// The runtime reported that it could not initialise.
    InitError(Bytes),
    /// The process ended while it initialised or ran the call.
    Exited(ExitReason),
    /// The process ended before the call was delivered, so that it may run elsewhere.
    NotDelivered,
}
