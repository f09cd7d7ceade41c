//! The answer to InvokeWithResponseStream: events as the function makes them.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

use super::event_stream::{CONTENT_TYPE, Completion, StreamEvent};
use crate::environment::{Execution, Part};
use crate::http_io::{Answer, streaming};

/// The answer that hands on what the function answers, as it comes.
pub(super) fn answer(parts: mpsc::Receiver<Part>, wants_tail: bool) -> Answer {
    let body = EventStream { parts, wants_tail, last: None };
    let mut answer = streaming(StatusCode::OK, body);
    let kind = HeaderValue::from_static(CONTENT_TYPE);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// The body. Takes a part only when the client has room for it.
struct EventStream {
    parts: mpsc::Receiver<Part>,
    wants_tail: bool,
    /// What is left to send once the call has ended.
    last: Option<VecDeque<StreamEvent>>,
}

impl EventStream {
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<StreamEvent>> {
        loop {
            if let Some(last) = &mut self.last {
                return Poll::Ready(last.pop_front());
            }
            match ready!(self.parts.poll_recv(context)) {
                Some(Part::Chunk(bytes)) if bytes.is_empty() => {}
                Some(Part::Chunk(bytes)) => {
                    return Poll::Ready(Some(StreamEvent::PayloadChunk(bytes)));
                }
                Some(Part::End(execution)) => {
                    self.last = Some(last_events(execution, self.wants_tail));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let event = ready!(self.get_mut().poll_event(context));
        let encode = |event: StreamEvent| event.encode().map_err(io::Error::other);
        Poll::Ready(event.map(|event| encode(event).map(Frame::data)))
    }
}

/// What is sent when the call has ended. An answer that was not streamed goes in one chunk; so that
/// nobody takes an error for an answer, it has no chunk.
fn last_events(execution: Execution, wants_tail: bool) -> VecDeque<StreamEvent> {
    let mut events = VecDeque::new();
    let failed = execution.failed();
    let payload = execution.payload;
    let mut details = None;
    if failed {
        details = Some(String::from_utf8_lossy(&payload).into_owned());
    } else if !payload.is_empty() {
        events.push_back(StreamEvent::PayloadChunk(payload));
    }
    let log = || STANDARD.encode(execution.log.tail());
    events.push_back(StreamEvent::InvokeComplete(Completion {
        error_code: execution.error_code,
        error_details: details.filter(|details| !details.is_empty()),
        log_result: wants_tail.then(log),
    }));
    events
}
