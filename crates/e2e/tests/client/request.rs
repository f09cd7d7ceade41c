//! The request, byte by byte.

use e2e::RawRequest;

use crate::support::{CALL, Session, answering, only_request, serving};

/// The head with what differs from call to call replaced.
fn head(request: &RawRequest) -> String {
    let head = String::from_utf8(request.head.clone()).unwrap();
    let lines = head.split_inclusive("\r\n").map(|line| match line.split_once(": ") {
        Some((name @ ("host" | "x-amz-date" | "authorization"), _)) => format!("{name}: ...\r\n"),
        _ => line.to_owned(),
    });
    lines.collect()
}

/// The head of a call: `path` with its query, `extra` header lines, and a body of `length` bytes.
fn expected(path: &str, kind: &str, extra: &str, length: usize) -> String {
    let agent = env!("CARGO_PKG_VERSION");
    format!(
        "POST /2015-03-31/functions/{path} HTTP/1.1\r\n\
         host: ...\r\n\
         user-agent: sqlambda/{agent}\r\n\
         content-type: application/json\r\n\
         x-amz-invocation-type: {kind}\r\n\
         {extra}\
         x-amz-date: ...\r\n\
         authorization: ...\r\n\
         content-length: {length}\r\n\
         \r\n"
    )
}

/// Makes one call and gives what came over the wire.
fn sent(call: &str) -> (String, String) {
    let server = answering();
    Session::to(&server)
        .run(&format!("SELECT status_code FROM aws_lambda.invoke({call})"))
        .unwrap();
    let request = only_request(&server);
    (head(&request), String::from_utf8(request.body).unwrap())
}

#[track_caller]
fn check(call: &str, path: &str, kind: &str, extra: &str, body: &str) {
    let (head, sent_body) = sent(call);
    assert_eq!(head, expected(path, kind, extra, body.len()), "{call}");
    assert_eq!(sent_body, body, "{call}");
}

/// Every overload sends the same request, whole: request line, headers, body, and no byte more (no
/// `Expect`, no `Accept-Encoding`).
#[test]
fn the_overloads_send_the_same_request() {
    for name in
        ["'f'", "aws_commons.create_lambda_function_arn('f', 'us-east-1')", "'(f,us-east-1)'"]
    {
        for payload in [r#"'{"a": 1}'::json"#, r#"'{"a":1}'::jsonb"#] {
            check(
                &format!("{name}, {payload}"),
                "f/invocations",
                "RequestResponse",
                "",
                r#"{"a": 1}"#,
            );
        }
    }
}

