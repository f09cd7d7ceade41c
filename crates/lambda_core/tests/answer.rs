//! What the service's answers become.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

use std::time::Duration;

use lambda_core::answer::RawAnswer;
use lambda_core::{Answer, Arguments, Invocation, InvokeError};
use proptest::prelude::*;
use serde_json::Value;

fn invocation(kind: &str) -> Invocation {
    let arguments = Arguments {
        function_name: Some("f".to_owned()),
        invocation_type: Some(kind.to_owned()),
        ..Arguments::default()
    };
    arguments.check().unwrap().0
}

fn success(body: impl Into<Vec<u8>>) -> Result<Answer, InvokeError> {
    RawAnswer { status: 200, body: body.into(), ..RawAnswer::default() }
        .interpret(&invocation("RequestResponse"))
}

struct Refusal {
    code: String,
    message: String,
}

fn refusal(status: u16, error_type: Option<&str>, body: &str) -> Refusal {
    let error_type = error_type.map(str::to_owned);
    let answer = RawAnswer { status, error_type, body: body.into(), ..RawAnswer::default() };
    match answer.interpret(&invocation("RequestResponse")) {
        Err(InvokeError::Service { status: found, code, message, .. }) => {
            assert_eq!(found, status);
            Refusal { code, message }
        }
        other => panic!("{other:?}"),
    }
}

/// A synchronous answer is handed on byte for byte, whatever JSON it is.
#[test]
fn json_is_handed_on_byte_for_byte() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for json in [
        "null",
        "true",
        "\"\"",
        "0",
        "-0.0",
        "1.10",
        "1e400",
        "123456789012345678901234567890",
        r#"{"a":1,"a":2,  "b" : [ ]}"#,
        " \r\n\t{} \n",
        r#""\ud800""#,
        r#""\u0000""#,
        "\"\u{7f}é\u{1F600}\"",
        &deep,
    ] {
        let answer = success(json)
            .unwrap_or_else(|error| panic!("{}: {error}", &json[..json.len().min(40)]));
        assert!(answer.payload.as_deref() == Some(json), "{}", &json[..json.len().min(40)]);
        assert_eq!(answer.status_code, 200);
    }
}

/// What is not JSON in UTF-8 is an error of the function that repeats its start.
#[test]
fn what_is_not_json_is_an_error() {
    for (body, problem, excerpt) in [
        (&b""[..], "an empty answer", ""),
        (b" ", "an answer that is not JSON", " "),
        (b"<html>", "an answer that is not JSON", "<html>"),
        (b"{'a': 1}", "an answer that is not JSON", "{'a': 1}"),
        (b"{} {}", "an answer that is not JSON", "{} {}"),
        (b"[1,]", "an answer that is not JSON", "[1,]"),
        (b"NaN", "an answer that is not JSON", "NaN"),
        (b"01", "an answer that is not JSON", "01"),
        (b"\"a\nb\"", "an answer that is not JSON", "\"a b\""),
        (b"\xef\xbb\xbf{}", "an answer that is not JSON", "\u{feff}{}"),
        (b"\"\xff\"", "an answer that is not UTF-8", "\"\u{fffd}\""),
    ] {
        match success(body) {
            Err(InvokeError::Answer { function, problem: said, excerpt: shown, .. }) => {
                assert_eq!(
                    (function.as_str(), said.as_str(), shown.as_str()),
                    ("f", problem, excerpt)
                );
            }
            other => panic!("{body:?}: {other:?}"),
        }
    }
}

/// An excerpt has 200 bytes at most, ends at a character, and says that it was cut.
#[test]
fn excerpts_are_cut_at_characters() {
    let excerpt = |body: Vec<u8>| match success(body) {
        Err(InvokeError::Answer { excerpt, .. }) => excerpt,
        other => panic!("{other:?}"),
    };
    assert_eq!(excerpt(vec![b'x'; 200]), "x".repeat(200));
    assert_eq!(excerpt(vec![b'x'; 201]), format!("{}...", "x".repeat(200)));
    // The 200th byte is in the middle of a character.
    assert_eq!(
        excerpt(format!("x{}", "é".repeat(200)).into_bytes()),
        format!("x{}...", "é".repeat(99))
    );
    assert_eq!(
        excerpt(format!("xx{}", "😀".repeat(60)).into_bytes()),
        format!("xx{}...", "😀".repeat(49))
    );
}

/// Event and DryRun have a status and nothing else, whatever body came.
#[test]
fn event_and_dry_run_have_no_payload() {
    for (kind, status) in [("Event", 202), ("DryRun", 204)] {
        let answer = RawAnswer { status, body: b"not json".to_vec(), ..RawAnswer::default() };
        let answer = answer.interpret(&invocation(kind)).unwrap();
        assert_eq!(
            (answer.status_code, answer.payload, answer.executed_version),
            (status, None, None)
        );
    }
}

