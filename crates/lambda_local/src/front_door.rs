//! The front door: who calls, and which API answers.

use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;
use http::{HeaderValue, Method, header};

use crate::auth::{Caller, SignedRequest, refuse_pages, verify};
use crate::connections::Line;
use crate::control_api::{self, Operation};
use crate::http_io::{Answer, BodyError, Request, read_body};
use crate::invoke_api::{
    self, ApiError, Delivery, Named, invocation_type, invoke_async_path, invoke_path,
};
use crate::limits::{ASYNC_PAYLOAD_BYTES, CODE_REQUEST_BYTES, SYNC_PAYLOAD_BYTES};
use crate::page;
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

/// What a request is for.
enum Purpose {
    /// A call of the function whose name stands in the path like this.
    Invoke(String, Delivery),
    /// The same for InvokeAsync.
    InvokeAsync(String),
    Control(Operation),
    Unknown,
}

impl Purpose {
    fn of(parts: &Parts) -> Self {
        let path = parts.uri.path();
        if parts.method == Method::POST
            && let Some((name, delivery)) = invoke_path(path)
        {
            return Self::Invoke(name.to_owned(), delivery);
        }
        if parts.method == Method::POST
            && let Some(name) = invoke_async_path(path)
        {
            return Self::InvokeAsync(name.to_owned());
        }
        Operation::of(&parts.method, path).map_or(Self::Unknown, Self::Control)
    }

    /// The largest body.
    fn limit(&self, service: &Service, parts: &Parts) -> usize {
        match self {
            Self::Control(operation) if operation.brings_code() && is_known(service, parts) => {
                CODE_REQUEST_BYTES
            }
            Self::InvokeAsync(_) => ASYNC_PAYLOAD_BYTES,
            Self::Control(_) | Self::Invoke(_, Delivery::Streamed) => SYNC_PAYLOAD_BYTES,
            Self::Invoke(_, Delivery::Whole) | Self::Unknown => {
                invocation_type(&parts.headers).map_or(SYNC_PAYLOAD_BYTES, |kind| kind.limit())
            }
        }
    }

    /// The operation's name, for the error about a larger one.
    fn name(&self) -> String {
        match self {
            Self::Control(operation) => operation.name(),
            Self::InvokeAsync(_) => "InvokeAsync".to_owned(),
            Self::Invoke(_, delivery) => delivery.operation().to_owned(),
            Self::Unknown => Delivery::Whole.operation().to_owned(),
        }
    }
}

/// Whether the request names an access key that is accepted here. Who does not may not make the
/// service hold a body of 70 MB just to check its signature.
fn is_known(service: &Service, parts: &Parts) -> bool {
    let Some(credentials) = service.credentials() else { return true };
    let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| credentials.are_named_in(given))
}

async fn respond(service: &Arc<Service>, request: Request, id: &str) -> Result<Answer, ApiError> {
    let (parts, body) = request.into_parts();
    // Before the page: the locations of code are below its path, and are open to who knows them.
    if let Some(answer) = control_api::download(service, &parts) {
        return answer;
    }
    if page::is_page(parts.uri.path()) {
        return Ok(page::answer(service, &parts, body, id).await);
    }
    refuse_pages(&parts.headers, service.is_public())?;
    let purpose = Purpose::of(&parts);
    let limit = purpose.limit(service, &parts);
    let body = match read_body(body, limit).await {
        Ok(body) => body.bytes,
        Err(BodyError::TooLarge) => return Err(ApiError::too_large(limit, &purpose.name())),
        Err(BodyError::Broken) => return Err(ApiError::incomplete_body()),
    };
    if let Some(line) = parts.extensions.get::<Arc<Line>>() {
        line.has_arrived();
    }
    let signed = SignedRequest {
        method: &parts.method,
        uri: &parts.uri,
        headers: &parts.headers,
        body: &body,
    };
    let caller = authenticate(service, signed)?;
    match purpose {
        Purpose::Invoke(name, delivery) => {
            let named = Named { name: &name, delivery };
            invoke_api::invoke(service, &caller, &parts, named, body, id).await
        }
        Purpose::InvokeAsync(name) => {
            invoke_api::invoke_async(service, &caller, &name, body, id).await
        }
        Purpose::Control(operation) => {
            control_api::answer(service, caller, operation, &parts, &body).await
        }
        Purpose::Unknown => Err(ApiError::not_supported(parts.method.as_str(), parts.uri.path())),
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
