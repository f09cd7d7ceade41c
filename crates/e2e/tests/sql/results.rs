//! What goes to a function and comes back is JSON, byte for byte.

use e2e::{RawConnection, RawServer};
use lambda_core::limits::{ANSWER_BYTES, ASYNCHRONOUS_PAYLOAD_BYTES, SYNCHRONOUS_PAYLOAD_BYTES};

use crate::support::{Failure, Session, without_ids};

const NOT_RETURNED: &str =
    "The function ran, but its answer must be JSON in UTF-8 of at most 6 MB. Request id: <id>.";

/// Sends `payload` as json to the echo; what comes back, as text.
fn echo(session: &mut Session, json: &str, payload: &str) -> Result<String, Failure> {
    let sql = format!("SELECT payload::text FROM aws_lambda.invoke('echo', $1::text::{json})");
    let row = session.client.query_one(&sql, &[&payload])?;
    Ok(row.get(0))
}

/// Has the function `raw` answer exactly `answer`; what arrives in SQL, as text.
fn answered(session: &mut Session, json: &str, answer: &[u8]) -> Result<String, Failure> {
    let sql = format!(
        "SELECT payload::text FROM aws_lambda.invoke('raw',
             {json}_build_object('base64', encode($1::bytea, 'base64')))"
    );
    let row = session.client.query_one(&sql, &[&answer])?;
    Ok(row.get(0))
}

/// A server that answers every request with its body.
fn mirror() -> RawServer {
    let answer = |connection: &mut RawConnection| {
        while let Some(request) = connection.read_request()? {
            connection.respond(200, &[], &request.body)?;
        }
        Ok(())
    };
    RawServer::start(answer).unwrap()
}

/// `json` travels byte for byte in both directions, however odd it is.
#[test]
fn json_travels_byte_for_byte() {
    let mut session = Session::new();
    let digits = "1234567890123456789012345678901234567890";
    let texts = [
        "{}",
        "[]",
        "null",
        "true",
        "0",
        "\"\"",
        "-0",
        "-0.0",
        "1.10",
        "1E5",
        "1e400",
        "1e-400",
        digits,
        "{\"a\": 1, \"b\": 2, \"a\": 3, \"a\": 1}",
        "{ \"z\" : 1 ,\n\t\"a\" : [ 1.10 , 2.000 ]\r\n}",
        "  {\"spaces\": \"around\"} \n ",
        "\"\\u0000\"",
        "{\"\\u0000\": \"a\\u0000b\"}",
        "\"\\ud83d\\ude00 \\u00e9 \\/ \\b\\f\\n\\r\\t\\\\ \\\"\"",
        "\"é ß € 漢字 😀 \u{7f} \u{80} \u{2028} \u{feff}\"",
        "{\"\": {\"\": \"\"}}",
        "\"'; DROP TABLE students; -- $1 %s {0} \\\\x00\"",
    ];
    for text in texts {
        // The function itself is handed its event without the space around it.
        assert_eq!(echo(&mut session, "json", text).as_deref(), Ok(text.trim()));
        assert_eq!(answered(&mut session, "json", text.as_bytes()).as_deref(), Ok(text));
    }
    let mirror = mirror();
    session.go_to(&mirror.url());
    for text in texts {
        assert_eq!(echo(&mut session, "json", text).as_deref(), Ok(text));
    }
    let bodies: Vec<_> = mirror.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, texts.map(|text| text.as_bytes().to_vec()));
    let number = format!("[{digits}.{digits}, -{digits}]");
    assert_eq!(echo(&mut session, "json", &number).as_deref(), Ok(number.as_str()));
}

