//! The end of a call: its answer or its error, whole or streamed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::answers;
use crate::environment::{Environment, Outcome, Part, Sink, StreamError};
use crate::http_io::{Answer, BodyError, Collected, Request, discard, read_body};
use crate::limits::{RESPONSE_BYTES, STREAMED_RESPONSE_BYTES};

/// How soon a process ends that breaks its answer off because it ends.
const EXIT_TIME: Duration = Duration::from_millis(500);

/// The two calls that end an invocation, each with the name of the state it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Response,
    Error,
}

impl Call {
    fn state(self) -> &'static str {
        match self {
            Self::Response => "InvocationResponse",
            Self::Error => "InvocationErrorResponse",
        }
    }
}

/// How the runtime says it gives the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Whole,
    Streaming,
    Unknown,
}

impl Mode {
    fn of(headers: &HeaderMap, call: Call) -> Self {
        let mode = headers.get("lambda-runtime-function-response-mode");
        match mode.filter(|_| call == Call::Response).map(|mode| mode.as_bytes()) {
            None | Some(b"") => Self::Whole,
            Some(b"streaming") => Self::Streaming,
            Some(_) => Self::Unknown,
        }
    }
}

/// Answers `response` and `error` of the call `id`.
pub(super) async fn finish(
    environment: &Environment,
    id: &str,
    call: Call,
    request: Request,
) -> Answer {
    let mode = Mode::of(request.headers(), call);
    // A wrong id is refused before the body is read.
    let sink = match environment.begin(id, call.state(), mode == Mode::Streaming) {
        Ok(sink) => sink,
        Err(invalid) => return answers::invalid_transition(invalid, call.state()),
    };
    let body = request.into_body();
    let (outcome, answer) = match sink {
        _ if mode == Mode::Unknown => (Outcome::InvalidMode, answers::invalid_mode()),
        Some(sink) => stream(body, &sink).await,
        None => collect(body, call).await,
    };
    if matches!(outcome, Outcome::Truncated) && environment.ends_within(EXIT_TIME).await {
        // How it ended says more.
        return answer;
    }
    match environment.finish(id, outcome) {
        Ok(()) => answer,
        Err(invalid) => answers::invalid_transition(invalid, call.state()),
    }
}

async fn collect(body: Incoming, call: Call) -> (Outcome, Answer) {
    match read_body(body, RESPONSE_BYTES).await {
        Ok(body) => (outcome_of(body, call), answers::accepted()),
        Err(BodyError::TooLarge) => (Outcome::ResponseTooLarge, answers::too_large()),
        Err(BodyError::Broken) => (Outcome::Truncated, answers::truncated()),
    }
}

fn outcome_of(body: Collected, call: Call) -> Outcome {
    if call == Call::Error {
        return Outcome::Error(body.bytes);
    }
    // A function that streams is also called by who wants the answer whole.
    match late_error(&body.trailers) {
        Some(error) if error.details.is_empty() => {
            let error = serde_json::json!({ "errorType": error.code, "errorMessage": "" });
            Outcome::Error(error.to_string().into())
        }
        Some(error) => Outcome::Error(error.details),
        None => Outcome::Response(body.bytes),
    }
}

/// Hands the body on as it comes, no faster than the caller takes it.
async fn stream(mut body: Incoming, sink: &Sink) -> (Outcome, Answer) {
    let mut left = STREAMED_RESPONSE_BYTES;
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return (Outcome::Truncated, answers::truncated()) };
        match frame.into_data() {
            Ok(mut data) => {
                let fits = data.len() <= left;
                data.truncate(left);
                left -= data.len();
                // A caller that went away is no concern of the function.
                let _ = sink.send(Part::Chunk(data)).await;
                if !fits {
                    discard(body, 0).await;
                    return (Outcome::ResponseTooLarge, answers::too_large());
                }
            }
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    (Outcome::Streamed(late_error(&trailers)), answers::accepted())
}

/// The error that a function reports after it has begun to answer, in trailers.
fn late_error(trailers: &HeaderMap) -> Option<StreamError> {
    let code = trailers.get("lambda-runtime-function-error-type")?.as_bytes();
    let code = String::from_utf8_lossy(code).into_owned();
    let details = trailers
        .get("lambda-runtime-function-error-body")
        .and_then(|body| STANDARD.decode(body.as_bytes()).ok())
        .map_or_else(Bytes::new, Bytes::from);
    // The type is announced before it is known, and empty when nothing went wrong.
    (!code.is_empty()).then_some(StreamError { code, details })
}
