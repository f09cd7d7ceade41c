//! An answer on its way from a function to its caller, bit by bit.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::run::Execution;

/// What the caller of a streaming call is handed, in this order: chunks, then one end.
#[derive(Debug)]
pub enum Part {
    /// Bytes of the answer, as they came from the function.
    Chunk(Bytes),
    /// How the call ended. If nothing was streamed, the whole answer is in here.
    End(Execution),
}

/// Where the runtime's side puts the chunks. It waits here while the caller does not read: what the
/// function writes next then stays in its own socket.
pub type Sink = mpsc::Sender<Part>;

/// How many parts may wait for a slow caller. A chunk is what one read of the function's connection
/// brought, at most `RUNTIME_API_HEADER_BYTES`.
const WAITING_PARTS: usize = 2;

/// Both ends of a call's stream.
pub(super) fn channel() -> (Sink, mpsc::Receiver<Part>) {
    mpsc::channel(WAITING_PARTS)
}

/// An error that the runtime reports after it has begun to stream the answer, in trailers.
#[derive(Debug, PartialEq, Eq)]
pub struct StreamError {
    /// `Lambda-Runtime-Function-Error-Type`.
    pub code: String,
    /// `Lambda-Runtime-Function-Error-Body`, decoded; empty without one.
    pub details: Bytes,
}
