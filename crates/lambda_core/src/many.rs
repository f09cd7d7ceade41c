//! The arguments that `invoke_many` and `invoke_query` have beside those of `invoke`.

use crate::error::ArgumentError;
use crate::invocation::InvocationType;

/// Most calls of one statement that may be in flight: the concurrency of a new AWS account.
pub const MOST_CONCURRENCY: usize = 1_000;

/// Most rows of a batch.
pub const MOST_BATCH_ROWS: usize = 100_000;

const DEFAULT_CONCURRENCY: usize = 16;

/// The arguments as they came; `None` is SQL NULL, which means the argument's default.
#[derive(Clone, Debug, Default)]
pub struct ManyArguments {
    /// How many calls may be in flight.
    pub max_concurrency: Option<i32>,
    /// How many rows a request may have.
    pub batch_size: Option<i32>,
    /// How many bytes a request may have.
    pub max_batch_bytes: Option<i32>,
    /// `array` or `redshift`.
    pub batch_format: Option<String>,
    /// `raise` or `return`.
    pub on_error: Option<String>,
    /// Whether rows come back in the order of their payloads.
    pub ordered: Option<bool>,
}

/// How rows travel in a batch.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum BatchFormat {
    /// A JSON array of payloads, answered by an array of results.
    #[default]
    Array,
    /// Amazon Redshift's envelope.
    Redshift,
}

/// What a failed call does.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnError {
    /// Ends the statement.
    #[default]
    Raise,
    /// Gives its rows an error.
    Return,
}

/// The checked options.
#[derive(Clone, Debug)]
pub struct ManyOptions {
    /// How many calls may be in flight.
    pub max_concurrency: usize,
    /// How many rows a request may have; 1 sends each payload as it is.
    pub batch_size: usize,
    /// How many bytes a request of several rows may have.
    pub max_batch_bytes: usize,
    /// How rows travel.
    pub batch_format: BatchFormat,
    /// What a failed call does.
    pub on_error: OnError,
    /// Whether rows come back in the order of their payloads.
    pub ordered: bool,
}

impl ManyArguments {
    /// Checks every argument; `kind` decides how long a request may be.
    ///
    /// # Errors
    /// [`ArgumentError`], naming the argument and the rule it breaks.
    pub fn check(self, kind: InvocationType) -> Result<ManyOptions, ArgumentError> {
        let limit = kind.payload_limit();
        Ok(ManyOptions {
            max_concurrency: count(
                "max_concurrency",
                self.max_concurrency,
                DEFAULT_CONCURRENCY,
                MOST_CONCURRENCY,
            )?,
            batch_size: count("batch_size", self.batch_size, 1, MOST_BATCH_ROWS)?,
            max_batch_bytes: count("max_batch_bytes", self.max_batch_bytes, limit, limit)?,
            batch_format: match self.batch_format.as_deref() {
                None | Some("array") => BatchFormat::Array,
                Some("redshift") => BatchFormat::Redshift,
                Some(other) => {
                    return Err(ArgumentError::invalid("batch_format", other, "is not a format")
                        .with_hint("Use 'array' or 'redshift'; case matters."));
                }
            },
            on_error: match self.on_error.as_deref() {
                None | Some("raise") => OnError::Raise,
                Some("return") => OnError::Return,
                Some(other) => {
                    let rule = "is not what can be done on an error";
                    return Err(ArgumentError::invalid("on_error", other, rule)
                        .with_hint("Use 'raise' or 'return'; case matters."));
                }
            },
            ordered: self.ordered.unwrap_or(true),
        })
    }
}

fn count(
    argument: &str,
    value: Option<i32>,
    default: usize,
    most: usize,
) -> Result<usize, ArgumentError> {
    let Some(value) = value else { return Ok(default) };
    usize::try_from(value).ok().filter(|count| (1..=most).contains(count)).ok_or_else(|| {
        let rule = format!("is not between 1 and {most}");
        ArgumentError::invalid(argument, &value.to_string(), &rule)
    })
}
