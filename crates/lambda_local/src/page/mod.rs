//! The page at `/_sqlambda`, for the eyes of whoever runs the service, and `/metrics`.
//!
//! What the page shows comes from the programs that call the service, so its scripts handle it as
//! text only, and its Content-Security-Policy lets nothing else run. Who gets in is for [`access`]
//! to say.

mod access;
mod api;
mod assets;
mod queue;
mod view;

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use serde_json::json;

pub(crate) use access::Door;
pub use access::{PageAccess, PageToken};

use crate::connections::Line;
use crate::http_io::{Answer, BodyError, empty, json as json_answer, read_body};
use crate::limits::SYNC_PAYLOAD_BYTES;
use crate::metrics;
use crate::service::Service;

/// The largest form of the sign-in page.
const FORM_BYTES: usize = 8 * 1024;

/// Whether a path is one of those answered here.
pub(crate) fn is_page(path: &str) -> bool {
    path == "/metrics" || path == "/_sqlambda" || path.starts_with("/_sqlambda/")
}

/// What cannot be answered, and why.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is nothing here. The page is at /_sqlambda.")
    }

    fn into_answer(self) -> Answer {
        json_answer(self.status, json!({ "message": self.message }).to_string())
    }
}

/// Answers a request for the page.
pub(crate) async fn answer(
    service: &Arc<Service>,
    parts: &Parts,
    body: Incoming,
    request_id: &str,
) -> Answer {
    let answered = respond(service, parts, body, request_id).await;
    let mut answer = answered.unwrap_or_else(|refusal| {
        tracing::debug!(path = parts.uri.path(), "page: {}", refusal.message);
        refusal.into_answer()
    });
    assets::protect(answer.headers_mut());
    answer
}

async fn respond(
    service: &Arc<Service>,
    parts: &Parts,
    body: Incoming,
    request_id: &str,
) -> Result<Answer, Refusal> {
    let door = service.page_door();
    door.check_way(parts)?;
    let limit = if door.lets_in(parts) { SYNC_PAYLOAD_BYTES } else { FORM_BYTES };
    let body = read(parts, body, limit).await?;
    let path = parts.uri.path();
    if path == "/metrics" {
        door.check_caller(parts)?;
        return Ok(metrics::answer(service));
    }
    let path = path.trim_start_matches("/_sqlambda").trim_start_matches('/');
    match (&parts.method, path) {
        (&Method::GET, "") if door.lets_in(parts) => Ok(assets::index()),
        (&Method::GET, "") => Ok(assets::sign_in(StatusCode::UNAUTHORIZED, None)),
        (&Method::POST, "login") => Ok(match door.sign_in(&body) {
            Some(cookie) => to_page(&cookie),
            None => assets::sign_in(StatusCode::FORBIDDEN, Some("That is not the token.")),
        }),
        (&Method::POST, "logout") => Ok(to_page(&access::no_cookie())),
        (method, path) => match path.strip_prefix("api/") {
            Some(path) => {
                door.check_caller(parts)?;
                door.check_purpose(parts)?;
                api::answer(service, (method, path), parts, body, request_id).await
            }
            None if method == Method::GET => assets::file(path).ok_or_else(Refusal::not_found),
            None => Err(Refusal::not_found()),
        },
    }
}

async fn read(parts: &Parts, body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    let body = read_body(body, limit).await.map_err(|error| match error {
        BodyError::TooLarge => Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("An event has at most {limit} bytes."),
        ),
        BodyError::Broken => {
            Refusal::new(StatusCode::BAD_REQUEST, "The request did not arrive whole.")
        }
    })?;
    if let Some(line) = parts.extensions.get::<Arc<Line>>() {
        line.has_arrived();
    }
    Ok(body.bytes)
}

/// Sends the browser to the page, with a cookie.
fn to_page(cookie: &str) -> Answer {
    let mut answer = empty(StatusCode::SEE_OTHER);
    let headers = answer.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::from_static("/_sqlambda"));
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    answer
}