/// `json` travels byte for byte, `jsonb` as PostgreSQL prints it, NULL as no body at all.
#[test]
fn payloads_travel_as_they_are() {
    for (payload, body) in [
        (
            r#"'{"b" :1.10,  "a":1e400,"a":"é\u00e9" }'::json"#,
            r#"{"b" :1.10,  "a":1e400,"a":"é\u00e9" }"#,
        ),
        (r#"'{"b" :1.10,  "a":1,"a":"é\u00e9" }'::jsonb"#, r#"{"a": "éé", "b": 1.10}"#),
        ("'null'::json", "null"),
        ("' 1 '::json", " 1 "),
        ("NULL::json", ""),
        ("NULL::jsonb", ""),
        ("'\"😀\"'::jsonb", "\"😀\""),
    ] {
        check(&format!("'f', {payload}"), "f/invocations", "RequestResponse", "", body);
    }
}

/// A payload that needs many packets arrives whole.
#[test]
fn a_large_payload_arrives_whole() {
    let server = answering();
    let mut session = Session::to(&server);
    session
        .value("SELECT status_code FROM aws_lambda.invoke('f', to_json(repeat('x', 6291456 - 2)))");
    let request = only_request(&server);
    assert_eq!(request.header("content-length").as_deref(), Some("6291456"));
    assert_eq!(request.body.len(), 6_291_456);
    assert!(request.body[1..6_291_455].iter().all(|byte| *byte == b'x'));
}

/// The invocation type is always said, the log type only when it is not the default.
#[test]
fn invocation_and_log_types_are_headers() {
    let tail = "x-amz-log-type: Tail\r\n";
    for (arguments, kind, extra) in [
        ("invocation_type => 'Event'", "Event", ""),
        ("invocation_type => 'DryRun'", "DryRun", ""),
        ("invocation_type => NULL, log_type => NULL", "RequestResponse", ""),
        ("log_type => 'None'", "RequestResponse", ""),
        ("log_type => 'Tail'", "RequestResponse", tail),
    ] {
        check(&format!("'f', '1'::json, {arguments}"), "f/invocations", kind, extra, "1");
    }
    // AWS's idiom: the record's text form, and everything one place early.
    check("'(f,us-east-1)', '1'::json, 'Event'", "f/invocations", "Event", "", "1");
    check(
        "'(f,us-east-1)', '1'::json, 'RequestResponse', 'Tail'",
        "f/invocations",
        "RequestResponse",
        tail,
        "1",
    );
}

/// The client context travels as base64 of the JSON text, `json` byte for byte.
#[test]
fn the_context_is_a_header_in_base64() {
    for (context, encoded) in [
        (r#"'{"custom" :{"k":"v"}}'::json"#, "eyJjdXN0b20iIDp7ImsiOiJ2In19"),
        (r#"'{"k":"é"}'::json"#, "eyJrIjoiw6kifQ=="),
        ("'{}'::json", "e30="),
    ] {
        let extra = format!("x-amz-client-context: {encoded}\r\n");
        check(
            &format!("'f', '1'::json, context => {context}"),
            "f/invocations",
            "RequestResponse",
            &extra,
            "1",
        );
    }
    let jsonb = r#"'{"k":"v"}'::jsonb"#;
    let extra = "x-amz-client-context: eyJrIjogInYifQ==\r\n";
    check(
        &format!("'f', '1'::jsonb, context => {jsonb}"),
        "f/invocations",
        "RequestResponse",
        extra,
        "1",
    );
    let all = r#"'(f,us-east-1)', '1'::json, 'RequestResponse', 'Tail', '{}', 'prod'"#;
    let extra = "x-amz-log-type: Tail\r\nx-amz-client-context: e30=\r\n";
    check(all, "f/invocations?Qualifier=prod", "RequestResponse", extra, "1");
}

/// Names and ARNs stand percent-encoded in the path exactly as they were given; a qualifier beside
/// them is the query.
#[test]
fn names_and_qualifiers_are_percent_encoded() {
    let arn = "arn:aws:lambda:us-east-1:111122223333:function:my-function";
    let encoded = "arn%3Aaws%3Alambda%3Aus-east-1%3A111122223333%3Afunction%3Amy-function";
    for (arguments, path) in [
        ("'my-function_1.x', '1'::json".to_owned(), "my-function_1.x/invocations".to_owned()),
        ("'f:$LATEST', '1'::json".to_owned(), "f%3A%24LATEST/invocations".to_owned()),
        (
            "'111122223333:function:f:7', '1'::json".to_owned(),
            "111122223333%3Afunction%3Af%3A7/invocations".to_owned(),
        ),
        ("'us-east-1:f', '1'::json".to_owned(), "us-east-1%3Af/invocations".to_owned()),
        (format!("'{arn}', '1'::json"), format!("{encoded}/invocations")),
        (format!("'{arn}:prod', '1'::json"), format!("{encoded}%3Aprod/invocations")),
        ("'f', '1'::json, qualifier => '7'".to_owned(), "f/invocations?Qualifier=7".to_owned()),
        (
            "'f', '1'::json, qualifier => '$LATEST'".to_owned(),
            "f/invocations?Qualifier=%24LATEST".to_owned(),
        ),
        (
            "'f:prod', '1'::json, qualifier => 'prod'".to_owned(),
            "f%3Aprod/invocations?Qualifier=prod".to_owned(),
        ),
    ] {
        check(&arguments, &path, "RequestResponse", "", "1");
    }
}

/// `Host` is the endpoint's host with its port, and the endpoint's path stands before Lambda's.
#[test]
fn host_and_path_are_the_endpoints() {
    let server = answering();
    let mut session = Session::shared();
    session.set("endpoint_override", &format!("{}/stage/x/", server.url()));
    session.value(CALL);
    let request = only_request(&server);
    assert_eq!(request.header("host"), Some(server.address().to_string()));
    assert_eq!(request.request_line(), "POST /stage/x/2015-03-31/functions/f/invocations HTTP/1.1");
}

/// One backend's calls share one connection.
#[test]
fn calls_of_a_backend_share_a_connection() {
    let server = answering();
    let mut session = Session::to(&server);
    for _ in 0..20 {
        session.value(CALL);
    }
    let rows = "SELECT count(i.payload) FROM generate_series(1, 20) n, \
                LATERAL aws_lambda.invoke('f', to_json(n)) i";
    assert_eq!(session.value(rows), "20");
    assert_eq!((server.requests().len(), server.connections()), (40, 1));
}

/// A connection that the server announced as closed is not used again.
#[test]
fn a_closed_connection_is_replaced() {
    let server = serving(|_, connection| {
        connection.respond(200, &["connection: close"], b"null")?;
        connection.stream().shutdown(std::net::Shutdown::Both)
    });
    let mut session = Session::to(&server);
    for calls in 1..=3 {
        session.value(CALL);
        assert_eq!((server.requests().len(), server.connections()), (calls, calls));
    }
}

/// Every call is signed afresh, with a date of now.
#[test]
fn the_date_is_the_servers_clock() {
    let server = answering();
    let mut session = Session::to(&server);
    session.value(CALL);
    let date = only_request(&server).header("x-amz-date").unwrap();
    let age = format!(
        "SELECT abs(extract(epoch FROM now() - to_timestamp('{date}', 'YYYYMMDD\"T\"HH24MISS\"Z\"')::timestamp AT TIME ZONE 'UTC')) < 600"
    );
    assert_eq!(session.value(&format!("SET timezone = 'UTC'; {age}")), "t", "{date}");
}
