//! The calls of the Runtime API, with AWS's answers.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::environment::{Environment, Event, InvalidTransition, Outcome};
use crate::http_io::{Answer, BodyError, Collected, Request, complete, empty, json, read_body};
use crate::limits::RESPONSE_BYTES;

const PREFIX: &str = "/2018-06-01/";

/// Answers one call.
pub(super) async fn answer(environment: Arc<Environment>, request: Request) -> Answer {
    let path = request.uri().path().to_owned();
    let Some(path) = path.strip_prefix(PREFIX) else { return not_found() };
    let parts: Vec<&str> = path.split('/').collect();
    let allowed = match parts.as_slice() {
        ["ping"] | ["runtime", "invocation", "next"] => "GET",
        ["runtime", "invocation", _, "response" | "error"] | ["runtime", "init", "error"] => "POST",
        _ => return not_found(),
    };
    if request.method().as_str() != allowed {
        return wrong_method(allowed);
    }
    match parts.as_slice() {
        ["ping"] => plain_text(StatusCode::OK, "pong"),
        ["runtime", "invocation", "next"] => next(&environment).await,
        ["runtime", "invocation", id, "response"] => {
            finish(&environment, id, "InvocationResponse", request).await
        }
        ["runtime", "invocation", id, _] => {
            finish(&environment, id, "InvocationErrorResponse", request).await
        }
        _ => init_error(&environment, request).await,
    }
}

async fn next(environment: &Environment) -> Answer {
    match environment.next().await {
        Some((event, deadline)) => event_answer(&event, deadline),
        None => refuse(
            StatusCode::GONE,
            "Runtime.Stopped",
            "The execution environment is being stopped",
        ),
    }
}

/// The event with its headers. Headers that would be empty are left out.
fn event_answer(event: &Event, deadline: Instant) -> Answer {
    let mut answer = json(StatusCode::OK, event.payload.clone());
    let mut set = |name: &'static str, value: &str| {
        // As bytes: a client context may hold characters beyond ASCII.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes())
            && !value.is_empty()
        {
            answer.headers_mut().insert(name, value);
        }
    };
    set("lambda-runtime-aws-request-id", &event.request_id);
    set("lambda-runtime-deadline-ms", &epoch_millis(deadline).to_string());
    set("lambda-runtime-invoked-function-arn", &event.invoked_arn);
    set("lambda-runtime-trace-id", &event.trace_id);
    set("lambda-runtime-client-context", event.client_context.as_deref().unwrap_or_default());
    answer
}

fn epoch_millis(deadline: Instant) -> u128 {
    let left = deadline.saturating_duration_since(Instant::now());
    (SystemTime::now() + left).duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

/// `response` and `error`: the end of the call `id`.
async fn finish(
    environment: &Environment,
    id: &str,
    call: &'static str,
    request: Request,
) -> Answer {
    // A wrong id is refused before its body is read.
    if let Err(invalid) = environment.check_finish(id) {
        return invalid_transition(invalid, call);
    }
    let (outcome, answer) = match read_body(request.into_body(), RESPONSE_BYTES).await {
        Ok(body) => (outcome_of(body, call), accepted()),
        Err(BodyError::TooLarge) => (Outcome::ResponseTooLarge, too_large()),
        // The process broke off in the middle; its exit will be noticed.
        Err(BodyError::Broken) => {
            return refuse(StatusCode::BAD_REQUEST, "InvalidBody", "The body was cut off");
        }
    };
    match environment.finish(id, outcome) {
        Ok(()) => answer,
        Err(invalid) => invalid_transition(invalid, call),
    }
}

fn outcome_of(body: Collected, call: &str) -> Outcome {
    if call == "InvocationErrorResponse" {
        return Outcome::Error(body.bytes);
    }
    match streamed_error(&body.trailers) {
        Some(error) => Outcome::Error(error),
        None => Outcome::Response(body.bytes),
    }
}

/// A function that streams its answer reports a late error in the trailers.
fn streamed_error(trailers: &HeaderMap) -> Option<Bytes> {
    let kind = trailers.get("lambda-runtime-function-error-type")?;
    let body = trailers
        .get("lambda-runtime-function-error-body")
        .and_then(|body| STANDARD.decode(body.as_bytes()).ok());
    Some(body.map_or_else(
        || {
            let kind = String::from_utf8_lossy(kind.as_bytes());
            serde_json::json!({ "errorType": kind, "errorMessage": "" }).to_string().into()
        },
        Bytes::from,
    ))
}

async fn init_error(environment: &Environment, request: Request) -> Answer {
    let body = match read_body(request.into_body(), RESPONSE_BYTES).await {
        Ok(body) => body.bytes,
        Err(_) => return too_large(),
    };
    match environment.init_error(body) {
        Ok(()) => accepted(),
        Err(invalid) => invalid_transition(invalid, "InitError"),
    }
}

fn accepted() -> Answer {
    json(StatusCode::ACCEPTED, "{\"status\":\"OK\"}\n")
}

fn too_large() -> Answer {
    refuse(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestEntityTooLarge",
        &format!("Exceeded maximum allowed payload size ({RESPONSE_BYTES} bytes)."),
    )
}

fn invalid_transition(invalid: InvalidTransition, call: &str) -> Answer {
    match invalid {
        InvalidTransition::RequestId => {
            refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
        }
        InvalidTransition::State(state) => refuse(
            StatusCode::FORBIDDEN,
            "InvalidStateTransition",
            &format!(
                "State transition from {state} to {call} failed for runtime. Error: State \
                 transition is not allowed"
            ),
        ),
    }
}

fn refuse(status: StatusCode, error_type: &str, message: &str) -> Answer {
    json(status, format!("{{\"errorMessage\":\"{message}\",\"errorType\":\"{error_type}\"}}\n"))
}

fn not_found() -> Answer {
    plain_text(StatusCode::NOT_FOUND, "404 page not found\n")
}

fn wrong_method(allowed: &'static str) -> Answer {
    let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}

fn plain_text(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = complete(status, text);
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}
