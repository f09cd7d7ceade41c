//! A batch's answer becomes one result for each row.

use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::batch::Shape;
use crate::error::InvokeError;
use crate::text::cut;

/// Bytes of an unusable answer that an error repeats.
const EXCERPT_BYTES: usize = 200;

/// An answer, and where the rows' results are in it, byte for byte as the function wrote them.
#[derive(Clone, Debug)]
pub struct Results {
    /// JSON text.
    pub text: String,
    /// One for each row, in order.
    pub rows: Vec<Range<usize>>,
}

/// Why an answer has no result for each row.
enum Problem {
    /// It is not what a batch is answered with.
    Form(String),
    /// It says that the function failed.
    Failure(String),
}

/// Splits `text`, the answer to a batch of `rows` rows.
///
/// # Errors
/// [`InvokeError::Batch`] when the answer has another form or length, [`InvokeError::Function`]
/// when a Redshift answer says that the function failed; both name `function`, as called, and
/// `request_id`.
pub fn split(
    shape: &Shape,
    text: String,
    rows: usize,
    function: &str,
    request_id: Option<&str>,
) -> Result<Results, InvokeError> {
    let (text, found) = match shape {
        Shape::Single => {
            return Ok(Results { rows: std::iter::once(0..text.len()).collect(), text });
        }
        Shape::Array => {
            let found = array(&text);
            (text, found)
        }
        Shape::Redshift(_) => {
            let text = unquoted(text);
            let found = redshift(&text, rows);
            (text, found)
        }
    };
    let problem = match found {
        Ok(found) if found.len() == rows => return Ok(Results { text, rows: found }),
        Ok(found) => Problem::Form(format!(
            "{} for a batch of {}",
            counted(found.len(), "result"),
            counted(rows, "row")
        )),
        Err(problem) => problem,
    };
    let (function, request_id) = (function.to_owned(), request_id.map(str::to_owned));
    Err(match problem {
        Problem::Form(problem) => {
            let excerpt = cut(&text, EXCERPT_BYTES);
            InvokeError::Batch { function, problem, excerpt, request_id }
        }
        Problem::Failure(payload) => {
            InvokeError::Function { function, kind: "Handled".to_owned(), payload, request_id }
        }
    })
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn array(text: &str) -> Result<Vec<Range<usize>>, Problem> {
    let values: Vec<&RawValue> = serde_json::from_str(text)
        .map_err(|_| Problem::Form("an answer to a batch that is not a JSON array".to_owned()))?;
    Ok(ranges(text, &values))
}

/// What a function written for Redshift answers. Its own `num_records` is often left out.
#[derive(Deserialize)]
struct RedshiftAnswer<'a> {
    success: bool,
    #[serde(default)]
    error_msg: Value,
    num_records: Option<u64>,
    #[serde(borrow)]
    results: Option<Vec<&'a RawValue>>,
}

fn redshift(text: &str, rows: usize) -> Result<Vec<Range<usize>>, Problem> {
    if !text.trim_ascii_start().starts_with('{') {
        // serde would take the members of an array for those of the object.
        return Err(Problem::Form("an answer to a batch that is not a JSON object".to_owned()));
    }
    let answer: RedshiftAnswer = serde_json::from_str(text).map_err(|error| {
        Problem::Form(format!("an answer that is not Amazon Redshift's ({})", reason(&error)))
    })?;
    if !answer.success {
        return Err(Problem::Failure(match answer.error_msg {
            Value::String(message) => message,
            Value::Null => "success is false, and there is no error_msg".to_owned(),
            other => other.to_string(),
        }));
    }
    let Some(results) = answer.results else {
        return Err(Problem::Form("an answer without \"results\"".to_owned()));
    };
    if let Some(count) = answer.num_records.filter(|count| *count != rows as u64) {
        return Err(Problem::Form(format!(
            "num_records {count} for a batch of {}",
            counted(rows, "row")
        )));
    }
    Ok(ranges(text, &results))
}

/// serde's own words, without the place: the text is shown beside them.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Functions written in Python answer `json.dumps(...)`: a string that holds the object.
fn unquoted(text: String) -> String {
    if !text.trim_ascii_start().starts_with('"') {
        return text;
    }
    serde_json::from_str(&text).unwrap_or(text)
}

/// Where values that were borrowed from `text` are in it.
fn ranges(text: &str, values: &[&RawValue]) -> Vec<Range<usize>> {
    let base = text.as_ptr() as usize;
    let range = |value: &&RawValue| {
        let start = value.get().as_ptr() as usize - base;
        start..start + value.get().len()
    };
    values.iter().map(range).collect()
}
