use e2e::RawServer;

use crate::support::{Counter, Session, without_ids};

/// `raise`: the error is `invoke`'s, and the HINT says which row it was.
#[test]
fn raise_ends_the_statement_at_the_first_failure_in_order() {
    let mut session = Session::new();
    let single = session.fail("SELECT * FROM aws_lambda.invoke('raises', '1'::json)");
    let many =
        session.fail("SELECT * FROM aws_lambda.invoke_many('raises', ARRAY['1', '2']::json[])");
    assert_eq!(
        (&many.code, &many.message, &many.detail),
        (&single.code, &single.message, &single.detail)
    );
    assert_eq!(many.hint, format!("This was row 1. {}", single.hint));

    // The third row fails long before the second one has its answer.
    let later = session.fail(
        "SELECT * FROM aws_lambda.invoke_many('sleeps', ARRAY['{\"seconds\": 0.3}', '{\"seconds\": \"x\"}', '{}']::json[])",
    );
    assert!(later.hint.starts_with("This was row 2."), "{later:?}");
    let missing = session
        .fail("SELECT * FROM aws_lambda.invoke_many('no-such-function', ARRAY['1']::json[])");
    let single = session.fail("SELECT * FROM aws_lambda.invoke('no-such-function', '1'::json)");
    assert_eq!((&missing.message, &missing.detail), (&single.message, &single.detail));
    assert_eq!(missing.message, "invoke API failed");
    session.assert_usable();
}

/// After a failure nothing more is sent.
#[test]
fn raise_makes_no_calls_behind_the_failure() {
    let (mut session, counter) = (Session::new(), Counter::new());
    let sql = format!(
        "SELECT * FROM aws_lambda.invoke_query('counter',
            'SELECT CASE n WHEN 5 THEN json_build_object(''bad'', 1) ELSE json_build_object(''file'', ''{}'') END
             FROM generate_series(1, 500) n', max_concurrency => 4)",
        counter.path()
    );
    assert!(session.fail(&sql).hint.starts_with("This was row 5."));
    assert!(counter.runs() <= 12, "{}", counter.runs());
}

/// `return`: the failed row has an error, the others their answers, in both orders.
#[test]
fn return_gives_the_row_an_error_and_goes_on() {
    let mut session = Session::new();
    for ordered in ["true", "false"] {
        let sql = format!(
            "SELECT ordinality, status_code, payload IS NOT NULL, error->>'type', error->>'sqlstate', error->>'message',
                 error->>'detail' LIKE '\"sleeps\" returned error \"Unhandled\", details: %',
                 (error->>'request_id')::uuid IS NOT NULL, request IS NOT NULL
             FROM aws_lambda.invoke_many('sleeps', ARRAY['{{\"seconds\": 0}}', '{{}}', '{{\"seconds\": 0.01}}']::json[],
                 on_error => 'return', ordered => {ordered}) ORDER BY ordinality"
        );
        let rows: Vec<String> = session
            .rows(&sql)
            .into_iter()
            .map(|row| {
                row.into_iter().map(|v| v.unwrap_or("-".into())).collect::<Vec<_>>().join("|")
            })
            .collect();
        assert_eq!(
            rows,
            [
                "1|200|t|-|-|-|-|f|t",
                "2|200|f|Unhandled|38000|lambda invocation failed|t|t|t",
                "3|200|t|-|-|-|-|f|t",
            ]
        );
    }
}

/// Every kind of failure becomes a row's error.
#[test]
fn every_kind_of_failure_is_returned() {
    let mut session = Session::new();
    let mut error = |function: &str, payload: &str, options: &str| {
        let sql = format!(
            "SELECT coalesce(status_code::text, 'none') || ' ' || (error->>'type') || ': ' || (error->>'detail')
             FROM aws_lambda.invoke_many('{function}', ARRAY[{payload}], on_error => 'return'{options})"
        );
        without_ids(&session.text(&sql))
    };
    let missing = error("no-such-function", "'1'::json", "");
    assert!(
        missing.starts_with(
            "404 ResourceNotFoundException: AWS Lambda client returned 'Function not found"
        ),
        "{missing}"
    );
    let large = error("echo", "to_json(repeat('x', 6300000))", "");
    assert!(
        large.starts_with(
            "none PayloadTooLarge: AWS Lambda client returned 'Request must be smaller"
        ),
        "{large}"
    );
    let text = error("returns-not-json", "'1'::json", "");
    assert!(
        text.starts_with(
            "200 InvalidAnswer: \"returns-not-json\" returned an answer that is not JSON"
        ),
        "{text}"
    );
}

/// What a `jsonb` cannot hold is the row's error too; raised, it is PostgreSQL's own.
#[test]
fn answers_that_jsonb_cannot_hold() {
    let server = RawServer::start(|connection| {
        while let Some(request) = connection.read_request()? {
            let answer = if request.body == b"2" { &br#""a\u0000b""#[..] } else { b"1" };
            connection.respond(200, &[], answer)?;
        }
        Ok(())
    });
    let server = server.unwrap();
    let mut session = Session::new();
    session.go_to(&server.url());
    let call = "FROM aws_lambda.invoke_many('f', ARRAY['1', '2', '3']::jsonb[]";
    let failure = session.fail(&format!("SELECT * {call})"));
    assert_eq!(
        (failure.code.as_str(), failure.message.as_str()),
        ("22P05", "unsupported Unicode escape sequence")
    );
    let rows = session.rows(&format!(
        "SELECT ordinality, payload, error->>'type', error->>'sqlstate', error->>'message' {call}, on_error => 'return')"
    ));
    let text = |values: [Option<&str>; 5]| values.map(|value| value.map(str::to_owned)).to_vec();
    let message = Some("unsupported Unicode escape sequence");
    assert_eq!(
        rows,
        [
            text([Some("1"), Some("1"), None, None, None]),
            text([Some("2"), None, Some("InvalidAnswer"), Some("22P05"), message]),
            text([Some("3"), Some("1"), None, None, None]),
        ]
    );
    session.go_to("");
    session.assert_usable();
}

/// What is not allowed is raised, whatever is asked for: every row would say the same.
#[test]
fn what_is_not_allowed_is_raised() {
    let mut session = Session::new();
    session.run("SET aws_lambda.allowed_functions = 'simple'");
    let failure = session.fail(
        "SELECT * FROM aws_lambda.invoke_many('echo', ARRAY['1']::json[], on_error => 'return')",
    );
    assert_eq!(failure.code, "42501");
    assert_eq!(
        session
            .text("SELECT count(*) FROM aws_lambda.invoke_many('simple', ARRAY['1', '2']::json[])"),
        "2"
    );
}
