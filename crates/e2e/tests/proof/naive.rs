//! Every mix of order, errors, sizes and batches gives what a call for each row gives.
//!
//! The plain statement is `aws_lambda.invoke` itself, in a loop that catches errors, with batches
//! built by hand (`naive.sql`). Both sides call the same functions of the real local service.

use postgres::Client;

use crate::support::{Failure, session};

/// What is sent, and how.
struct Case {
    what: &'static str,
    /// The query for `n`, from 1, and `p`, the payload's text.
    rows: &'static str,
    function: &'static str,
    batch_size: i32,
    format: &'static str,
    max_concurrency: i32,
}

const fn case(what: &'static str, rows: &'static str, function: &'static str) -> Case {
    Case { what, rows, function, batch_size: 1, format: "array", max_concurrency: 4 }
}

impl Case {
    const fn batches(mut self, format: &'static str, batch_size: i32) -> Self {
        (self.format, self.batch_size) = (format, batch_size);
        self
    }

    const fn window(mut self, max_concurrency: i32) -> Self {
        self.max_concurrency = max_concurrency;
        self
    }
}

/// A way to make the same calls.
#[derive(Clone, Copy, Debug)]
struct Form {
    json: &'static str,
    by_arn: bool,
    by_query: bool,
    ordered: bool,
    raises: bool,
}

/// Every form there is: 32.
fn forms() -> impl Iterator<Item = Form> {
    (0..32).map(|number: u32| {
        let is_set = |bit: u32| number & (1 << bit) != 0;
        let json = if is_set(0) { "jsonb" } else { "json" };
        Form { json, by_arn: is_set(1), by_query: is_set(2), ordered: is_set(3), raises: is_set(4) }
    })
}

/// Half of them: every mix of two ways, if not of three.
fn half_of_the_forms() -> Vec<Form> {
    forms().filter(|form| form.by_arn ^ form.by_query ^ (form.json == "json")).collect()
}

/// A quarter of all forms, in which every mix of two settings is; in four turns every form is.
fn quarter_of_the_forms(turn: usize) -> Vec<Form> {
    let is_taken = |form: &Form| {
        let is_json = form.json == "json";
        // Two of the settings follow from the other three: an orthogonal array.
        let first = is_json ^ form.by_arn ^ form.ordered;
        let second = is_json ^ form.by_query ^ form.raises;
        2 * usize::from(first) + usize::from(second) == turn % 4
    };
    forms().filter(is_taken).collect()
}

/// What a row is told: number, payload, and the answer's status, payload and version or the error's
/// message and detail.
type Row = (
    i64,
    Option<String>,
    Option<i32>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

fn rows(client: &mut Client, sql: &str) -> Result<Vec<Row>, Failure> {
    let rows = client.query(sql, &[])?;
    let row = |row: &postgres::Row| {
        (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4), row.get(5), row.get(6))
    };
    Ok(rows.iter().map(row).collect())
}

fn naive(client: &mut Client, case: &Case, json: &str) -> Vec<Row> {
    let Case { function, batch_size, format, .. } = case;
    let sql = format!(
        "SELECT n, request, status, payload, version, message, pg_temp.without_ids(detail)
           FROM pg_temp.naive_{json}('{function}', {batch_size}, '{format}')"
    );
    rows(client, &sql).unwrap()
}

fn many(client: &mut Client, case: &Case, form: Form) -> Result<Vec<Row>, Failure> {
    let Case { function, batch_size, format, max_concurrency, .. } = case;
    let Form { json, ordered, raises, .. } = form;
    let called = match (form.by_query, json) {
        (false, _) => "invoke_many",
        (true, "json") => "invoke_query",
        (true, _) => "invoke_query_jsonb",
    };
    let name = if form.by_arn {
        format!("aws_commons.create_lambda_function_arn('{function}', 'us-east-1')")
    } else {
        format!("'{function}'::text")
    };
    let payloads = if form.by_query {
        format!("'SELECT p::{json} FROM payloads ORDER BY n'")
    } else {
        format!("(SELECT array_agg(p::{json} ORDER BY n) FROM payloads)")
    };
    let on_error = if raises { "raise" } else { "return" };
    let sql = format!(
        "SELECT ordinality, request::text, CASE WHEN error IS NULL THEN status_code END,
                payload::text, executed_version, error ->> 'message',
                pg_temp.without_ids(error ->> 'detail')
           FROM aws_lambda.{called}({name}, {payloads}, max_concurrency => {max_concurrency},
                batch_size => {batch_size}, batch_format => '{format}', on_error => '{on_error}',
                ordered => {ordered})"
    );
    rows(client, &sql)
}

