//! The events of an answer to InvokeWithResponseStream, as they travel.
//!
//! The framing (lengths, headers, checksums) is `application/vnd.amazon.eventstream`, which every SDK
//! of AWS reads; which events there are, and their members, is Lambda's model.

use aws_smithy_eventstream::error::Error;
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

/// The `Content-Type` of such an answer.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// More than lengths, checksums and headers of an event take beside its payload, in bytes.
const FRAME_BYTES: usize = 256;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// Bytes of the function's answer.
    PayloadChunk(Bytes),
    /// The last event of every stream.
    InvokeComplete(Completion),
}

/// How the call ended. A member that is absent is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// `ErrorCode`: what went wrong; absent when nothing did.
    pub error_code: Option<String>,
    /// `ErrorDetails`: what the function or the service says of it.
    pub error_details: Option<String>,
    /// `LogResult`: the end of the log, in base64.
    pub log_result: Option<String>,
}

impl StreamEvent {
    /// The event as it travels.
    ///
    /// Fails when it is larger than its length fields can say, 4 GB.
    pub fn encode(self) -> Result<Bytes, Error> {
        let (event_type, content_type, payload) = match self {
            Self::PayloadChunk(bytes) => ("PayloadChunk", "application/octet-stream", bytes),
            Self::InvokeComplete(completion) => {
                ("InvokeComplete", "application/json", completion.to_json().into())
            }
        };
        let header = |name: &'static str, value: &'static str| {
            Header::new(name, HeaderValue::String(value.into()))
        };
        let mut frame = BytesMut::with_capacity(payload.len() + FRAME_BYTES);
        let message = Message::new(payload)
            .add_header(header(":event-type", event_type))
            .add_header(header(":content-type", content_type))
            .add_header(header(":message-type", "event"));
        write_message_to(&message, &mut frame)?;
        Ok(frame.freeze())
    }
}

impl Completion {
    fn to_json(&self) -> String {
        let members = [
            ("ErrorCode", &self.error_code),
            ("ErrorDetails", &self.error_details),
            ("LogResult", &self.log_result),
        ];
        let present = members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value.as_deref()?))));
        Value::from(present.collect::<Map<_, _>>()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_eventstream::frame::read_message_from;

    use super::*;

    fn decoded(event: StreamEvent) -> (Vec<(String, String)>, Bytes) {
        let message = read_message_from(event.encode().unwrap()).unwrap();
        let text = |header: &Header| header.value().as_string().unwrap().as_str().to_owned();
        let headers = message.headers().iter();
        let headers = headers.map(|header| (header.name().as_str().to_owned(), text(header)));
        (headers.collect(), message.payload().clone())
    }

    #[test]
    fn a_chunk_is_its_bytes() {
        let bytes = Bytes::from(vec![0; 7_000_000]);
        let (headers, payload) = decoded(StreamEvent::PayloadChunk(bytes.clone()));
        assert!(headers.contains(&(":event-type".to_owned(), "PayloadChunk".to_owned())));
        assert!(payload == bytes);
    }

    #[test]
    fn only_what_is_there_is_told_of_the_end() {
        let of = |completion| decoded(StreamEvent::InvokeComplete(completion)).1;
        assert_eq!(of(Completion::default()), "{}");
        let completion = Completion {
            error_code: Some("Unhandled".to_owned()),
            error_details: Some("\"é\"".to_owned()),
            log_result: None,
        };
        assert_eq!(of(completion), r#"{"ErrorCode":"Unhandled","ErrorDetails":"\"é\""}"#);
    }
}
