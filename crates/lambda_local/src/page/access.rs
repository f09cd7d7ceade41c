//! Who sees the page.
//!
//! Without a token it is for this machine alone: the service listens on a loopback address, and the
//! request must have named one, or a page on the Internet could point its own name here (DNS
//! rebinding). With a token the page is for whoever signs in with it. Either way a browser must not
//! act on behalf of another site.

use std::path::Path;

use http::request::Parts;
use http::{Method, StatusCode, header};
use percent_encoding::percent_decode;
use subtle::ConstantTimeEq;

use super::Refusal;

/// Carries the session.
const COOKIE: &str = "sqlambda_page";

/// What our scripts send along with every change: other sites' pages cannot.
const PURPOSE: &str = "x-sqlambda-page";

/// The shortest token. Sixteen characters cannot be tried out.
const SHORTEST: usize = 16;

/// What opens the page where it is not for everyone on this machine. Never shown.
#[derive(Clone)]
pub struct PageToken(String);

impl std::fmt::Debug for PageToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PageToken")
    }
}

/// Why a token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not long enough to be safe.
    #[error("a page token has at least {SHORTEST} characters; `openssl rand -hex 16` makes one")]
    TooShort,
    /// It has characters that headers and forms do not carry alike.
    #[error("a page token has printable ASCII characters only, and no spaces")]
    Characters,
    /// Its file cannot be read.
    #[error("cannot read the page token in {file}: {error}")]
    File {
        /// The file.
        file: String,
        /// What the system says.
        error: std::io::Error,
    },
}

impl PageToken {
    /// A token; white space around it does not count.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Characters);
        }
        if text.len() < SHORTEST {
            return Err(TokenError::TooShort);
        }
        Ok(Self(text.to_owned()))
    }

    /// The token that a file holds.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let failed = |error| TokenError::File { file: path.display().to_string(), error };
        Self::new(&std::fs::read_to_string(path).map_err(failed)?)
    }

    fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

/// Who may see the page and the metrics.
#[derive(Clone, Debug)]
pub enum PageAccess {
    /// Nobody: it is switched off.
    Off,
    /// Nobody: other machines reach the service, and there is no token.
    NoToken,
    /// Whoever is on this machine.
    Local,
    /// Whoever has the token.
    Token(PageToken),
}

/// Lets in, or does not.
#[derive(Debug)]
pub(crate) struct Door {
    access: PageAccess,
    /// What the cookie of those who signed in holds; another one after each start.
    session: String,
}

impl Door {
    pub(crate) fn new(access: PageAccess) -> Self {
        let random = || uuid::Uuid::new_v4().simple().to_string();
        Self { access, session: random() + &random() }
    }

    /// Whether there is something to sign out of.
    pub(super) fn has_token(&self) -> bool {
        matches!(self.access, PageAccess::Token(_))
    }

    /// Refuses what reached the service by a wrong name, or comes from another site's page.
    pub(super) fn check_way(&self, parts: &Parts) -> Result<(), Refusal> {
        let forbidden = |message| Err(Refusal::new(StatusCode::FORBIDDEN, message));
        match self.access {
            PageAccess::Off => return Err(Refusal::new(StatusCode::NOT_FOUND, "The page is off.")),
            PageAccess::NoToken => {
                return forbidden(
                    "The page is off: other machines can reach this service, and it has no page \
                     token. Start it with --page-token-file, or with SQLAMBDA_PAGE_TOKEN.",
                );
            }
            PageAccess::Local if !is_this_machine(text(parts, header::HOST.as_str())) => {
                return forbidden(
                    "Without a page token the page is shown only to this machine: open it by \
                     127.0.0.1 or localhost.",
                );
            }
            PageAccess::Local | PageAccess::Token(_) => {}
        }
        if is_from_another_site(parts) {
            return forbidden("Pages of other sites may not do this.");
        }
        Ok(())
    }

    /// Whether the request may see what the page shows.
    pub(super) fn lets_in(&self, parts: &Parts) -> bool {
        match &self.access {
            PageAccess::Off | PageAccess::NoToken => false,
            PageAccess::Local => true,
            PageAccess::Token(token) => {
                let bearer = text(parts, header::AUTHORIZATION.as_str()).strip_prefix("Bearer ");
                bearer.is_some_and(|given| token.is(given.trim().as_bytes()))
                    || self.has_session(text(parts, header::COOKIE.as_str()))
            }
        }
    }

    /// The same, as a refusal.
    pub(super) fn check_caller(&self, parts: &Parts) -> Result<(), Refusal> {
        if self.lets_in(parts) {
            return Ok(());
        }
        let message = "Sign in at /_sqlambda, or send the page token: Authorization: Bearer TOKEN";
        Err(Refusal::new(StatusCode::UNAUTHORIZED, message))
    }

