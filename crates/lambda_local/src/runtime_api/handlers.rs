//! The calls of the Runtime API, with AWS's answers.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderValue, StatusCode};

use super::answers;
use super::finish::{Call, finish};
use crate::environment::{Environment, Event, InvalidTransition, Next};
use crate::http_io::{Answer, Request, json, read_body};
use crate::limits::RESPONSE_BYTES;

const PREFIX: &str = "/2018-06-01/";

/// Answers one call.
pub(super) async fn answer(environment: Arc<Environment>, request: Request) -> Answer {
    let path = request.uri().path().to_owned();
    let Some(path) = path.strip_prefix(PREFIX) else { return answers::not_found() };
    let parts: Vec<&str> = path.split('/').collect();
    let allowed = match parts.as_slice() {
        ["ping"] | ["runtime", "invocation", "next"] => "GET",
        ["runtime", "invocation", _, "response" | "error"] | ["runtime", "init", "error"] => "POST",
        _ => return answers::not_found(),
    };
    if request.method().as_str() != allowed {
        return answers::wrong_method(allowed);
    }
    match parts.as_slice() {
        ["ping"] => answers::plain_text(StatusCode::OK, "pong"),
        ["runtime", "invocation", "next"] => next(&environment).await,
        ["runtime", "invocation", id, "response"] => {
            finish(&environment, id, Call::Response, request).await
        }
        ["runtime", "invocation", id, _] => finish(&environment, id, Call::Error, request).await,
        _ => init_error(&environment, request).await,
    }
}

async fn next(environment: &Environment) -> Answer {
    match environment.next().await {
        Next::Event(event, deadline) => event_answer(&event, deadline),
        Next::Refused(state) => {
            answers::invalid_transition(InvalidTransition::State(state), "Ready")
        }
        Next::Gone | Next::Wait => answers::stopped(),
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

async fn init_error(environment: &Environment, request: Request) -> Answer {
    let body = match read_body(request.into_body(), RESPONSE_BYTES).await {
        Ok(body) => body.bytes,
        Err(_) => return answers::too_large(),
    };
    match environment.init_error(body) {
        Ok(()) => answers::accepted(),
        Err(invalid) => answers::invalid_transition(invalid, "InitError"),
    }
}
