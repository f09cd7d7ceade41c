//! The Runtime API's answers, in AWS's words.

use http::{HeaderValue, StatusCode, header};

use crate::environment::InvalidTransition;
use crate::http_io::{Answer, complete, empty, json};
use crate::limits::RESPONSE_BYTES;

pub(super) fn accepted() -> Answer {
    json(StatusCode::ACCEPTED, "{\"status\":\"OK\"}\n")
}

pub(super) fn too_large() -> Answer {
    refuse(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestEntityTooLarge",
        &format!("Exceeded maximum allowed payload size ({RESPONSE_BYTES} bytes)."),
    )
}

pub(super) fn truncated() -> Answer {
    let message = "HTTP request detected as truncated";
    refuse(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", message)
}

pub(super) fn invalid_mode() -> Answer {
    let message = "Invalid function response mode";
    refuse(StatusCode::BAD_REQUEST, "InvalidFunctionResponseMode", message)
}

pub(super) fn stopped() -> Answer {
    refuse(StatusCode::GONE, "Runtime.Stopped", "The execution environment is being stopped")
}

/// `wanted` is the name of the state that the call would have led to.
pub(super) fn invalid_transition(invalid: InvalidTransition, wanted: &str) -> Answer {
    match invalid {
        InvalidTransition::RequestId => {
            refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
        }
        InvalidTransition::State(state) => refuse(
            StatusCode::FORBIDDEN,
            "InvalidStateTransition",
            &format!(
                "State transition from {state} to {wanted} failed for runtime. Error: State \
                 transition is not allowed"
            ),
        ),
    }
}

fn refuse(status: StatusCode, error_type: &str, message: &str) -> Answer {
    json(status, format!("{{\"errorMessage\":\"{message}\",\"errorType\":\"{error_type}\"}}\n"))
}

pub(super) fn not_found() -> Answer {
    plain_text(StatusCode::NOT_FOUND, "404 page not found\n")
}

pub(super) fn wrong_method(allowed: &'static str) -> Answer {
    let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}

pub(super) fn plain_text(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = complete(status, text);
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}