/// Asserts that a statement did what the plain one did.
#[track_caller]
fn compare(case: &Case, form: Form, naive: &[Row], found: Result<Vec<Row>, Failure>) {
    let what = format!("{}, {} x {}, {form:?}", case.what, case.format, case.batch_size);
    let failed: Vec<&Row> = naive.iter().filter(|row| row.5.is_some()).collect();
    if !form.raises || failed.is_empty() {
        let mut found = found.unwrap_or_else(|failure| panic!("{what}: {failure:?}"));
        if !form.ordered {
            found.sort();
        }
        let difference = naive.iter().zip(&found).find(|(naive, found)| naive != found);
        assert!(difference.is_none(), "{what}: {}", excerpt(&difference));
        assert_eq!(naive.len(), found.len(), "{what}");
        return;
    }
    let failure = found.expect_err(&what);
    assert_eq!(failure.code, "38000", "{what}");
    let size = i64::from(case.batch_size);
    let is_named = |row: &&&Row| {
        let first = (row.0 - 1) / size * size + 1;
        let last = (first + size - 1).min(i64::try_from(naive.len()).unwrap());
        let batch = format!("This was the batch of rows {first} to {last}. ");
        let single = format!("This was row {}. ", row.0);
        failure.hint.starts_with(if first == last { &single } else { &batch })
    };
    let told = failed.iter().find(is_named);
    let told = told.unwrap_or_else(|| panic!("{what}: no failed row: {}", failure.hint));
    if form.ordered {
        assert_eq!(told.0, failed[0].0, "{what}: not the first failure");
    }
    assert_eq!(Some(&failure.message), told.5.as_ref(), "{what}");
    let detail = without_ids(&failure.detail);
    assert_eq!(Some(&detail), told.6.as_ref(), "{what}");
}

/// Payloads have megabytes.
fn excerpt(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").chars().take(2000).collect()
}

/// As `without_ids` of `naive.sql` does it.
fn without_ids(text: &str) -> String {
    let is_id =
        |word: &str| word.len() == 36 && word.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    text.split('"').map(|word| if is_id(word) { "id" } else { word }).collect::<Vec<_>>().join("\"")
}

/// Compares each case in the forms that it gives for the case's place among them.
fn compare_all(cases: &[Case], forms: impl Fn(usize) -> Vec<Form>) {
    let mut client = session();
    client.batch_execute(include_str!("naive.sql")).unwrap();
    for (place, case) in cases.iter().enumerate() {
        let forms = forms(place);
        client
            .batch_execute(&format!(
                "TRUNCATE payloads; INSERT INTO payloads SELECT n, p FROM ({}) AS r",
                case.rows
            ))
            .unwrap();
        for json in ["json", "jsonb"] {
            let mut forms = forms.iter().filter(|form| form.json == json).peekable();
            let plain = forms.peek().map(|_| naive(&mut client, case, json)).unwrap_or_default();
            for form in forms {
                let found = many(&mut client, case, *form);
                compare(case, *form, &plain, found);
            }
        }
    }
}

const EMPTY: &str = "SELECT 1 AS n, '' AS p WHERE false";
const ONE: &str = "SELECT 1 AS n, '[1.10]' AS p";

/// Sizes around the window, with one call in flight and with more than there are rows.
#[test]
fn sets_of_every_size() {
    const WINDOW: [&str; 3] = [
        "SELECT n, n::text AS p FROM generate_series(1, 3) AS n",
        "SELECT n, n::text AS p FROM generate_series(1, 4) AS n",
        "SELECT n, n::text AS p FROM generate_series(1, 5) AS n",
    ];
    const MORE: &str = "SELECT n, n::text AS p FROM generate_series(1, 23) AS n";
    compare_all(
        &[
            case("none", EMPTY, "echo"),
            case("none", EMPTY, "echo").batches("array", 7),
            case("none", EMPTY, "picky").batches("redshift", 7),
            case("one", ONE, "echo"),
            case("one", ONE, "echo").batches("array", 7),
            case("one, at most one", ONE, "echo").window(1),
            case("window - 1", WINDOW[0], "echo"),
            case("window", WINDOW[1], "echo"),
            case("window + 1", WINDOW[2], "echo"),
            case("more, one at a time", MORE, "echo").window(1),
            case("more than there are", MORE, "echo").window(64),
        ],
        quarter_of_the_forms,
    );
}

