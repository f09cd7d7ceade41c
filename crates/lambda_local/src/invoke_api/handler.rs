//! From an Invoke request to its answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use super::ApiError;
use super::request::{InvocationType, InvokeRequest, check_payload};
use super::target::Target;
use crate::auth::Caller;
use crate::environment::{Execution, Throttled};
use crate::http_io::{Answer, empty, json};
use crate::service::Service;

/// Answers Invoke; `name` is the function's as it stands in the path.
pub(crate) async fn invoke(
    service: &Service,
    caller: &Caller,
    parts: &Parts,
    name: &str,
    body: Bytes,
    id: &str,
) -> Result<Answer, ApiError> {
    let invoke = InvokeRequest::read(name, &parts.uri, &parts.headers)?;
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
            let execution = target
                .pool
                .invoke(event)
                .await
                .map_err(|throttled| ApiError::throttled(throttle_reason(throttled)))?;
            Ok(executed(execution, &target.version, &trace, invoke.wants_tail))
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

fn throttle_reason(throttled: Throttled) -> &'static str {
    if throttled.reserved {
        "ReservedFunctionConcurrentInvocationLimitExceeded"
    } else {
        "ConcurrentInvocationLimitExceeded"
    }
}

fn executed(execution: Execution, version: &str, trace: &str, wants_tail: bool) -> Answer {
    let failed = execution.failed();
    let mut answer = json(StatusCode::OK, execution.payload);
    let headers = answer.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("x-amz-executed-version", version);
    set("x-amzn-remapped-content-length", "0");
    let root = trace.split(';').next().unwrap_or_default().replacen("Root", "root", 1);
    set("x-amzn-trace-id", &format!("{root};sampled=0"));
    if failed {
        set("x-amz-function-error", "Unhandled");
    }
    if wants_tail {
        set("x-amz-log-result", &STANDARD.encode(execution.log.tail()));
    }
    answer
}
