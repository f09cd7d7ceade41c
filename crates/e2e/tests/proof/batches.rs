//! What batches look like on the wire, and answers that are none.

use e2e::RawServer;
use postgres::Client;
use serde_json::{Value, json};

use crate::support::{Failure, session};

/// A session whose calls go to `server`.
fn session_at(server: &RawServer) -> Client {
    let mut client = session();
    client
        .execute("SELECT set_config('aws_lambda.endpoint_override', $1, false)", &[&server.url()])
        .unwrap();
    client
}

/// A server that answers each request with what `answer` makes of its body.
fn answering(answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> RawServer {
    RawServer::start(move |connection| {
        while let Some(request) = connection.read_request()? {
            connection.respond(200, &[], &answer(&request.body))?;
        }
        Ok(())
    })
    .unwrap()
}

/// The bodies that came, in the order of their first rows' numbers.
fn bodies(server: &RawServer) -> Vec<Value> {
    let requests = server.requests();
    let mut bodies: Vec<Value> =
        requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    bodies.sort_by_key(|body| {
        let rows = body.get("arguments").unwrap_or(body);
        rows[0].get("n").or(rows[0][0].get("n")).and_then(Value::as_i64)
    });
    bodies
}

/// A batch closes before the row that would make it longer than `max_batch_bytes`, and no earlier;
/// a row that is longer by itself goes alone.
#[test]
fn a_batch_closes_by_its_bytes() {
    let server = answering(<[u8]>::to_vec);
    let mut client = session_at(&server);
    for (most, size) in [(1, 100), (200, 100), (1000, 100), (1000, 3), (100_000, 500)] {
        let before = server.requests().len();
        let rows = client
            .query(
                "SELECT ordinality, request::text = payload::text
                   FROM aws_lambda.invoke_query('f',
                     $q$SELECT json_build_object('n', n, 'x', repeat('y', n * 37 % 400))
                          FROM generate_series(1, 200) AS n$q$,
                     batch_size => $1, max_batch_bytes => $2)",
                &[&size, &most],
            )
            .unwrap();
        let numbers: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(numbers, (1..=200).collect::<Vec<i64>>());
        assert!(rows.iter().all(|row| row.get(1)));

        let most = usize::try_from(most).unwrap();
        let mut batches: Vec<Vec<u8>> =
            server.requests()[before..].iter().map(|request| request.body.clone()).collect();
        let parse = |body: &[u8]| serde_json::from_slice::<Vec<Value>>(body).unwrap();
        batches.sort_by_key(|body| parse(body)[0]["n"].as_i64());
        for pair in batches.windows(2) {
            let (rows, next) = (parse(&pair[0]), parse(&pair[1]));
            let fits = pair[0].len() <= most || rows.len() == 1;
            assert!(fits && rows.len() <= size as usize, "{most}: {} bytes", pair[0].len());
            // As PostgreSQL spells it: a space after each colon and comma.
            let x = next[0]["x"].as_str().unwrap().len();
            let next_row = format!("{{\"n\" : {}, \"x\" : \"\"}}", next[0]["n"]).len() + x;
            let is_full = rows.len() == size as usize || pair[0].len() + 1 + next_row > most;
            assert!(is_full, "{most}: closed at {} bytes of {} rows", pair[0].len(), rows.len());
        }
    }
}

/// Amazon Redshift's request, member by member, around rows of one and of several arguments.
#[test]
fn redshifts_envelope() {
    let server = answering(|body| {
        let request: Value = serde_json::from_slice(body).unwrap();
        let rows = request["arguments"].as_array().unwrap();
        let answer = json!({"success": true, "results": rows});
        // A string that holds the object, as functions in Python answer.
        Value::String(answer.to_string()).to_string().into_bytes()
    });
    let mut client = session_at(&server);
    client.batch_execute("SET cluster_name = 'x'").unwrap_err();
    let rows = client
        .query(
            "SELECT payload::text FROM aws_lambda.invoke_many('my-function',
               ARRAY['{\"n\": 1}', '[2, \"b\"]', NULL, '\"d\"', '[]']::json[],
               batch_format => 'redshift', batch_size => 2)",
            &[],
        )
        .unwrap();
    let payloads: Vec<Option<&str>> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        payloads,
        [r#"[{"n":1}]"#, r#"[2,"b"]"#, "[null]", r#"["d"]"#, "[]"].map(Some),
        "results of three batches"
    );
    let bodies = bodies(&server);
    assert_eq!(bodies.len(), 3);
    let database: String = client.query_one("SELECT current_database()::text", &[]).unwrap().get(0);
    for body in &bodies {
        let members: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members.len(), 8, "{members:?}");
        assert!(body["request_id"].as_str().is_some_and(|id| id.len() == 36), "{body}");
        assert!(body["cluster"].is_string() && body["query_id"].is_i64(), "{body}");
        assert_eq!(body["user"], "postgres");
        assert_eq!(body["database"], database);
        assert_eq!(body["external_function"], "my-function");
        assert_eq!(body["num_records"], body["arguments"].as_array().unwrap().len());
    }
    let ids: std::collections::HashSet<_> =
        bodies.iter().map(|body| body["request_id"].to_string()).collect();
    assert_eq!(ids.len(), 3, "each request has an id of its own");
}

