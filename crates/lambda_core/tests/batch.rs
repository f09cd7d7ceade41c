//! Batches: how rows close them, what they look like, and how answers are split.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

use lambda_core::batch_answer::split;
use lambda_core::{Batch, Batcher, Envelope, InvokeError, Shape};
use proptest::prelude::*;
use serde_json::{Value, json};

fn envelope() -> Shape {
    Shape::Redshift(Envelope {
        cluster: "c\"1}".to_owned(),
        user: "u".to_owned(),
        database: "d".to_owned(),
        external_function: "f".to_owned(),
        query_id: 7,
    })
}

fn all(shape: Shape, rows: usize, bytes: usize, payloads: &[Option<&str>]) -> Vec<Batch> {
    let mut batcher = Batcher::new(shape, rows, bytes, || "an-id".to_owned());
    let mut batches = Vec::new();
    for payload in payloads {
        batches.extend(batcher.push(payload.map(str::as_bytes)));
    }
    batches.extend(batcher.finish());
    assert!(batcher.finish().is_none(), "an empty batch is none");
    batches
}

fn body(batch: &Batch) -> &str {
    std::str::from_utf8(&batch.body).unwrap()
}

#[test]
fn single_rows_travel_as_they_are() {
    let batches = all(Shape::Single, 1, 3, &[Some(" {\"a\" : 1.10}"), None, Some("2")]);
    let found: Vec<_> = batches.iter().map(|b| (b.first_row, body(b), b.rows.len())).collect();
    assert_eq!(found, [(1, " {\"a\" : 1.10}", 1), (2, "", 1), (3, "2", 1)]);
    assert_eq!((&batches[0].rows[0], &batches[1].rows[0]), (&Some(0..13), &None));
}

#[test]
fn redshift_gets_rows_of_arguments() {
    let batches = all(envelope(), 10, 1000, &[Some("[1, 2]"), Some("{\"a\":1.10}"), None]);
    assert_eq!(
        body(&batches[0]),
        "{\"request_id\":\"an-id\",\"cluster\":\"c\\\"1}\",\"user\":\"u\",\"database\":\"d\",\
         \"external_function\":\"f\",\"query_id\":7,\
         \"arguments\":[[1, 2],[{\"a\":1.10}],[null]],\"num_records\":3}"
    );
}

fn payload() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        1 => Just(None),
        4 => "[a-z\u{e9}\"\\\\{}\\[\\],]{0,12}".prop_map(|text| Some(json!(text).to_string())),
        2 => any::<i32>().prop_map(|n| Some(format!(" [{n} , 1.10]"))),
        2 => any::<u8>().prop_map(|n| Some(format!("{{\"n\":{n}}}"))),
    ]
}

proptest! {
    /// Whatever the rows and limits: each row is in one batch, in order, as it came; no batch of
    /// several rows is over a limit; and none closes while the next row would have fitted.
    #[test]
    fn batches_hold_every_row_within_the_limits(
        payloads in prop::collection::vec(payload(), 0..40),
        most_rows in 1_usize..9,
        most_bytes in 1_usize..200,
        redshift: bool,
    ) {
        let given: Vec<_> = payloads.iter().map(Option::as_deref).collect();
        let shape = if redshift { envelope() } else { Shape::Array };
        let batches = all(shape, most_rows, most_bytes, &given);
        let mut next = 1;
        for (index, batch) in batches.iter().enumerate() {
            prop_assert_eq!(batch.first_row, next);
            let value: Value = serde_json::from_slice(&batch.body).unwrap();
            let rows = if redshift { &value["arguments"] } else { &value };
            prop_assert_eq!(rows.as_array().unwrap().len(), batch.rows.len());
            prop_assert!(batch.rows.len() <= most_rows);
            prop_assert!(batch.rows.len() == 1 || batch.body.len() <= most_bytes);
            for range in &batch.rows {
                let row = range.clone().map(|range| &body(batch)[range]);
                prop_assert_eq!(row, given[usize::try_from(next).unwrap() - 1]);
                next += 1;
            }
            if index + 1 < batches.len() && batch.rows.len() < most_rows {
                let following = given[usize::try_from(next).unwrap() - 1].unwrap_or("null");
                // A comma, the row, and for Redshift its brackets and a longer count.
                let longest = batch.body.len() + following.len() + 1 + if redshift { 3 } else { 0 };
                prop_assert!(longest > most_bytes, "{} and {following}", body(batch));
            }
        }
        prop_assert_eq!(next, given.len() as u64 + 1);
    }

    /// Every array of results is split into them, byte for byte.
    #[test]
    fn results_are_what_the_function_wrote(results in prop::collection::vec(payload(), 0..20)) {
        let results: Vec<_> = results.into_iter().map(|r| r.unwrap_or("null".to_owned())).collect();
        let text = format!("[ {} ]", results.join(" ,\n"));
        let found = split(&Shape::Array, text.clone(), results.len(), "f", None).unwrap();
        let parts: Vec<_> = found.rows.iter().map(|range| found.text[range.clone()].trim()).collect();
        let expected: Vec<_> = results.iter().map(|result| result.trim()).collect();
        prop_assert_eq!(&parts, &expected);
        let answer = format!("{{\"success\": true, \"results\": {text}}}");
        let quoted = json!(answer).to_string();
        for answer in [answer, quoted] {
            let found = split(&envelope(), answer, results.len(), "f", None).unwrap();
            let parts: Vec<_> = found.rows.iter().map(|range| found.text[range.clone()].trim()).collect();
            prop_assert_eq!(&parts, &expected);
        }
    }

    /// No answer makes it panic.
    #[test]
    fn any_answer_is_split_or_refused(text in ".{0,60}", rows in 0_usize..4, redshift: bool) {
        let shape = if redshift { envelope() } else { Shape::Array };
        if let Ok(found) = split(&shape, text, rows, "f", None) {
            prop_assert_eq!(found.rows.len(), rows);
        }
    }
}

fn refused(shape: &Shape, text: &str, rows: usize) -> String {
    split(shape, text.to_owned(), rows, "f", Some("id")).unwrap_err().to_string()
}

#[test]
fn wrong_answers_are_named() {
    assert_eq!(
        refused(&Shape::Array, "[1]", 2),
        "\"f\" returned 1 result for a batch of 2 rows: \"[1]\"."
    );
    assert_eq!(
        refused(&Shape::Array, "[]", 1),
        "\"f\" returned 0 results for a batch of 1 row: \"[]\"."
    );
    assert_eq!(
        refused(&Shape::Array, "{}", 1),
        "\"f\" returned an answer to a batch that is not a JSON array: \"{}\"."
    );
    let shape = envelope();
    for (answer, problem) in [
        ("[true,null,null,[1]]", "an answer to a batch that is not a JSON object"),
        ("{\"results\":[1]}", "an answer that is not Amazon Redshift's (missing field `success`)"),
        ("{\"success\":true}", "an answer without \"results\""),
        ("{\"success\":true,\"results\":[]}", "0 results for a batch of 1 row"),
        (
            "{\"success\":true,\"num_records\":2,\"results\":[1]}",
            "num_records 2 for a batch of 1 row",
        ),
    ] {
        assert_eq!(refused(&shape, answer, 1), format!("\"f\" returned {problem}: \"{answer}\"."));
    }
    let failure =
        split(&shape, "{\"success\":false,\"error_msg\":\"no luck\"}".to_owned(), 1, "f", None);
    assert!(matches!(
        failure,
        Err(InvokeError::Function { kind, payload, .. }) if kind == "Handled" && payload == "no luck"
    ));
}