/// `jsonb` arrives as PostgreSQL prints it, and what returns is what PostgreSQL makes of it.
#[test]
fn jsonb_is_what_postgresql_makes_of_it() {
    let mut session = Session::new();
    let texts = [
        (
            "{\"b\": 1.10, \"a\": 12345678901234567890123, \"b\": 2.50}",
            "{\"a\": 12345678901234567890123, \"b\": 2.50}",
        ),
        ("  [1,2 ,\n3]", "[1, 2, 3]"),
        ("\"\\u00e9\\ud83d\\ude00\"", "\"é😀\""),
        ("null", "null"),
        ("-0.00", "0.00"),
    ];
    for (text, expected) in texts {
        assert_eq!(echo(&mut session, "jsonb", text).as_deref(), Ok(expected));
        assert_eq!(answered(&mut session, "jsonb", text.as_bytes()).as_deref(), Ok(expected));
    }
    let zeros = format!("1{}", "0".repeat(400));
    assert_eq!(echo(&mut session, "jsonb", "1e400").as_deref(), Ok(zeros.as_str()));
    assert_eq!(answered(&mut session, "jsonb", b"1e400").as_deref(), Ok(zeros.as_str()));
    // The function sees it as it is printed: spaces after colons, keys in order.
    let seen = "SELECT payload::json->>'event' FROM aws_lambda.invoke('inspect', '{\"b\":1,  \"a\":{}}'::jsonb)";
    assert_eq!(session.text(seen), "{\"a\": {}, \"b\": 1}");
}