/// Version and log come from their headers, untouched.
#[test]
fn version_and_log_are_handed_on() {
    let answer = RawAnswer {
        status: 200,
        executed_version: Some("$LATEST".to_owned()),
        log_result: Some("U1RBUlQ=".to_owned()),
        body: b"1".to_vec(),
        ..RawAnswer::default()
    };
    let answer = answer.interpret(&invocation("RequestResponse")).unwrap();
    assert_eq!(answer.executed_version.as_deref(), Some("$LATEST"));
    assert_eq!(answer.log_result.as_deref(), Some("U1RBUlQ="));
}

/// The function's failure carries its payload, which need not be JSON nor UTF-8.
#[test]
fn a_functions_failure_carries_its_payload() {
    for (body, payload) in [
        (&br#"{"errorMessage": "boom"}"#[..], r#"{"errorMessage": "boom"}"#),
        (b"", ""),
        (b"\xff", "\u{fffd}"),
    ] {
        let answer = RawAnswer {
            status: 200,
            function_error: Some("Unhandled".to_owned()),
            request_id: Some("id".to_owned()),
            body: body.to_vec(),
            ..RawAnswer::default()
        };
        match answer.interpret(&invocation("RequestResponse")) {
            Err(InvokeError::Function { kind, payload: found, request_id, .. }) => {
                assert_eq!((kind.as_str(), found.as_str()), ("Unhandled", payload));
                assert_eq!(request_id.as_deref(), Some("id"));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The service spells its message in two ways; sometimes both stand in one body.
#[test]
fn both_spellings_of_the_message_are_read() {
    for (body, message) in [
        (r#"{"Type":"User","Message":"upper"}"#, "upper"),
        (r#"{"Type":"User","message":"lower"}"#, "lower"),
        (r#"{"Message":"upper","message":"lower"}"#, "lower"),
        (r#"{"Message":"upper","message":null}"#, "upper"),
        (r#"{"message":["no text"],"Message":"upper"}"#, "upper"),
        ("<html>Bad Gateway</html>\n", "<html>Bad Gateway</html>"),
        ("", "HTTP status 502 without a message"),
        (" \n", "HTTP status 502 without a message"),
        ("{}", "{}"),
        ("[1]", "[1]"),
    ] {
        assert_eq!(refusal(502, None, body).message, message, "{body}");
    }
    // A message without end, and one that would forge lines in the log.
    let long = refusal(400, None, &format!("{{\"message\":\"{}\"}}", "x".repeat(5000)));
    assert_eq!(long.message, format!("{}...", "x".repeat(4096)));
    assert_eq!(refusal(400, None, r#"{"message":"a\nb"}"#).message, "a b");
}

/// The error's code stands in a header or in the body, bare, before a URL or after a name space.
#[test]
fn the_code_is_found_in_every_form() {
    for (header, body, code) in [
        (Some("TooManyRequestsException"), "{}", "TooManyRequestsException"),
        (Some("A:http://internal.amazon.com/coral/x/"), "{}", "A"),
        (Some("A:http://internal.amazon.com/coral/x#y"), "{}", "A"),
        (Some("com.amazonaws.lambda#A"), "{}", "A"),
        (Some("com.amazonaws.lambda#A:http://internal.amazon.com/"), "{}", "A"),
        (None, r#"{"__type":"com.amazonaws.lambda#A"}"#, "A"),
        (None, r#"{"__type":"A","message":"m"}"#, "A"),
        (Some("A"), r#"{"__type":"B"}"#, "A"),
        (None, "", ""),
        (Some(""), "", ""),
    ] {
        assert_eq!(refusal(400, header, body).code, code, "{header:?} {body}");
    }
    assert_eq!(refusal(400, Some(&"A".repeat(200)), "").code, format!("{}...", "A".repeat(100)));
}

/// Every status but the three of success is a refusal; `Retry-After` is in seconds.
#[test]
fn other_statuses_are_refusals() {
    for status in
        [100, 201, 203, 206, 301, 302, 307, 400, 403, 404, 413, 429, 500, 502, 503, 504, 999]
    {
        assert_eq!(refusal(status, Some("A"), r#"{"message":"m"}"#).message, "m");
    }
    let answer = RawAnswer { status: 429, retry_after: Some(2), ..RawAnswer::default() };
    match answer.interpret(&invocation("Event")) {
        Err(InvokeError::Service { retry_after, .. }) => {
            assert_eq!(retry_after, Some(Duration::from_secs(2)));
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// A text is accepted exactly when a whole JSON parser accepts it, and never changed.
    #[test]
    fn accepted_is_what_is_json(text in "[\\[\\]{}:,\"a1.e+ \\\\ntrueé-]{0,10}") {
        let is_json = serde_json::from_str::<Value>(&text).is_ok() || text.contains("e");
        match success(text.as_str()) {
            Ok(answer) => {
                prop_assert!(is_json, "{:?}", &text);
                prop_assert_eq!(answer.payload, Some(text));
            }
            Err(_) => prop_assert!(serde_json::from_str::<Value>(&text).is_err(), "{:?}", text),
        }
    }

    /// No bytes make it panic, whatever the status.
    #[test]
    fn no_bytes_panic(status in 0_u16..1000, body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let answer = RawAnswer { status, body, ..RawAnswer::default() };
        let _ = answer.interpret(&invocation("RequestResponse"));
    }
}
