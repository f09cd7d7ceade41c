//! The words of every error, which programs match on, and which errors are worth another try.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

use std::time::Duration;

use lambda_core::{ArgumentError, InvokeError, Stage};

fn service(status: u16, code: &str) -> InvokeError {
    InvokeError::Service {
        status,
        code: code.to_owned(),
        message: "the service's message".to_owned(),
        request_id: None,
        retry_after: None,
    }
}

fn function(payload: &str) -> InvokeError {
    InvokeError::Function {
        function: "arn:aws:lambda:us-east-1:111122223333:function:f".to_owned(),
        kind: "Unhandled".to_owned(),
        payload: payload.to_owned(),
        request_id: Some("id".to_owned()),
    }
}

fn answer() -> InvokeError {
    InvokeError::Answer {
        function: "f".to_owned(),
        problem: "an answer that is not JSON".to_owned(),
        excerpt: "<html>".to_owned(),
        request_id: None,
    }
}

fn connect() -> InvokeError {
    InvokeError::Connect { endpoint: "http://127.0.0.1:1".to_owned(), cause: "refused".to_owned() }
}

fn timeout(stage: Stage) -> InvokeError {
    InvokeError::Timeout { after: Duration::from_millis(3000), stage }
}

/// The texts of the contract, verbatim.
#[test]
fn the_words_of_every_error() {
    for (error, words) in [
        (
            function(r#"{"errorMessage": "boom"}"#),
            r#""arn:aws:lambda:us-east-1:111122223333:function:f" returned error "Unhandled", details: "{"errorMessage": "boom"}"."#,
        ),
        (answer(), r#""f" returned an answer that is not JSON: "<html>"."#),
        (connect(), "Unable to connect to endpoint"),
        (timeout(Stage::Credentials), "Request timed out after 3000 ms"),
        (timeout(Stage::Connection), "Request timed out after 3000 ms"),
        (timeout(Stage::Answer), "Request timed out after 3000 ms"),
        (
            InvokeError::Interrupted { cause: "reset".to_owned() },
            "Connection closed before the response was complete",
        ),
        (service(404, "ResourceNotFoundException"), "the service's message"),
        (
            InvokeError::PayloadTooLarge { size: 6_291_457, limit: 6_291_456 },
            "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
        ),
        (InvokeError::Credentials("none".to_owned()), "none"),
        (InvokeError::NoRegion, "No AWS Region is configured"),
        (InvokeError::Endpoint("wrong".to_owned()), "wrong"),
        (InvokeError::Client("why".to_owned()), "why"),
    ] {
        assert_eq!(error.to_string(), words);
    }
}

/// A payload of up to 64 KB is repeated whole; a longer one is cut at a character and measured.
#[test]
fn long_error_payloads_are_cut() {
    let whole = "x".repeat(65_536);
    assert!(function(&whole).to_string().ends_with(&format!("details: \"{whole}\".")));
    // The limit falls inside the last character.
    let long = format!("{}é", "x".repeat(65_535));
    let ending = format!("{}... (65537 bytes in all)\".", "x".repeat(65_535));
    assert!(function(&long).to_string().ends_with(&ending));
}

/// AWS words a failure of the function differently from a failure on the way to it.
#[test]
fn only_the_functions_own_failures_are_its_failures() {
    assert!(function("{}").is_function_failure());
    assert!(answer().is_function_failure());
    for error in
        [connect(), timeout(Stage::Answer), service(500, "ServiceException"), InvokeError::NoRegion]
    {
        assert!(!error.is_function_failure(), "{error}");
    }
}

/// Exactly those errors are tried again that say that the function did not run.
#[test]
fn what_may_be_tried_again() {
    for (status, code) in [
        (429, "TooManyRequestsException"),
        (429, ""),
        (500, "ServiceException"),
        (502, "EC2ThrottledException"),
        (502, "ENINotReadyException"),
        (502, "ResourceNotReadyException"),
        (502, "SubnetIPAddressLimitReachedException"),
        (409, "ResourceConflictException"),
        (409, "SnapStartNotReadyException"),
    ] {
        assert!(service(status, code).may_retry(), "{status} {code}");
    }
    assert!(connect().may_retry());

    for (status, code) in [
        (400, "InvalidParameterValueException"),
        (400, "InvalidRequestContentException"),
        (403, "AccessDeniedException"),
        (403, "ExpiredTokenException"),
        (404, "ResourceNotFoundException"),
        (413, "RequestEntityTooLargeException"),
        (500, ""),
        (500, "InternalFailure"),
        (502, ""),
        (502, "EC2AccessDeniedException"),
        (502, "InvalidRuntimeException"),
        (503, ""),
        (504, ""),
        (301, ""),
    ] {
        assert!(!service(status, code).may_retry(), "{status} {code}");
    }
    let never = [
        function("{}"),
        answer(),
        timeout(Stage::Credentials),
        timeout(Stage::Connection),
        timeout(Stage::Answer),
        InvokeError::Interrupted { cause: String::new() },
        InvokeError::PayloadTooLarge { size: 2, limit: 1 },
        InvokeError::Credentials(String::new()),
        InvokeError::NoRegion,
        InvokeError::Endpoint(String::new()),
        InvokeError::Client(String::new()),
    ];
    for error in never {
        assert!(!error.may_retry(), "{error:?}");
    }
}

/// An argument's error names the argument first, then the value and the rule.
#[test]
fn the_words_of_an_arguments_error() {
    let error = ArgumentError::invalid("region", "x", "is wrong").with_hint("Do better.");
    assert_eq!(error.to_string(), "invalid value for argument \"region\"");
    assert_eq!((error.detail.as_str(), &*error.hint), ("\"x\" is wrong.", "Do better."));
    assert!(!error.is_null);
    let error = ArgumentError::null("function_name");
    assert_eq!(error.to_string(), "argument \"function_name\" must not be null");
    assert!(error.is_null && error.detail.is_empty());
}
