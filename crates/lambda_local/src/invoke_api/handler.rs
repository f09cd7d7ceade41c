//! From an Invoke request to its answer.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use super::ApiError;
use super::request::{InvocationType, InvokeRequest, check_payload};
use super::target::Target;
use crate::auth::Caller;
use crate::environment::{Event, Execution, Pool, Throttled};
use crate::http_io::{Answer, empty};
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
    let event = target.event(id, payload, &invoke);
    match invoke.invocation_type {
        InvocationType::DryRun => Ok(empty(StatusCode::NO_CONTENT)),
        InvocationType::Event => {
            tokio::spawn(run_in_background(target.pool, event));
            Ok(empty(StatusCode::ACCEPTED))
        }
        InvocationType::RequestResponse => {
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

fn throttle_reason(throttled: Throttled) -> &'static str {
    if throttled.reserved {
        "ReservedFunctionConcurrentInvocationLimitExceeded"
    } else {
        "ConcurrentInvocationLimitExceeded"
    }
}

/// Runs an `Event` after its caller has been answered. Only the log tells how it ended.
async fn run_in_background(pool: Arc<Pool>, event: Event) {
    let (function, request_id) = (pool.function().name.clone(), event.request_id.clone());
    match pool.invoke_when_free(event).await {
        Some(execution) if execution.failed() => {
            let error = String::from_utf8_lossy(&execution.payload);
            tracing::error!(function, request_id, "asynchronous call failed: {error}");
        }
        Some(_) => tracing::debug!(function, request_id, "asynchronous call done"),
        None => tracing::error!(
            function,
            request_id,
            "asynchronous call dropped: ReservedConcurrentExecutions is 0"
        ),
    }
}

fn executed(execution: Execution, version: &str, trace: &str, wants_tail: bool) -> Answer {
    let failed = execution.failed();
    let mut answer = crate::http_io::json(StatusCode::OK, execution.payload);
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
