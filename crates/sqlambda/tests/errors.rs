//! The answers to requests that are refused: status, header, the members' spelling, the text.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod support;

use support::{Answer, Service, function, request, samples, test_functions};

const PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";

#[track_caller]
fn assert_error(answer: &Answer, status: u16, error_type: &str, body: serde_json::Value) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("x-amzn-errortype"), Some(error_type));
    assert_eq!(answer.json(), body);
    assert_eq!(answer.header("x-amzn-requestid").map(str::len), Some(36));
}

fn not_found(qualified: &str) -> serde_json::Value {
    let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{qualified}");
    serde_json::json!({ "Type": "User", "Message": format!("Function not found: {arn}") })
}

#[test]
fn names_and_qualifiers() {
    let service = Service::open(&[samples()]);
    let call = |name: &str| service.invoke(name, &[], b"{}");
    let lost = "ResourceNotFoundException";
    assert_error(&call("nope"), 404, lost, not_found("nope:$LATEST"));
    assert_error(&call("simple:7"), 404, lost, not_found("simple:7"));
    assert_error(&call("simple%3Alive"), 404, lost, not_found("simple:live"));
    let long = "f".repeat(65);
    assert_error(&call(&long), 404, lost, not_found(&format!("{long}:$LATEST")));
    let qualified = |q: &str| {
        let path = format!("/2015-03-31/functions/simple/invocations?Qualifier={q}");
        request(&service.address, "POST", &path, &[], b"{}")
    };
    assert_error(&qualified("%24latest"), 404, lost, not_found("simple:$latest"));
    assert_eq!(qualified("%24LATEST").status, 200);
    assert_error(
        &request(
            &service.address,
            "POST",
            "/2015-03-31/functions/my-function:custom_version/invocations?Qualifier=%24LATEST",
            &[],
            b"{}",
        ),
        400,
        "InvalidParameterValueException",
        serde_json::json!({
            "Type": "User",
            "message": "The derived qualifier from the function name does not match the specified \
                        qualifier."
        }),
    );
    let invalid = |value: &str| {
        serde_json::json!({ "message": format!(
            "1 validation error detected: Value '{value}' at 'functionName' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: {PATTERN}"
        ) })
    };
    for bad in ["f:1:2", "simple:$LATES", "a b", "arn:aws:lambda:us-east-1:function:simple"] {
        let path = bad.replace(':', "%3A").replace('$', "%24").replace(' ', "%20");
        assert_error(&call(&path), 400, "ValidationException", invalid(bad));
    }
    let answer = request(
        &service.address,
        "POST",
        &format!("/2015-03-31/functions/a%20b/invocations?Qualifier={}%21", "q".repeat(128)),
        &[("X-Amz-Invocation-Type", "Sometimes"), ("X-Amz-Log-Type", "All")],
        b"{}",
    );
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("5 validation errors detected: Value 'a b' at 'functionName'"));
    for part in [
        r"Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+;",
        "'qualifier' failed to satisfy constraint: Member must have length less than or equal to 128",
        "at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [",
        "Value 'All' at 'logType' failed to satisfy constraint: Member must satisfy enum value set",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn regions_and_accounts() {
    let service = Service::open(&[samples()]);
    let call = |name: &str| service.invoke(&name.replace(':', "%3A"), &[], b"{}");
    assert_eq!(call("arn:aws:lambda:us-east-1:000000000000:function:simple").status, 200);
    assert_eq!(call("us-east-1:000000000000:function:simple").status, 200);
    assert_error(
        &call("arn:aws:lambda:eu-west-1:000000000000:function:simple"),
        404,
        "ResourceNotFoundException",
        serde_json::json!({
            "Type": "User",
            "Message": "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
        }),
    );
    let denied = call("111111111111:function:simple");
    assert_eq!(
        (denied.status, denied.header("x-amzn-errortype")),
        (403, Some("AccessDeniedException"))
    );
}

#[test]
fn bodies_and_contexts() {
    let service = Service::open(&[samples()]);
    for body in [&b"{"[..], b"{}x", b"'a'", b"\xff", b"{\"a\": \"\xff\"}"] {
        let answer = service.invoke("simple", &[], body);
        assert_eq!(answer.status, 400, "{body:?}");
        assert_eq!(answer.header("x-amzn-errortype"), Some("InvalidRequestContentException"));
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("Could not parse request body into json: "), "{message}");
    }
    let context = |value: &str| service.invoke("simple", &[("X-Amz-Client-Context", value)], b"{}");
    for bad in ["***", "W10=", "eyI=", &"A".repeat(3_584)] {
        let answer = context(bad);
        assert_eq!(answer.status, 400, "{bad}");
        assert_eq!(answer.header("x-amzn-errortype"), Some("InvalidRequestContentException"));
    }
    let escaped = service.invoke("simple", &[], br#""\ud800 1e999""#);
    assert_eq!(escaped.status, 200, "{}", escaped.text());
}

#[test]
fn payloads_up_to_the_limit_and_beyond() {
    let service = Service::open(&[samples(), test_functions()]);
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2)).into_bytes();
    let limit = |bytes: usize| {
        serde_json::json!({
            "Type": "User",
            "message": format!(
                "Request must be smaller than {bytes} bytes for the InvokeFunction operation"
            )
        })
    };
    let answer = service.invoke("returns-nothing", &[], &text(6_291_456));
    assert_eq!((answer.status, answer.text().as_str()), (200, "null"));
    let error = "RequestEntityTooLargeException";
    // The client writes it all before it reads: it must get the answer, not a reset.
    assert_error(&service.invoke("simple", &[], &text(6_291_457)), 413, error, limit(6_291_456));
    assert_error(&service.invoke("simple", &[], &text(32 << 20)), 413, error, limit(6_291_456));
    let event = ("X-Amz-Invocation-Type", "Event");
    assert_eq!(service.invoke("simple", &[event], &text(1_048_576)).status, 202);
    assert_error(
        &service.invoke("simple", &[event], &text(1_048_577)),
        413,
        error,
        limit(1_048_576),
    );

    let raw =
        |bytes: usize| service.invoke("raw", &[], format!("{{\"bytes\": {bytes}}}").as_bytes());
    assert_eq!(raw(6_291_556).body.len(), 6_291_556);
    assert_eq!(raw(6_291_557).json()["errorType"], "Function.ResponseSizeTooLarge");
    assert_eq!(raw(10).body.len(), 10, "the next call works");
}

