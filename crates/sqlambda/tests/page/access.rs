//! Who gets in, and who does not.

use std::process::{Command, Stdio};

use crate::browser::{Browser, keys};
use crate::support::{Service, request};
use crate::{functions, served};

const TOKEN: &str = "a-token-of-more-than-16";

fn status(service: &Service, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    request(&service.address, method, path, headers, b"{}").status
}

#[test]
fn only_this_machine_and_no_other_site_gets_in_without_a_token() {
    let folder = functions();
    let service = served(&folder);
    let get = |path, headers: &[_]| status(&service, "GET", path, headers);
    for path in ["/_sqlambda", "/_sqlambda/", "/_sqlambda/api/overview", "/metrics"] {
        assert_eq!(get(path, &[]), 200, "{path}");
        assert_eq!(get(path, &[("Host", "localhost:1")]), 200, "{path}");
        for host in ["evil.example", "192.168.1.1:9001"] {
            assert_eq!(get(path, &[("Host", host)]), 403, "{path} {host}");
        }
        assert_eq!(get(path, &[("Origin", "https://evil.example")]), 403, "{path}");
        assert_eq!(get(path, &[("Sec-Fetch-Site", "cross-site")]), 403, "{path}");
    }
    let run = "/_sqlambda/api/invoke?function=hello";
    let post = |headers: &[_]| status(&service, "POST", run, headers);
    assert_eq!(post(&[]), 403, "a form of another site can send this");
    let purpose = ("X-Sqlambda-Page", "1");
    assert_eq!(post(&[purpose]), 200);
    assert_eq!(post(&[purpose, ("Origin", "http://127.0.0.1:1")]), 403);
    assert_eq!(post(&[purpose, ("Origin", "null")]), 403);
    assert_eq!(post(&[purpose, ("Origin", &format!("http://{}", service.address))]), 200);
    assert_eq!(status(&service, "OPTIONS", run, &[]), 403, "no other site is given leave to ask");
}

#[test]
fn every_answer_keeps_other_code_out() {
    let folder = functions();
    let service = served(&folder);
    for path in ["/_sqlambda", "/_sqlambda/main.js", "/_sqlambda/api/overview", "/_sqlambda/no"] {
        let answer = request(&service.address, "GET", path, &[], b"");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn the_token_opens_it_and_signing_out_closes_it() {
    let folder = functions();
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), format!("{TOKEN}\n")).unwrap();
    let file = secret.path().to_str().unwrap();
    let service = Service::start(&[folder.path().to_owned()], &["--page-token-file", file]);
    for path in ["/_sqlambda", "/_sqlambda/api/overview", "/metrics"] {
        assert_eq!(status(&service, "GET", path, &[]), 401, "{path}");
        let bearer = |token: &str| {
            status(&service, "GET", path, &[("Authorization", &format!("Bearer {token}"))])
        };
        assert_eq!((bearer(TOKEN), bearer("a-token-of-more-than-17")), (200, 401), "{path}");
    }

    let browser = Browser::start();
    browser.open(&format!("http://{}/_sqlambda", service.address));
    browser.fill("input[name=token]", "wrong-wrong-wrong");
    browser.press(&[keys::ENTER]);
    browser.wait_for("#problem", "not the token");
    browser.fill("input[name=token]", TOKEN);
    browser.click("button");
    browser.wait_for("#link", "Live");
    let cookies = browser.script("return document.cookie", &[]);
    assert_eq!(cookies, "", "scripts do not see it");
    browser.click("#logout button");
    browser.wait_for("h1", "Sign in");
    assert!(!service.log().contains(TOKEN));
}

#[test]
fn where_others_can_come_it_is_off_without_a_token() {
    let folder = functions();
    let start = |options: &[&str], token: &str| {
        let mut all = vec!["--listen", "0.0.0.0:0", "--allow-public"];
        all.extend(options);
        let token: &[_] = &[("SQLAMBDA_PAGE_TOKEN", std::path::Path::new(token))];
        let tokens = if token[0].1.as_os_str().is_empty() { &[][..] } else { token };
        let mut service = Service::start_with(&[folder.path().to_owned()], &all, tokens);
        service.address = service.address.replace("0.0.0.0", "127.0.0.1");
        service
    };
    let closed = start(&[], "");
    let answer = request(&closed.address, "GET", "/_sqlambda", &[], b"");
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("--page-token-file"), "{}", answer.text());
    assert_eq!(status(&closed, "GET", "/metrics", &[]), 403);

    let open = start(&[], TOKEN);
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Host", "lambda.example:9001"), ("Authorization", bearer.as_str())];
    assert_eq!(status(&open, "GET", "/metrics", &headers), 200);
    assert_eq!(status(&open, "GET", "/metrics", &headers[..1]), 401);

    let off = start(&["--no-page"], TOKEN);
    for path in ["/_sqlambda", "/metrics"] {
        assert_eq!(status(&off, "GET", path, &headers[1..]), 404, "{path}");
    }
}

#[test]
fn a_token_that_is_too_short_is_refused_at_the_start() {
    let output = Command::new(env!("CARGO_BIN_EXE_sqlambda"))
        .args(["local", "--ephemeral", "--listen", "127.0.0.1:0"])
        .env("SQLAMBDA_PAGE_TOKEN", "too-short")
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("SQLAMBDA_PAGE_TOKEN") && said.contains("16 characters"), "{said}");
    assert!(!said.contains("too-short"), "{said}");
}