/// The failure of a statement whose batches of three rows are all answered by `answer`.
fn fail(format: &str, answer: &str, on_error: &str) -> Result<Vec<Option<String>>, Failure> {
    let bytes = answer.as_bytes().to_vec();
    let server = answering(move |_| bytes.clone());
    let rows = session_at(&server).query(
        "SELECT error ->> 'detail' FROM aws_lambda.invoke_many('f', '{1,2,3,4,5}'::json[],
           batch_size => 3, batch_format => $1, on_error => $2)",
        &[&format, &on_error],
    )?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// An answer of another form or length is an error that says so; nobody gets another row's result.
#[test]
fn answers_that_are_no_batch() {
    for (format, answer, said) in [
        ("array", "[1, 2]", "2 results for a batch of 3 rows"),
        ("array", "[1, 2, 3, 4]", "4 results for a batch of 3 rows"),
        ("array", "[]", "0 results for a batch of 3 rows"),
        ("array", "{\"0\": 1}", "an answer to a batch that is not a JSON array"),
        ("array", "null", "an answer to a batch that is not a JSON array"),
        ("array", "\"[1, 2, 3]\"", "an answer to a batch that is not a JSON array"),
        ("array", "", ""),
        ("array", "[1, 2, 3", ""),
        ("redshift", "[1, 2, 3]", "an answer to a batch that is not a JSON object"),
        ("redshift", "{}", "missing field `success`"),
        ("redshift", "{\"success\": \"true\"}", "an answer that is not Amazon Redshift's"),
        ("redshift", "{\"success\": true}", "an answer without \"results\""),
        ("redshift", "{\"success\": true, \"results\": [1, 2]}", "2 results for a batch of 3 rows"),
        (
            "redshift",
            "{\"success\": true, \"num_records\": 2, \"results\": [1, 2, 3]}",
            "num_records 2 for a batch of 3 rows",
        ),
        (
            "redshift",
            "{\"success\": false, \"error_msg\": \"no \\\"luck\\\"\", \"results\": [1, 2, 3]}",
            "no \"luck\"",
        ),
        ("redshift", "{\"success\": false}", "success is false"),
        ("redshift", "\"not an object\"", "an answer to a batch that is not a JSON object"),
        ("redshift", "null", "an answer to a batch that is not a JSON object"),
    ] {
        let failure = fail(format, answer, "raise").expect_err(answer);
        let found = (failure.code.as_str(), failure.message.as_str());
        assert_eq!(found, ("38000", "lambda invocation failed"), "{answer}: {failure:?}");
        assert!(failure.detail.contains(said), "{answer}: {failure:?}");
        assert!(failure.hint.starts_with("This was the batch of rows 1 to 3. "), "{failure:?}");

        let rows = fail(format, answer, "return").unwrap();
        assert_eq!(rows.len(), 5, "{answer}");
        assert_eq!(rows[0].as_ref(), Some(&failure.detail), "{answer}");
        assert!(rows[..3].iter().all(|row| *row == rows[0]), "{answer}: {rows:?}");
    }
}

/// An answer that a column cannot hold is PostgreSQL's own error, for its row and no other.
#[test]
fn answers_that_a_column_cannot_hold() {
    let server = answering(|body| match body {
        b"2" => b"\"\\u0000\"".to_vec(),
        other => other.to_vec(),
    });
    let mut client = session_at(&server);
    let sql = "SELECT payload::text, error ->> 'sqlstate', error ->> 'type'
                 FROM aws_lambda.invoke_many('f', '{1, 2, 3}'::jsonb[], on_error => $1)";
    let rows = client.query(sql, &[&"return"]).unwrap();
    let found: Vec<[Option<&str>; 3]> =
        rows.iter().map(|row| [row.get(0), row.get(1), row.get(2)]).collect();
    let bad = [None, Some("22P05"), Some("InvalidAnswer")];
    assert_eq!(found, [[Some("1"), None, None], bad, [Some("3"), None, None]]);

    let failure = Failure::from(client.query(sql, &[&"raise"]).unwrap_err());
    let own = client.query("SELECT '\"\\u0000\"'::jsonb", &[]).unwrap_err();
    let own = Failure::from(own);
    assert_eq!((failure.code, failure.message), (own.code, own.message));
    assert!(failure.hint.starts_with("This was row 2. "), "{}", failure.hint);
    assert_eq!(failure.detail, own.detail);
}