    /// Refuses a change that our own scripts did not ask for.
    pub(super) fn check_purpose(&self, parts: &Parts) -> Result<(), Refusal> {
        if parts.method == Method::GET || parts.headers.contains_key(PURPOSE) {
            return Ok(());
        }
        let message = format!("A change needs the header {PURPOSE}: 1");
        Err(Refusal::new(StatusCode::FORBIDDEN, message))
    }

    /// The cookie for who sends the form with the right token.
    pub(super) fn sign_in(&self, form: &[u8]) -> Option<String> {
        let PageAccess::Token(token) = &self.access else { return None };
        let fields = form.split(|byte| *byte == b'&');
        let given = fields.filter_map(|field| field.strip_prefix(b"token=")).next()?;
        let given: Vec<u8> = percent_decode(given).collect();
        token.is(given.trim_ascii()).then(|| {
            format!("{COOKIE}={}; Path=/_sqlambda; HttpOnly; SameSite=Strict", self.session)
        })
    }

    fn has_session(&self, cookies: &str) -> bool {
        let mut values = cookies.split(';').filter_map(|cookie| {
            cookie.trim().strip_prefix(COOKIE).and_then(|rest| rest.strip_prefix('='))
        });
        values.any(|value| value.as_bytes().ct_eq(self.session.as_bytes()).into())
    }
}

/// The cookie that ends a session.
pub(super) fn no_cookie() -> String {
    format!("{COOKIE}=; Path=/_sqlambda; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// Whether a `Host` can only mean this machine: a loopback address, or a name that never goes to DNS
/// (RFC 6761).
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    if let Ok(address) = address.parse::<std::net::IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether a browser says so. Following a link to the page is no harm: it does nothing by itself.
fn is_from_another_site(parts: &Parts) -> bool {
    let site = text(parts, "sec-fetch-site");
    let follows_link = parts.method == Method::GET && text(parts, "sec-fetch-mode") == "navigate";
    let foreign = !matches!(site, "" | "same-origin" | "none") && !follows_link;
    let Some(origin) = parts.headers.get(header::ORIGIN) else { return foreign };
    let host = text(parts, header::HOST.as_str());
    let origin = origin.to_str().unwrap_or_default();
    // A proxy in front may speak TLS.
    let own = ["http://", "https://"].iter().any(|way| origin.strip_prefix(way) == Some(host));
    foreign || !own
}

fn text<'a>(parts: &'a Parts, name: &str) -> &'a str {
    parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri("/_sqlambda");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_names_of_this_machine_are_taken() {
        for host in ["127.0.0.1:9001", "127.9.9.9", "[::1]:9001", "localhost:1", "a.localhost"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["", "192.168.1.2:9001", "evil.example:9001", "127.0.0.1.evil.example", "a:b"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn other_sites_may_link_here_but_nothing_else() {
        let door = Door::new(PageAccess::Local);
        let check = |method, headers: &[(&str, &str)]| {
            let headers = [&[("host", "localhost:9001")], headers].concat();
            door.check_way(&request(method, &headers)).is_ok()
        };
        let (site, mode) = ("sec-fetch-site", "sec-fetch-mode");
        assert!(check(Method::GET, &[]));
        assert!(check(Method::GET, &[(site, "cross-site"), (mode, "navigate")]));
        assert!(check(Method::POST, &[("origin", "http://localhost:9001"), (site, "same-origin")]));
        assert!(!check(Method::GET, &[(site, "cross-site"), (mode, "no-cors")]));
        assert!(!check(Method::POST, &[(site, "same-site"), (mode, "navigate")]));
        for origin in ["http://localhost:3000", "https://evil.example", "null"] {
            assert!(!check(Method::POST, &[("origin", origin)]), "{origin}");
        }
    }

    #[test]
    fn a_token_or_its_session_lets_in() {
        let token = PageToken::new(" 0123456789abcde/\n").unwrap();
        let door = Door::new(PageAccess::Token(token));
        let with = |name, value: &str| door.lets_in(&request(Method::GET, &[(name, value)]));
        assert!(with("authorization", "Bearer 0123456789abcde/"));
        assert!(!with("authorization", "Bearer 0123456789abcdef"));
        assert!(door.sign_in(b"token=0123456789abcdef").is_none());
        let cookie = door.sign_in(b"token=0123456789abcde%2F").unwrap();
        let pair = cookie.split(';').next().unwrap();
        assert!(with("cookie", &format!("other=1; {pair}")));
        assert!(!with("cookie", "sqlambda_page="));
        let other = Door::new(door.access.clone());
        assert!(!other.lets_in(&request(Method::GET, &[("cookie", pair)])), "after a restart");
    }

    #[test]
    fn a_token_is_long_and_plain_and_never_shown() {
        assert!(matches!(PageToken::new("short"), Err(TokenError::TooShort)));
        assert!(matches!(PageToken::new("with a space inside"), Err(TokenError::Characters)));
        let token = PageToken::new("0123456789abcdef").unwrap();
        assert!(!format!("{token:?}").contains("0123"));
    }
}
