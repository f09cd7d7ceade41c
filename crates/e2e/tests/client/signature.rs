//! Signatures and endpoints, compared with those of botocore, AWS's own client library.

use e2e::{RawRequest, RawServer};
use lambda_core::{Endpoint, EndpointVariant, Region};
use serde_json::{Value, json};

use crate::python;
use crate::support::{Server, Session, answering};

/// Calls, and the parameters by which botocore makes the same ones.
fn calls() -> Vec<(&'static str, Value)> {
    let arn = "arn:aws:lambda:us-east-1:111122223333:function:my-function";
    vec![
        ("'my-function', '1'::json", json!({"FunctionName": "my-function"})),
        ("'a.b_c-D', '1'::json", json!({"FunctionName": "a.b_c-D"})),
        ("'f:$LATEST', '1'::json", json!({"FunctionName": "f:$LATEST"})),
        (
            "'111122223333:function:f', '1'::json",
            json!({"FunctionName": "111122223333:function:f"}),
        ),
        (
            "'arn:aws:lambda:us-east-1:111122223333:function:my-function', '1'::json",
            json!({"FunctionName": arn}),
        ),
        (
            "'arn:aws:lambda:us-east-1:111122223333:function:my-function:prod', '1'::json",
            json!({"FunctionName": format!("{arn}:prod")}),
        ),
        (
            "'f', '1'::json, qualifier => '$LATEST.PUBLISHED'",
            json!({"FunctionName": "f", "Qualifier": "$LATEST.PUBLISHED"}),
        ),
        ("'f', '1'::json, qualifier => '12'", json!({"FunctionName": "f", "Qualifier": "12"})),
        (
            r#"'f', '1'::json, log_type => 'Tail', context => '{"custom": {"é": " "}}'"#,
            json!({"FunctionName": "f", "LogType": "Tail"}),
        ),
        ("'f', NULL::json", json!({"FunctionName": "f"})),
        ("'f', '{\"k\": \"Ω≈ç√ 日本語 😀 \\u0000\"}'::json", json!({"FunctionName": "f"})),
        ("'f', to_jsonb(repeat('é', 100000))", json!({"FunctionName": "f"})),
        ("'f', '1'::json, 'eu-central-1'", json!({"FunctionName": "f"})),
        (
            "'f', '1'::json, invocation_type => 'Event'",
            json!({"FunctionName": "f", "InvocationType": "Event"}),
        ),
        (
            "'f', '1'::json, invocation_type => 'DryRun'",
            json!({"FunctionName": "f", "InvocationType": "DryRun"}),
        ),
    ]
}

struct Keys<'a> {
    access_key: &'a str,
    secret_key: &'a str,
    token: Option<&'a str>,
}

/// Makes the calls in `session` and compares each request with botocore's.
fn compare(session: &mut Session, server: &RawServer, prefix: &str, keys: &Keys<'_>) {
    session.set("endpoint_override", &format!("{}{prefix}", server.url()));
    let before = server.requests().len();
    for (call, _) in calls() {
        session.value(&format!("SELECT status_code FROM aws_lambda.invoke({call})"));
    }
    let requests = server.requests().split_off(before);
    let calls = calls();
    assert_eq!(requests.len(), calls.len());

    let cases = requests.iter().zip(&calls).map(|(request, (_, params))| {
        let region = crate::support::scope(request).1;
        json!({
            "url": url(server, request),
            "endpoint": format!("{}{prefix}", server.url()),
            "headers": headers(request),
            "body": base64(&request.body),
            "access_key": keys.access_key,
            "secret_key": keys.secret_key,
            "token": keys.token,
            "region": region,
            "params": params,
        })
    });
    let theirs = python::run("verify_signature.py", &Value::Array(cases.collect()));
    for ((request, (call, _)), theirs) in
        requests.iter().zip(&calls).zip(theirs.as_array().unwrap())
    {
        assert_eq!(
            request.header("authorization").as_deref(),
            theirs["authorization"].as_str(),
            "{call}"
        );
        assert_eq!(url(server, request), theirs["url"].as_str().unwrap(), "{call}");
        assert_eq!(request.header("x-amz-security-token").as_deref(), keys.token, "{call}");
    }
}

fn url(server: &RawServer, request: &RawRequest) -> String {
    format!("{}{}", server.url(), request.request_line().split(' ').nth(1).unwrap())
}

fn headers(request: &RawRequest) -> Vec<(String, String)> {
    let head = String::from_utf8(request.head.clone()).unwrap();
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The script wants bytes as base64; PostgreSQL has no part in this.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_usize, |all, byte| all << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let shown = digit <= chunk.len();
            text.push(if shown { DIGITS[number >> (18 - 6 * digit) & 63].into() } else { '=' });
        }
    }
    text
}

/// For every kind of name, qualifier, context and payload, `Authorization` is what botocore's
/// signer writes for the same request, and the URL is the one that botocore calls.
#[test]
fn signatures_are_botocores() {
    let server = answering();
    let keys = Keys { access_key: "test", secret_key: "test", token: None };
    compare(&mut Session::shared(), &server, "", &keys);
}

/// The same with temporary credentials, whose token is a signed header, and with an endpoint that
/// has a path.
#[test]
fn signatures_with_a_session_token_are_botocores() {
    let server = answering();
    let token = "IQoJb3JpZ2luX2VjE//////////wEaCXVzLWVhc3QtMSJHMEUCIQD+a/b=c";
    let keys = Keys {
        access_key: "ASIAIOSFODNN7EXAMPLE",
        secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        token: Some(token),
    };
    let cluster = Server::start(|config| {
        config
            .env("AWS_ACCESS_KEY_ID", keys.access_key)
            .env("AWS_SECRET_ACCESS_KEY", keys.secret_key)
            .env("AWS_SESSION_TOKEN", token)
            .env("AWS_REGION", "us-east-1")
    });
    compare(&mut cluster.session(), &server, "/stage/x", &keys);
}

/// Each region's own endpoint, with and without FIPS and dual stack, is the one that AWS's rules
/// name, for every partition and region that botocore knows.
#[test]
fn endpoints_are_botocores() {
    let theirs = python::run("list_endpoints.py", &Value::Null);
    let theirs = theirs.as_array().unwrap();
    assert!(theirs.len() > 150, "{}", theirs.len());
    let mut wrong = Vec::new();
    for entry in theirs {
        let region: Region = entry[0].as_str().unwrap().parse().unwrap();
        let variant = EndpointVariant {
            fips: entry[1].as_bool().unwrap(),
            dual_stack: entry[2].as_bool().unwrap(),
        };
        let ours = Endpoint::of_region(&region, variant).to_string();
        if Some(ours.as_str()) != entry[3].as_str() {
            wrong.push(format!("{ours} should be {}", entry[3]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