/// Payloads are sent and shown as they are spelt, NULLs and duplicate keys among them.
#[test]
fn payloads_of_every_kind() {
    const KINDS: &str = r#"SELECT * FROM unnest(ARRAY[NULL, 'null', '1.10', '1e2', '-0', '0.0000000001',
        '12345678901234567890123', '""', '[]', '{}', ' [1 ,  2] ', '{"a": 1, "a": 2, "b": {}}',
        '"\u00e9\n\ud83d\ude00"', '"é😀"', '[[[[null]]]]', 'true', NULL]) WITH ORDINALITY AS u(p, n)"#;
    compare_all(
        &[
            case("kinds", KINDS, "echo"),
            case("kinds", KINDS, "echo").batches("array", 2),
            case("kinds", KINDS, "echo").batches("array", 7),
            case("kinds", KINDS, "echo").batches("array", 500),
        ],
        quarter_of_the_forms,
    );
}

/// Where rows fail, alone and in batches of every shape.
#[test]
fn failures_at_every_place() {
    const FAILING: [(&str, &str); 6] = [
        ("first fails", ROWS_FIRST),
        ("middle fails", ROWS_MIDDLE),
        ("last fails", ROWS_LAST),
        ("all fail", ROWS_ALL),
        ("some fail", ROWS_SOME),
        ("none fails", ROWS_NONE),
    ];
    const SHAPES: [(&str, i32); 6] = [
        ("array", 1),
        ("array", 2),
        ("array", 7),
        ("array", 500),
        ("redshift", 1),
        ("redshift", 7),
    ];
    let in_shapes =
        |(what, rows)| SHAPES.map(|(format, size)| case(what, rows, "picky").batches(format, size));
    let cases: Vec<Case> = FAILING.into_iter().flat_map(in_shapes).collect();
    // Each place of a failure and each shape meets every form.
    compare_all(&cases, |place| quarter_of_the_forms(place / SHAPES.len() + place % SHAPES.len()));
}

/// Eight rows, of which those fail that the condition names.
macro_rules! eight_rows {
    ($condition:literal) => {
        concat!(
            "SELECT n, json_build_object('n', n, 'fail', ",
            $condition,
            ")::text AS p FROM generate_series(1, 8) AS n"
        )
    };
}
const ROWS_FIRST: &str = eight_rows!("n = 1");
const ROWS_MIDDLE: &str = eight_rows!("n = 5");
const ROWS_LAST: &str = eight_rows!("n = 8");
const ROWS_ALL: &str = eight_rows!("true");
const ROWS_SOME: &str = eight_rows!("n * n % 7 = 2");
const ROWS_NONE: &str = eight_rows!("false");

/// Many windows and batches of rows, and rows of megabytes, the largest of which the service does not
/// take.
#[test]
fn many_rows_and_large_ones() {
    const WINDOWS: &str = "SELECT n, json_build_array(n, repeat('x', n % 50))::text AS p
        FROM generate_series(1, 203) AS n";
    const BATCHES: &str = "SELECT n, json_build_array(n, repeat('x', n % 50))::text AS p
        FROM generate_series(1, 1003) AS n";
    const LARGE: &str = "SELECT n, to_json(repeat('y', size))::text AS p
        FROM unnest(ARRAY[0, 2000000, 2999990, 6291454, 5, 6291457]) WITH ORDINALITY AS u(size, n)";
    let few = |json: &'static str| -> Vec<Form> {
        half_of_the_forms().into_iter().filter(|it| it.json == json && !it.raises).collect()
    };
    let windows = case("windows", WINDOWS, "echo").window(64);
    compare_all(&[windows], |_| few("json")[..1].to_vec());
    let by_seven = case("by seven", BATCHES, "echo").batches("array", 7).window(64);
    compare_all(&[by_seven], |_| few("jsonb")[..2].to_vec());
    let by_many = case("by many", BATCHES, "echo").batches("array", 250);
    compare_all(&[by_many], |_| half_of_the_forms());
    // By ARN from an array as they come, and by query in order.
    let two: Vec<Form> = few("jsonb").into_iter().step_by(3).collect();
    assert!(two.len() == 2 && two[0].by_query != two[1].by_query);
    compare_all(&[case("large", LARGE, "echo")], |_| two.clone());
}
