//! One request and its response.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, USER_AGENT};
use http::{HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use lambda_core::answer::RawAnswer;
use lambda_core::limits::ANSWER_BYTES;
use lambda_core::{Endpoint, Invocation, InvokeError, LogType};

use crate::connection::{Connection, last};

pub(crate) const AGENT: &str = concat!("sqlambda/", env!("CARGO_PKG_VERSION"));

/// Bytes of a refusal's body that are read: its message is a line of JSON.
const REFUSAL_BYTES: usize = 1 << 20;

/// How an exchange failed.
pub(crate) enum ExchangeError {
    /// The request was not sent at all: it may go over another connection.
    NotSent(Request<Full<Bytes>>),
    /// The request may have reached the function.
    Failed(InvokeError),
}

/// The request, complete but for its signature.
pub(crate) fn build_request(
    invocation: &Invocation,
    endpoint: &Endpoint,
    path_and_query: &str,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, InvokeError> {
    let mut request = Request::post(path_and_query)
        .header(HOST, endpoint.authority())
        .header(USER_AGENT, AGENT)
        .header(CONTENT_TYPE, "application/json")
        .header("x-amz-invocation-type", invocation.invocation_type.name());
    if invocation.log_type == LogType::Tail {
        request = request.header("x-amz-log-type", "Tail");
    }
    if let Some(context) = &invocation.client_context {
        request = request
            .header("x-amz-client-context", HeaderValue::from_str(context).map_err(unbuildable)?);
    }
    request.body(Full::new(body)).map_err(unbuildable)
}

fn unbuildable(error: impl std::fmt::Display) -> InvokeError {
    InvokeError::Client(format!("The request could not be built: {error}"))
}

/// Sends the request and reads the whole response.
pub(crate) async fn exchange(
    connection: &mut Connection,
    mut request: Request<Full<Bytes>>,
    function: &str,
    max_response_bytes: usize,
) -> Result<RawAnswer, ExchangeError> {
    if request.body().is_end_stream() {
        // hyper says nothing about an empty body; some proxies insist on a length.
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let response = match connection.sender.try_send_request(request).await {
        Ok(response) => response,
        Err(mut error) => {
            return Err(match error.take_message() {
                Some(request) => ExchangeError::NotSent(request),
                None => ExchangeError::Failed(interrupted(error.error())),
            });
        }
    };
    let (head, body) = response.into_parts();
    let mut answer = read_head(head.status.as_u16(), &head.headers);
    let limit =
        if answer.is_refusal() { REFUSAL_BYTES } else { max_response_bytes.min(ANSWER_BYTES) };
    answer.body = read_body(body, &head.headers, function, &answer, limit)
        .await
        .map_err(ExchangeError::Failed)?;
    Ok(answer)
}

fn read_head(status: u16, headers: &HeaderMap) -> RawAnswer {
    let value = |name: &'static str| headers.get(HeaderName::from_static(name));
    let text = |name: &'static str| value(name)?.to_str().ok().map(str::to_owned);
    // That the header is there says that the function failed, whatever its value is.
    let function_error = value("x-amz-function-error")
        .map(|kind| lambda_core::cut(&String::from_utf8_lossy(kind.as_bytes()), 100));
    RawAnswer {
        status,
        function_error,
        executed_version: text("x-amz-executed-version"),
        log_result: text("x-amz-log-result"),
        error_type: text("x-amzn-errortype"),
        request_id: text("x-amzn-requestid"),
        retry_after: text("retry-after").and_then(|seconds| seconds.parse().ok()),
        body: Vec::new(),
    }
}

/// Reads the body, but no more than `limit` bytes. Of a refusal, more would only be cut off.
async fn read_body(
    mut body: Incoming,
    headers: &HeaderMap,
    function: &str,
    head: &RawAnswer,
    limit: usize,
) -> Result<Vec<u8>, InvokeError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok())
        .unwrap_or(0);
    let mut bytes = Vec::with_capacity(announced.min(limit));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| interrupted(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        bytes.extend_from_slice(&data);
        if head.is_refusal() {
            if bytes.len() > limit {
                bytes.truncate(limit);
                return Ok(bytes);
            }
        } else if bytes.len() > limit || announced > limit {
            let start = String::from_utf8_lossy(&bytes[..bytes.len().min(800)]);
            return Err(InvokeError::AnswerTooLarge {
                function: function.to_owned(),
                limit,
                excerpt: lambda_core::cut(&start, 200),
                request_id: head.request_id.clone(),
            });
        }
    }
    Ok(bytes)
}

fn interrupted(error: &hyper::Error) -> InvokeError {
    let mut cause = error.to_string();
    let inner = last(error);
    if inner != cause {
        cause = format!("{cause}: {inner}");
    }
    InvokeError::Interrupted { cause: lambda_core::cut(&cause, 300) }
}