/// What `jsonb` cannot hold is refused by PostgreSQL's own errors, which the same answer as `json`
/// does not meet.
#[test]
fn what_jsonb_cannot_hold_is_postgresqls_own_error() {
    let mut session = Session::new();
    let own = session.fail("SELECT '\"\\u0000\"'::jsonb");
    assert_eq!(own.code, "22P05");
    for (answer, code) in [
        (&br#""\u0000""#[..], "22P05"),
        (br#""\ud800""#, "22P02"),
        (br#""\udc00\ud800""#, "22P02"),
        (b"1e999999", "22003"),
    ] {
        let failure = answered(&mut session, "jsonb", answer).unwrap_err();
        assert_eq!(failure.code, code, "{failure:?}");
        assert!(!failure.message.contains("lambda"), "{failure:?}");
        let kept = String::from_utf8(answer.to_vec()).unwrap();
        assert_eq!(answered(&mut session, "json", answer), Ok(kept));
        session.assert_usable();
    }
    let failure = answered(&mut session, "jsonb", br#""\u0000""#).unwrap_err();
    assert_eq!(failure, own);
}

/// An answer that is no JSON in UTF-8 is an error that shows its beginning, on one line.
#[test]
fn an_answer_that_is_no_json_is_an_error() {
    let mut session = Session::new();
    let answers: [(&[u8], &str); 12] = [
        (b"", "an empty answer: \"\""),
        (b"   ", "an answer that is not JSON: \"   \""),
        (b"this is not JSON", "an answer that is not JSON: \"this is not JSON\""),
        (b"{} {}", "an answer that is not JSON: \"{} {}\""),
        (b"{'a': 1}", "an answer that is not JSON: \"{'a': 1}\""),
        (b"NaN", "an answer that is not JSON: \"NaN\""),
        (b"[1,]", "an answer that is not JSON: \"[1,]\""),
        (b"\"a\nERROR: forged\"", "an answer that is not JSON: \"\"a ERROR: forged\"\""),
        (b"\xef\xbb\xbf{}", "an answer that is not JSON: \"\u{feff}{}\""),
        (b"\"\0\"", "an answer that is not JSON: \"\" \"\""),
        (b"\"\xff\"", "an answer that is not UTF-8: \"\"\u{fffd}\"\""),
        (b"\"\xed\xa0\x80\"", "an answer that is not UTF-8: \"\"\u{fffd}\u{fffd}\u{fffd}\"\""),
    ];
    for json in ["json", "jsonb"] {
        for (answer, problem) in answers {
            let failure = answered(&mut session, json, answer).unwrap_err();
            let detail = format!("\"raw\" returned {problem}.");
            assert_eq!(failure, Failure::function(&detail, NOT_RETURNED));
        }
        session.assert_usable();
    }
    let long = answered(&mut session, "json", "é".repeat(5000).as_bytes()).unwrap_err();
    let detail =
        format!("\"raw\" returned an answer that is not JSON: \"{}...\".", "é".repeat(100));
    assert_eq!(long.detail, detail);
}

/// Nesting so deep that PostgreSQL gives up is its own error in both directions; the backend and
/// its connection to the service survive.
#[test]
fn deep_nesting_is_limited_by_postgresql_alone() {
    let mut session = Session::new();
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let deep = nested(10_000);
    // Whether this depth is too deep is a matter of the server's version and stack, not of ours.
    for json in ["json", "jsonb"] {
        let own = session.try_rows(&format!("SELECT '{deep}'::{json} IS NULL")).map(drop);
        let ours = echo(&mut session, json, &deep).map(|text| assert_eq!(text, deep));
        assert_eq!(own, ours, "{json}");
        session.assert_usable();
    }
    assert_eq!(answered(&mut session, "json", deep.as_bytes()).as_deref(), Ok(deep.as_str()));

    // A json value is not parsed again on its way out, so that this is no error.
    let abyss = nested(1_000_000);
    assert_eq!(echo(&mut session, "json", &abyss).unwrap_err().code, "54001");
    let answer = answered(&mut session, "json", abyss.as_bytes()).map(|text| text == abyss);
    assert_eq!(answer, Ok(true));
    assert_eq!(answered(&mut session, "jsonb", abyss.as_bytes()).unwrap_err().code, "54001");
    session.assert_usable();
}

/// Requests of exactly the service's limits arrive; one byte more is refused before it is sent.
#[test]
fn requests_up_to_the_limit_arrive_and_no_byte_more() {
    let mut session = Session::new();
    let payload = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let full = payload(SYNCHRONOUS_PAYLOAD_BYTES);
    let back = echo(&mut session, "json", &full).map(|text| text == full);
    assert_eq!(back, Ok(true));
    let back = echo(&mut session, "jsonb", &full).map(|text| text == full);
    assert_eq!(back, Ok(true));
    let mut refused = |kind: &str, limit: usize| {
        let sql = "SELECT status_code FROM aws_lambda.invoke('echo', $1::text::json, invocation_type => $2)";
        let failure = session.client.query_one(sql, &[&payload(limit + 1), &kind]).unwrap_err();
        let said =
            format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
        let hint = format!("The payload has {} bytes. Nothing was sent.", limit + 1);
        assert_eq!(Failure::from(failure), Failure::api(&said, &hint));
        let row = session.client.query_one(sql, &[&payload(limit), &kind]).unwrap();
        row.get::<_, i32>(0)
    };
    assert_eq!(refused("RequestResponse", SYNCHRONOUS_PAYLOAD_BYTES), 200);
    assert_eq!(refused("Event", ASYNCHRONOUS_PAYLOAD_BYTES), 202);
    assert_eq!(refused("DryRun", SYNCHRONOUS_PAYLOAD_BYTES), 204);
    session.assert_usable();
}

/// Answers of exactly the service's limit arrive; of one byte more the service says so.
#[test]
fn answers_up_to_the_limit_arrive_and_no_byte_more() {
    let mut session = Session::new();
    let ask = |bytes: usize| {
        format!(
            "SELECT length(payload::text) FROM aws_lambda.invoke('raw', '{{\"bytes\": {bytes}}}'::json)"
        )
    };
    assert_eq!(
        session.text(&ask(SYNCHRONOUS_PAYLOAD_BYTES)),
        SYNCHRONOUS_PAYLOAD_BYTES.to_string()
    );
    assert_eq!(session.text(&ask(ANSWER_BYTES)), ANSWER_BYTES.to_string());
    let failure = session.fail(&ask(ANSWER_BYTES + 1));
    assert_eq!(failure.message, "lambda invocation failed");
    let size = format!(
        "Response payload size exceeded maximum allowed payload size ({ANSWER_BYTES} bytes)."
    );
    let expected = format!(
        "\"raw\" returned error \"Unhandled\", details: \"{{\"errorType\":\"Function.ResponseSizeTooLarge\",\"errorMessage\":\"{size}\"}}\"."
    );
    assert_eq!(failure.detail, expected);
    session.assert_usable();
}

/// A server that sends more than the service can is not believed, nor read to its end.
#[test]
fn an_answer_beyond_the_limit_is_an_error() {
    let server = RawServer::start(|connection| {
        while connection.read_request()?.is_some() {
            let body = format!("\"{}\"", "y".repeat(ANSWER_BYTES - 1));
            connection.respond(200, &[], body.as_bytes())?;
        }
        Ok(())
    })
    .unwrap();
    let mut session = Session::new();
    session.go_to(&server.url());
    let failure = echo(&mut session, "json", "1").unwrap_err();
    let begin = format!(
        "\"echo\" returned an answer of more than {ANSWER_BYTES} bytes: \"\"{}...\".",
        "y".repeat(199)
    );
    let hint = NOT_RETURNED.trim_end_matches(" Request id: <id>.");
    assert_eq!(failure, Failure::function(&begin, hint));
    session.go_to("");
    session.assert_usable();
}

/// SQL NULL sends no body, which functions see as `{}`; JSON null is a value in both directions.
#[test]
fn sql_null_and_json_null_differ() {
    let mut session = Session::new();
    for json in ["json", "jsonb"] {
        let mut echo = |payload: &str| {
            session.row(&format!(
                "SELECT payload IS NULL, payload FROM aws_lambda.invoke({payload}::{json})"
            ))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(echo("'echo', NULL"), [some("f"), some("{}")]);
        assert_eq!(echo("'echo', 'null'"), [some("f"), some("null")]);
        assert_eq!(echo("'echo', '{}'"), [some("f"), some("{}")]);
        assert_eq!(echo("'returns-nothing', NULL"), [some("f"), some("null")]);
    }
    let mirror = mirror();
    session.go_to(&mirror.url());
    session.run("SELECT aws_lambda.invoke('echo', 'null'::json)");
    assert_eq!(session.fail("SELECT aws_lambda.invoke('echo', NULL::json)").code, "38000");
    let bodies: Vec<_> = mirror.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, [b"null".to_vec(), Vec::new()]);
}

/// The three invocation types and their rows; the version that ran; no log unless asked for.
#[test]
fn every_invocation_type_has_its_row() {
    let mut session = Session::new();
    let mut row = |rest: &str| {
        session
            .row(&format!("SELECT * FROM aws_lambda.invoke({rest})"))
            .into_iter()
            .map(|v| v.unwrap_or_else(|| "NULL".to_owned()))
            .collect::<Vec<_>>()
            .join(" ")
    };
    for json in ["json", "jsonb"] {
        let name = |name: &str, rest: &str| format!("'{name}', '[7]'::{json}{rest}");
        assert_eq!(row(&name("echo", "")), "200 [7] $LATEST NULL");
        assert_eq!(
            row(&name("echo", ", invocation_type => 'RequestResponse', log_type => 'None'")),
            "200 [7] $LATEST NULL"
        );
        assert_eq!(
            row(&name("echo", ", invocation_type => NULL, log_type => NULL")),
            "200 [7] $LATEST NULL"
        );
        assert_eq!(row(&name("echo", ", invocation_type => 'Event'")), "202 NULL NULL NULL");
        assert_eq!(row(&name("echo", ", invocation_type => 'DryRun'")), "204 NULL NULL NULL");
        // The log is for synchronous calls alone.
        assert_eq!(
            row(&name("echo", ", invocation_type => 'Event', log_type => 'Tail'")),
            "202 NULL NULL NULL"
        );
    }
}

/// `Tail` returns the last 4 KB of the log and not more, in base64 that PostgreSQL decodes.
#[test]
fn the_log_is_the_last_four_kilobytes() {
    let mut session = Session::new();
    let row = session.row(
        "SELECT payload, octet_length(decode(log_result, 'base64')), convert_from(decode(log_result, 'base64'), 'UTF8')
         FROM aws_lambda.invoke('logs-a-lot', '{\"lines\": 1000}'::json, log_type => 'Tail')",
    );
    assert_eq!(row[0].as_deref(), Some("1000"));
    let bytes: usize = row[1].as_deref().unwrap().parse().unwrap();
    assert!((3000..=4096).contains(&bytes), "{bytes}");
    let log = without_ids(row[2].as_deref().unwrap());
    assert!(
        log.contains("\nline 999 of 1000\nEND RequestId: <id>\nREPORT RequestId: <id>\t"),
        "{log}"
    );
    assert!(!log.contains("START"), "{log}");
}