#[test]
fn dry_runs_and_events() {
    let service = Service::open(&[samples(), test_functions()]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let body = serde_json::json!({ "file": file.path() }).to_string();
    let kind = |kind| [("X-Amz-Invocation-Type", kind)];
    let dry = service.invoke("counter", &kind("DryRun"), body.as_bytes());
    assert_eq!((dry.status, dry.body.len(), dry.header("x-amz-executed-version")), (204, 0, None));
    assert_eq!(service.invoke("nope", &kind("DryRun"), b"{}").status, 404);
    let event = service.invoke("counter", &kind("Event"), body.as_bytes());
    assert_eq!((event.status, event.body.len()), (202, 0));
    assert_eq!(event.header("x-amz-executed-version"), None);
    let id = event.header("x-amzn-requestid").unwrap().to_owned();
    e2e::wait_until("the event's run", || {
        std::fs::read_to_string(file.path()).unwrap() == format!("{id}\n")
    });
    service.invoke("raises", &kind("Event"), b"{}");
    e2e::wait_until("the failed event's log line", || {
        service
            .log()
            .contains("asynchronous call failed: {\"errorMessage\": \"this function always")
    });
}

#[test]
fn throttling() {
    let folder = tempfile::tempdir().unwrap();
    let never = r#"{"Runtime": "provided.al2023", "ReservedConcurrentExecutions": 0}"#;
    function(folder.path(), "never", &[("function.json", never)]);
    let service = Service::open(&[folder.path().to_owned()]);
    let answer = service.invoke("never", &[], b"{}");
    let body = serde_json::json!({
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        "Type": "User",
        "message": "Rate Exceeded."
    });
    assert_error(&answer, 429, "TooManyRequestsException", body);
    assert!(answer.header("retry-after").is_some());
}

#[test]
fn operations_that_are_not_there_yet() {
    let service = Service::open(&[samples()]);
    for (method, path) in [("GET", "/2018-10-31/layers"), ("PUT", "/"), ("DELETE", "/x")] {
        let answer = request(&service.address, method, path, &[], b"");
        assert_eq!(answer.status, 404);
        assert_eq!(answer.header("x-amzn-errortype"), Some("ResourceNotFoundException"));
        let message = answer.json()["Message"].as_str().unwrap().to_owned();
        assert!(message.contains("not supported by this version"), "{message}");
    }
}
