//! From an Invoke request to its answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use super::ApiError;
use super::request::{Delivery, InvocationType, InvokeRequest, check_payload};
use super::stream;
use super::target::Target;
use crate::auth::Caller;
use crate::environment::{Execution, Throttled};
use crate::http_io::{Answer, empty, json};
use crate::service::Service;

/// A call as it stands in the path: the function's name, and how the answer is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    pub(crate) name: &'a str,
    pub(crate) delivery: Delivery,
}

/// Answers Invoke and InvokeWithResponseStream.
pub(crate) async fn invoke(
    service: &Service,
    caller: &Caller,
    parts: &Parts,
    named: Named<'_>,
    body: Bytes,
    id: &str,
) -> Result<Answer, ApiError> {
    let Named { name, delivery } = named;
    let invoke = InvokeRequest::read(name, delivery, &parts.uri, &parts.headers)?;
    let target = Target::find(service, caller, &invoke).await?;
    let payload = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
    check_payload(&payload)?;
    match invoke.invocation_type {
        InvocationType::DryRun => Ok(empty(StatusCode::NO_CONTENT)),
        InvocationType::Event => {
            service.events().put(id, target.call(&invoke), payload).await?;
            Ok(empty(StatusCode::ACCEPTED))
        }
        InvocationType::RequestResponse => {
            let event = target.event(id, payload, &invoke);
            let trace = event.trace_id.clone();
            let mut answer = match delivery {
                Delivery::Whole => {
                    let execution = target.pool.invoke(event).await.map_err(throttled)?;
                    executed(execution, invoke.wants_tail)
                }
                Delivery::Streamed => {
                    let parts = target.pool.invoke_streaming(event).map_err(throttled)?;
                    stream::answer(parts, invoke.wants_tail)
                }
            };
            about_execution(&mut answer, &target.version, &trace);
            Ok(answer)
        }
    }
}

/// Answers InvokeAsync, which AWS had before Invoke and still serves.
pub(crate) async fn invoke_async(
    service: &Service,
    caller: &Caller,
    name: &str,
    body: Bytes,
    id: &str,
) -> Result<Answer, ApiError> {
    let invoke = InvokeRequest::read_async(name)?;
    let target = Target::find(service, caller, &invoke).await?;
    check_payload(&body)?;
    service.events().put(id, target.call(&invoke), body).await?;
    Ok(json(StatusCode::ACCEPTED, r#"{"Status":202}"#))
}

fn throttled(throttled: Throttled) -> ApiError {
    ApiError::throttled(throttle_reason(throttled))
}

fn throttle_reason(throttled: Throttled) -> &'static str {
    if throttled.reserved {
        "ReservedFunctionConcurrentInvocationLimitExceeded"
    } else {
        "ConcurrentInvocationLimitExceeded"
    }
}

fn executed(execution: Execution, wants_tail: bool) -> Answer {
    let failed = execution.failed();
    let mut answer = json(StatusCode::OK, execution.payload);
    set(&mut answer, "x-amzn-remapped-content-length", "0");
    if failed {
        set(&mut answer, "x-amz-function-error", "Unhandled");
    }
    if wants_tail {
        set(&mut answer, "x-amz-log-result", &STANDARD.encode(execution.log.tail()));
    }
    answer
}

/// What is known before the function answers.
fn about_execution(answer: &mut Answer, version: &str, trace: &str) {
    set(answer, "x-amz-executed-version", version);
    let root = trace.split(';').next().unwrap_or_default().replacen("Root", "root", 1);
    set(answer, "x-amzn-trace-id", &format!("{root};sampled=0"));
}

fn set(answer: &mut Answer, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}
