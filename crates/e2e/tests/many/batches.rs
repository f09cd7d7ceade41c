use crate::support::Session;

const PAYLOADS: &str = "ARRAY(SELECT to_json(n) FROM generate_series(1, 7) n)";

fn joined(session: &mut Session, sql: &str) -> String {
    let rows = session.rows(sql).into_iter();
    let row = |row: Vec<Option<String>>| {
        row.into_iter().map(|value| value.unwrap_or("NULL".into())).collect::<Vec<_>>().join("|")
    };
    rows.map(row).collect::<Vec<_>>().join(" ")
}

/// A batch closes at its rows; each row gets its own result.
#[test]
fn a_batch_closes_at_its_rows() {
    let mut session = Session::new();
    let sql = format!(
        "SELECT ordinality, payload->>'row', payload->>'of' FROM aws_lambda.invoke_many('batches', {PAYLOADS}, batch_size => 3)"
    );
    assert_eq!(joined(&mut session, &sql), "1|1|3 2|2|3 3|3|3 4|4|3 5|5|3 6|6|3 7|7|1");
}

/// Or at its bytes, brackets and commas counted: `[1,2,3]` has seven.
#[test]
fn a_batch_closes_at_its_bytes() {
    let mut session = Session::new();
    let mut sizes = |bytes: usize| {
        joined(
            &mut session,
            &format!(
                "SELECT payload->>'of' FROM aws_lambda.invoke_many('batches', {PAYLOADS}, batch_size => 100, max_batch_bytes => {bytes})"
            ),
        )
    };
    assert_eq!(sizes(7), "3 3 3 3 3 3 1");
    assert_eq!(sizes(6), "2 2 2 2 2 2 1");
    assert_eq!(sizes(1), "1 1 1 1 1 1 1");
    assert_eq!(sizes(1000), "7 7 7 7 7 7 7");
}

/// The service's own limit closes a batch too: 6 MB, and 1 MB for events.
#[test]
fn a_batch_is_never_larger_than_the_service_takes() {
    let mut session = Session::new();
    let sql = "SELECT count(*), count(DISTINCT status_code), min(status_code) FROM aws_lambda.invoke_query('echo',
        'SELECT repeat(''x'', 100000) FROM generate_series(1, 100)', batch_size => 1000)";
    assert_eq!(joined(&mut session, sql), "100|1|200");
    let sql = sql.replace("batch_size", "invocation_type => 'Event', batch_size");
    assert_eq!(joined(&mut session, &sql), "100|1|202");
    let sql = "SELECT ordinality, error->>'type' FROM aws_lambda.invoke_query('echo',
        'SELECT repeat(''x'', n) FROM unnest(ARRAY[1, 7000000, 2]) n', batch_size => 10, on_error => 'return')";
    assert_eq!(joined(&mut session, sql), "1|NULL 2|PayloadTooLarge 3|NULL", "alone in its batch");
}

/// NULL is null in an array, and each payload stays byte for byte.
#[test]
fn payloads_and_results_stay_as_they_are() {
    let mut session = Session::new();
    let sql = r#"SELECT request, payload FROM aws_lambda.invoke_many('echo',
        ARRAY[' {"a" : 1.10}', NULL, '"\u00e9 ]["', '[ 1, 2 ]']::json[], batch_size => 10)"#;
    let found = joined(&mut session, sql);
    assert_eq!(
        found,
        r#" {"a" : 1.10}|{"a" : 1.10} NULL|null "\u00e9 ]["|"\u00e9 ][" [ 1, 2 ]|[ 1, 2 ]"#
    );
}

/// A function written for Redshift: arrays are a row's arguments, anything else is the only one;
/// the answer is an object or a string that holds one.
#[test]
fn functions_written_for_redshift_run_unchanged() {
    let mut session = Session::new();
    let sql = "SELECT payload FROM aws_lambda.invoke_many('batches', ARRAY['[1, 2]', '3', '[4]', '[5, 6, 7]']::json[],
        batch_size => 2, batch_format => 'redshift')";
    assert_eq!(joined(&mut session, sql), "3 3 4 18");
    let sql = "SELECT payload->>'num_records', payload->>'database' = current_database(), payload->>'user' = current_user,
            payload->>'external_function', payload->>'cluster', json_typeof(payload->'query_id'),
            (payload->>'request_id')::uuid IS NOT NULL
        FROM aws_lambda.invoke_many('batches', ARRAY['{\"do\": \"envelope\"}', '1']::json[],
            batch_size => 5, batch_format => 'redshift') LIMIT 1";
    assert_eq!(joined(&mut session, sql), "2|t|t|batches||number|t");
}

/// What an answer has wrong is said, with its beginning.
#[test]
fn wrong_answers_say_what_is_wrong() {
    let mut session = Session::new();
    let mut wrong = |wish: &str, format: &str, detail: &str| {
        let sql = format!(
            "SELECT * FROM aws_lambda.invoke_many('batches', ARRAY['{{\"do\": \"{wish}\"}}', '2']::json[],
                batch_size => 10, batch_format => '{format}')"
        );
        let failure = session.fail(&sql);
        assert_eq!(
            (failure.code.as_str(), failure.message.as_str()),
            ("38000", "lambda invocation failed")
        );
        assert!(failure.detail.starts_with(detail), "{failure:?}");
        assert!(failure.hint.starts_with("This was the batch of rows 1 to 2."), "{failure:?}");
    };
    wrong("short", "array", "\"batches\" returned 1 result for a batch of 2 rows: \"[{");
    wrong("long", "array", "\"batches\" returned 3 results for a batch of 2 rows: \"[{");
    wrong(
        "object",
        "array",
        "\"batches\" returned an answer to a batch that is not a JSON array: \"{",
    );
    wrong(
        "fail",
        "array",
        "\"batches\" returned error \"Unhandled\", details: \"{\"errorMessage\": \"a row asked",
    );
    wrong("short", "redshift", "\"batches\" returned 0 results for a batch of 2 rows");
    wrong("miscounted", "redshift", "\"batches\" returned num_records 1000 for a batch of 2 rows");
    wrong(
        "anything",
        "redshift",
        "\"batches\" returned error \"Handled\", details: \"unsupported operand",
    );
    let failure = session.fail(
        "SELECT * FROM aws_lambda.invoke_many('echo', ARRAY['1']::json[], batch_format => 'redshift')",
    );
    let begins =
        "\"echo\" returned an answer that is not Amazon Redshift's (missing field `success`): \"{";
    assert!(failure.detail.starts_with(begins), "{failure:?}");
}
