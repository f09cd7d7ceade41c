//! What the page's scripts ask for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use super::{Refusal, queue, view};
use crate::auth::Caller;
use crate::control_api::query;
use crate::http_io::{Answer, json as json_answer};
use crate::invoke_api::{self, Delivery, Named};
use crate::service::Service;

/// How long a question for news waits for some. Proxies give up after a minute or so.
const NEWS_TIME: Duration = Duration::from_secs(25);

/// How long news are collected, so that a busy service does not answer for every single call.
const COLLECT_TIME: Duration = Duration::from_millis(200);

/// Answers what stands after `/_sqlambda/api/`.
pub(super) async fn answer(
    service: &Arc<Service>,
    (method, path): (&Method, &str),
    parts: &Parts,
    body: Bytes,
    request_id: &str,
) -> Result<Answer, Refusal> {
    let segments: Vec<&str> = path.split('/').collect();
    let value = match (method.as_str(), segments.as_slice()) {
        ("GET", ["overview"]) => overview(service),
        ("GET", ["invocations"]) => news(service, parts).await,
        ("GET", ["invocations", number]) => invocation(service, number)?,
        (method, ["queue" | "letters", ..]) => queue::answer(service, method, &segments).await?,
        ("POST", ["invoke"]) => invoke(service, parts, body, request_id).await?,
        _ => return Err(Refusal::not_found()),
    };
    Ok(json_answer(StatusCode::OK, value.to_string()))
}

fn overview(service: &Service) -> Value {
    let environments = service.pools().environments();
    let functions: Vec<_> = service
        .functions()
        .all()
        .values()
        .map(|record| {
            let environments = environments.get(&record.name).copied().unwrap_or_default();
            view::function(record, environments)
        })
        .collect();
    json!({
        "service": {
            "version": env!("CARGO_PKG_VERSION"),
            "account": service.account(),
            "region": service.region(),
            "started": view::unix_millis(service.started_at()),
            "token": service.page_door().has_token(),
        },
        "functions": functions,
    })
}

/// The invocations that changed after those the page knows; waits until there are some.
async fn news(service: &Service, parts: &Parts) -> Value {
    let query = query(parts.uri.query().unwrap_or_default());
    let after = query.iter().find(|(name, _)| name == "after");
    let after: u64 = after.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    if after > 0 {
        // Without news the answer is an empty list, and the page asks again.
        tokio::select! {
            () = service.invocations().changed(after) => {}
            () = tokio::time::sleep(NEWS_TIME) => {}
            () = service.stopping() => {}
        }
        tokio::time::sleep(COLLECT_TIME).await;
    }
    let (changes, invocations) = service.invocations().after(after);
    let started = view::unix_millis(service.started_at());
    let invocations: Vec<_> = invocations.iter().map(view::summary).collect();
    json!({ "started": started, "changes": changes, "invocations": invocations })
}

fn invocation(service: &Service, number: &str) -> Result<Value, Refusal> {
    let found = number.parse().ok().and_then(|number| service.invocations().get(number));
    let gone = || {
        let message = "This invocation is not kept any more: only the last ones are.";
        Refusal::new(StatusCode::NOT_FOUND, message)
    };
    Ok(view::detail(&found.ok_or_else(gone)?))
}

/// Calls a function as the Invoke API does, and tells what came of it.
async fn invoke(
    service: &Arc<Service>,
    parts: &Parts,
    body: Bytes,
    request_id: &str,
) -> Result<Value, Refusal> {
    let query = query(parts.uri.query().unwrap_or_default());
    let parameter = |name: &str| {
        query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    };
    let kind = Some(parameter("type")).filter(|kind| !kind.is_empty());
    let kind = kind.map(HeaderValue::from_str).transpose();
    let kind = kind.map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "type is not text"))?;
    let name = match parameter("qualifier") {
        "" => parameter("function").to_owned(),
        qualifier => format!("{}:{qualifier}", parameter("function")),
    };
    let (mut call, ()) = http::Request::new(()).into_parts();
    call.headers.extend(kind.map(|kind| (HeaderName::from_static("x-amz-invocation-type"), kind)));
    let caller = Caller { access_key: "page".to_owned(), region: service.region().to_owned() };
    let named = Named { name: &name, delivery: Delivery::Whole };
    let answer = invoke_api::invoke(service, &caller, &call, named, body, request_id).await;
    let (status, message) = match answer {
        Ok(answer) => (answer.status(), None),
        Err(error) => {
            let message = error.message().to_owned();
            (error.into_answer().status(), Some(message))
        }
    };
    let invocation = service.invocations().of_request(request_id);
    Ok(json!({
        "status": status.as_u16(),
        "message": message,
        "id": request_id,
        "invocation": invocation.as_ref().map(view::detail),
    }))
}
