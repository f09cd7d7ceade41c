//! From a request to its answer.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;

use super::ApiError;
use super::describe::describe;
use super::request::{InvocationType, InvokeRequest, check_payload, invocation_type, invoke_path};
use crate::auth::{Caller, SignedRequest, verify};
use crate::environment::{Event, Execution, Pool, Throttled};
use crate::functions::LATEST;
use crate::http_io::{Answer, BodyError, Request, read_body};
use crate::limits::SYNC_PAYLOAD_BYTES;
use crate::service::Service;

/// Answers one request, and logs that it did.
pub(crate) async fn answer(service: Arc<Service>, request: Request) -> Answer {
    let request_id = uuid::Uuid::new_v4().to_string();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let mut answer = match respond(&service, request, &request_id).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(%method, path, request_id, "refused: {}", error.message());
            error.into_answer()
        }
    };
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        answer.headers_mut().insert("x-amzn-requestid", id);
    }
    answer
}

async fn respond(service: &Service, request: Request, id: &str) -> Result<Answer, ApiError> {
    let (parts, body) = request.into_parts();
    let name = invoke_path(parts.uri.path()).filter(|_| parts.method == Method::POST);
    let limit = invocation_type(&parts.headers).map_or(SYNC_PAYLOAD_BYTES, InvocationType::limit);
    let body = match read_body(body, limit).await {
        Ok(body) => body.bytes,
        Err(BodyError::TooLarge) => return Err(ApiError::too_large(limit)),
        Err(BodyError::Broken) => return Err(ApiError::incomplete_body()),
    };
    let signed = SignedRequest {
        method: &parts.method,
        uri: &parts.uri,
        headers: &parts.headers,
        body: &body,
    };
    let caller = authenticate(service, signed)?;
    let Some(name) = name else {
        if parts.method == Method::GET
            && let Some(answer) = describe(service, &parts.uri, &caller.region)
        {
            return answer;
        }
        return Err(ApiError::not_supported(parts.method.as_str(), parts.uri.path()));
    };
    let invoke = InvokeRequest::read(name, &parts.uri, &parts.headers)?;
    let target = Target::find(service, &caller, &invoke)?;
    let payload = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
    check_payload(&payload)?;
    let event = target.event(id, payload, &invoke);
    match invoke.invocation_type {
        InvocationType::DryRun => Ok(empty(StatusCode::NO_CONTENT)),
        InvocationType::Event => {
            tokio::spawn(run_in_background(target.pool, event, target.version));
            Ok(empty(StatusCode::ACCEPTED))
        }
        InvocationType::RequestResponse => {
            let trace = event.trace_id.clone();
            let execution = target
                .pool
                .invoke(event, target.version.clone())
                .await
                .map_err(|throttled| ApiError::throttled(throttle_reason(throttled)))?;
            Ok(executed(execution, &target.version, &trace, invoke.wants_tail))
        }
    }
}

fn authenticate(service: &Service, request: SignedRequest<'_>) -> Result<Caller, ApiError> {
    match service.credentials() {
        Some(credentials) => Ok(verify(request, credentials, SystemTime::now())?),
        None => {
            Ok(Caller { access_key: "anonymous".to_owned(), region: service.region().to_owned() })
        }
    }
}

/// The function that a request means.
struct Target {
    pool: Arc<Pool>,
    version: String,
    /// As the caller named it.
    arn: String,
}

impl Target {
    fn find(service: &Service, caller: &Caller, invoke: &InvokeRequest) -> Result<Self, ApiError> {
        let function = &invoke.function;
        if let Some(region) = function.region.as_ref().filter(|region| **region != caller.region) {
            return Err(ApiError::not_found(format!(
                "Functions from '{region}' are not reachable in this region ('{}')",
                caller.region
            )));
        }
        let account = function.account.as_deref().unwrap_or(service.account());
        let arn = format!("arn:aws:lambda:{}:{account}:function:{}", caller.region, function.name);
        if account != service.account() {
            return Err(ApiError::access_denied(format!(
                "User: arn:aws:iam::{}:user/{} is not authorized to perform: lambda:InvokeFunction \
                 on resource: {arn} because no resource-based policy allows the \
                 lambda:InvokeFunction action",
                service.account(),
                caller.access_key
            )));
        }
        let qualifier = invoke.qualifier.as_deref();
        let missing = || {
            let qualifier = qualifier.unwrap_or(LATEST);
            ApiError::not_found(format!("Function not found: {arn}:{qualifier}"))
        };
        let pool = service.pool(&function.name).ok_or_else(missing)?;
        let version = pool.function().version_of(qualifier).ok_or_else(missing)?.to_owned();
        let arn = match qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        };
        Ok(Self { pool, version, arn })
    }

    fn event(&self, id: &str, payload: Bytes, invoke: &InvokeRequest) -> Event {
        Event {
            request_id: id.to_owned(),
            payload,
            invoked_arn: self.arn.clone(),
            trace_id: trace_id(),
            client_context: invoke.client_context.clone(),
            timeout: self.pool.function().timeout,
        }
    }
}

/// An X-Ray header for a request that is not traced.
fn trace_id() -> String {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let random = uuid::Uuid::new_v4().simple().to_string();
    let parent = uuid::Uuid::new_v4().simple().to_string();
    format!("Root=1-{:08x}-{};Parent={};Sampled=0", seconds.as_secs(), &random[..24], &parent[..16])
}

fn throttle_reason(throttled: Throttled) -> &'static str {
    if throttled.reserved {
        "ReservedFunctionConcurrentInvocationLimitExceeded"
    } else {
        "ConcurrentInvocationLimitExceeded"
    }
}

/// Runs an `Event` after its caller has been answered. Only the log tells how it ended.
async fn run_in_background(pool: Arc<Pool>, event: Event, version: String) {
    let (function, request_id) = (pool.function().name.clone(), event.request_id.clone());
    match pool.invoke_when_free(event, version).await {
        Some(execution) if execution.failed => {
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

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn executed(execution: Execution, version: &str, trace: &str, wants_tail: bool) -> Answer {
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
    if execution.failed {
        set("x-amz-function-error", "Unhandled");
    }
    if wants_tail {
        set("x-amz-log-result", &STANDARD.encode(execution.log_tail.into_bytes()));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_path_is_an_invocation() {
        assert_eq!(invoke_path("/2015-03-31/functions/f/invocations"), Some("f"));
        assert_eq!(invoke_path("/2015-03-31/functions/f%3A1/invocations"), Some("f%3A1"));
        for other in ["/2015-03-31/functions/", "/2015-03-31/functions//invocations", "/"] {
            assert_eq!(invoke_path(other), None, "{other}");
        }
    }
}
