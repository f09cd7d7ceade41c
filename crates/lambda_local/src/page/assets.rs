//! The page's files, which are part of the program.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::http_io::{Answer, complete};

/// Nothing but these files and this service; no script or style inside the document.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Files by name: their type, and what is in them.
const FILES: [(&str, &str, &str); 11] = [
    ("style.css", "text/css; charset=utf-8", include_str!("assets/style.css")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
    ("main.js", SCRIPT, include_str!("assets/main.js")),
    ("api.js", SCRIPT, include_str!("assets/api.js")),
    ("dom.js", SCRIPT, include_str!("assets/dom.js")),
    ("functions.js", SCRIPT, include_str!("assets/functions.js")),
    ("invocations.js", SCRIPT, include_str!("assets/invocations.js")),
    ("plot.js", SCRIPT, include_str!("assets/plot.js")),
    ("queue.js", SCRIPT, include_str!("assets/queue.js")),
    ("templates.js", SCRIPT, include_str!("assets/templates.js")),
    ("test.js", SCRIPT, include_str!("assets/test.js")),
];

/// The page itself.
pub(super) fn index() -> Answer {
    typed(StatusCode::OK, HTML, include_str!("assets/index.html").to_owned())
}

/// The form that asks for the token, with what was wrong before.
pub(super) fn sign_in(status: StatusCode, problem: Option<&'static str>) -> Answer {
    let problem = problem.map_or(String::new(), |problem| {
        format!("<p class=\"failure\" role=\"alert\" id=\"problem\">{problem}</p>")
    });
    let page = include_str!("assets/sign_in.html").replace("<!-- problem -->", &problem);
    typed(status, HTML, page)
}

/// The file of that name.
pub(super) fn file(name: &str) -> Option<Answer> {
    let (_, kind, content) = FILES.iter().find(|(file, ..)| *file == name)?;
    Some(typed(StatusCode::OK, kind, (*content).to_owned()))
}

fn typed(status: StatusCode, kind: &'static str, content: String) -> Answer {
    let mut answer = complete(status, content);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// Adds the headers that keep other sites, and injected code, out of every answer.
pub(super) fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: the form's origin would then be `null`.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        // The next version of the program has other files.
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
