//! Pages that a browser shows must not reach the service: they could run code as the user.
//!
//! Every page may send simple requests to 127.0.0.1, and without signatures, or with the public test
//! credentials, that would be enough. A browser says where a request comes from (`Origin`,
//! `Sec-Fetch-Site`); where it takes the page's own host for this service (DNS rebinding), the name
//! in `Host` is one that only public DNS can know.

use http::{HeaderMap, header};

use super::Denied;

/// Names that no public DNS server can give an address: RFC 6761, and ICANN's `internal`.
const LOCAL_NAMES: [&str; 3] = [".localhost", ".test", ".internal"];

/// Refuses what a page of another site sends. `public`: the service may be known by any name.
pub fn refuse_pages(headers: &HeaderMap, public: bool) -> Result<(), Denied> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).unwrap_or_default();
    let site = text(header::HeaderName::from_static("sec-fetch-site"));
    let origin = text(header::ORIGIN);
    if origin.is_some_and(|origin| origin.split_once("://").map(|(_, host)| host) != Some(host))
        || site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
    {
        let from = origin.filter(|origin| *origin != "null").unwrap_or("another site");
        return Err(Denied::Page(format!(
            "A page of {from} may not call this service. Call it from a program, or through a server \
             of your own."
        )));
    }
    if !public && !is_local(host) {
        return Err(Denied::Page(format!(
            "The service is not known as '{host}'. Use its address or localhost as the endpoint, or \
             start it with --allow-public."
        )));
    }
    Ok(())
}

/// Whether a `Host` is an address, or a name that means something on this machine or network only.
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let is_address = name.parse::<std::net::Ipv4Addr>().is_ok() || name.starts_with('[');
    is_address || !name.contains('.') || LOCAL_NAMES.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(headers: &[(&'static str, &'static str)], public: bool) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        refuse_pages(&map, public).is_err()
    }

    #[test]
    fn programs_are_let_in() {
        for host in ["127.0.0.1:9001", "[::1]:9001", "localhost", "LocalHost:1", "lambda:9001"] {
            assert!(!refused(&[("host", host)], false), "{host}");
        }
        for host in ["f.localhost:1", "host.docker.internal:9001", "lambda.test:9"] {
            assert!(!refused(&[("host", host)], false), "{host}");
        }
        assert!(!refused(&[], false), "HTTP/1.0");
    }

    #[test]
    fn pages_of_other_sites_are_not() {
        let local = ("host", "127.0.0.1:9001");
        for site in ["cross-site", "same-site", "nonsense"] {
            assert!(refused(&[local, ("sec-fetch-site", site)], true), "{site}");
        }
        for origin in
            ["https://evil.example", "null", "http://127.0.0.1:3000", "http://localhost:9001"]
        {
            assert!(refused(&[local, ("origin", origin)], true), "{origin}");
        }
        let own = [local, ("origin", "http://127.0.0.1:9001"), ("sec-fetch-site", "same-origin")];
        assert!(!refused(&own, false));
    }

    #[test]
    fn a_rebound_name_is_not() {
        for host in
            ["evil.example:9001", "127.0.0.1.evil.example", "evil.localhost.example", "a.b:x"]
        {
            assert!(refused(&[("host", host)], false), "{host}");
            assert!(!refused(&[("host", host)], true), "{host}");
        }
    }
}
