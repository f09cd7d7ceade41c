//! From our errors to PostgreSQL's: SQLSTATE, MESSAGE, DETAIL and HINT.
//!
//! MESSAGE and the shape of DETAIL are AWS's, because programs match on them. The HINT is ours.

use std::fmt;

use lambda_core::limits::ANSWER_BYTES;
use lambda_core::{ArgumentError, ErrorObject, InvokeError, Stage};
use pg_support::encoding::for_report;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode, function_name};

use crate::limits;

/// Raises an argument's error: 22023, or 22004 for a NULL.
pub(crate) fn raise_argument(error: ArgumentError) -> ! {
    let code = if error.is_null {
        PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED
    } else {
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE
    };
    raise_report(code, error.message, &error.detail, &error.hint)
}

/// Raises a call's error: 38000, external routine exception.
pub(crate) fn raise(error: &InvokeError) -> ! {
    raise_call(error, hint(error))
}

/// Raises the error of a call for some of a statement's rows, which the HINT names.
pub(crate) fn raise_rows(error: &InvokeError, rows: &Rows) -> ! {
    raise_call(error, format!("{rows} {}", hint(error)))
}

fn raise_call(error: &InvokeError, hint: String) -> ! {
    if let InvokeError::NotAllowed { function, resolved } = error {
        raise_not_allowed(function, resolved);
    }
    let (message, detail) = message_and_detail(error);
    let code = PgSqlErrorCode::ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
    raise_report(code, message.to_owned(), &detail, &hint)
}

/// Raises PostgreSQL's own error for an answer that a column cannot hold.
pub(crate) fn raise_unusable(code: PgSqlErrorCode, message: &str, detail: &str, rows: &Rows) -> ! {
    let hint = format!("{rows} The function ran, but its answer does not fit into the result.");
    raise_report(code, message.to_owned(), detail, &hint)
}

/// A call's error as the value of a row: what raising it would say.
pub(crate) fn as_json(error: &InvokeError) -> String {
    let (message, detail) = message_and_detail(error);
    ErrorObject {
        kind: error.kind(),
        message,
        sqlstate: "38000",
        detail: &for_report(&detail),
        request_id: error.request_id(),
    }
    .to_json()
}

/// The rows that one call was made for.
pub(crate) struct Rows {
    /// The first one's number; rows count from 1.
    pub(crate) first: u64,
    /// How many they are.
    pub(crate) count: usize,
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, count } = self;
        match count {
            1 => write!(f, "This was row {first}."),
            _ => write!(f, "This was the batch of rows {first} to {}.", first + *count as u64 - 1),
        }
    }
}

fn message_and_detail(error: &InvokeError) -> (&'static str, String) {
    if error.is_function_failure() {
        ("lambda invocation failed", error.to_string())
    } else {
        ("invoke API failed", format!("AWS Lambda client returned '{error}'."))
    }
}

/// Raises 42501. What is allowed is told to superusers only.
fn raise_not_allowed(function: &str, resolved: &str) -> ! {
    // SAFETY: looks the current user up, on the main thread.
    let hint = if unsafe { pgrx::pg_sys::superuser() } {
        let patterns = limits::patterns().unwrap_or_default();
        format!("aws_lambda.allowed_functions is \"{patterns}\".")
    } else {
        "Ask a superuser to add it to aws_lambda.allowed_functions.".to_owned()
    };
    let code = PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE;
    let message = format!("permission denied for Lambda function \"{function}\"");
    raise_report(code, message, &format!("{resolved}."), &hint)
}

/// Raises 42501 for a role that may not delete everybody's counts.
pub(crate) fn raise_reset_denied() -> ! {
    let code = PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE;
    let detail = "Only roles with privileges of the role \"pg_read_all_stats\" may reset them.";
    let message = "permission denied to reset the statistics of aws_lambda".to_owned();
    raise_report(code, message, detail, "")
}

/// Raises 55000 where the counts have no memory, as `pg_stat_statements` does.
pub(crate) fn raise_no_statistics() -> ! {
    let code = PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
    let message =
        "statistics need aws_lambda to be loaded via \"shared_preload_libraries\"".to_owned();
    let hint = "Add aws_lambda to shared_preload_libraries and restart the server. PostgreSQL 17 \
                and later count without it.";
    raise_report(code, message, "", hint)
}

fn raise_report(code: PgSqlErrorCode, message: String, detail: &str, hint: &str) -> ! {
    let mut report = ErrorReport::new(code, message, function_name!());
    if !detail.is_empty() {
        report = report.set_detail(for_report(detail));
    }
    if !hint.is_empty() {
        report = report.set_hint(for_report(hint));
    }
    report.report(PgLogLevel::ERROR);
    unreachable!("an ERROR does not return")
}

/// What the service said about itself, and what to do next.
fn hint(error: &InvokeError) -> String {
    match error {
        InvokeError::Function { payload, request_id, .. } => {
            let advice = if payload.contains("Sandbox.Timedout") {
                "The function ran into its own timeout, which is part of its configuration."
            } else {
                "The function itself failed; its log says more."
            };
            format!("{advice}{}", request(request_id.as_deref()))
        }
        InvokeError::AnswerTooLarge { limit, request_id, .. } if *limit < ANSWER_BYTES => format!(
            "The function ran, but aws_lambda.max_response_bytes lets no larger answer in.{}",
            request(request_id.as_deref())
        ),
        InvokeError::Answer { request_id, .. } | InvokeError::AnswerTooLarge { request_id, .. } => {
            format!(
                "The function ran, but its answer must be JSON in UTF-8 of at most 6 MB.{}",
                request(request_id.as_deref())
            )
        }
        InvokeError::Batch { request_id, .. } => format!(
            "The function ran, but must answer a batch with one result for each of its rows, in \
             their order.{}",
            request(request_id.as_deref())
        ),
        InvokeError::Connect { endpoint, cause } => format!(
            "{endpoint}: {cause}. The function did not run. Check aws_lambda.endpoint_override, \
             the Region, DNS, the proxy if there is one, and that the network lets the database \
             server out to this port."
        ),
        InvokeError::Timeout { stage: Stage::Answer, .. } => {
            "The function may still be running. Raise aws_lambda.request_timeout_ms, or use the \
             invocation type 'Event'."
                .to_owned()
        }
        InvokeError::Timeout { stage: Stage::Connection, .. } => {
            "The request was not sent. Raise aws_lambda.request_timeout_ms.".to_owned()
        }
        InvokeError::Timeout { stage: Stage::Credentials, .. } => {
            "The request was not sent: no source of AWS credentials had answered. Outside of AWS, \
             set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a profile, and \
             AWS_EC2_METADATA_DISABLED=true, in the environment of the database server."
                .to_owned()
        }
        InvokeError::Interrupted { cause } => format!(
            "{cause}. The function may have run: a request that was sent is not sent again."
        ),
        InvokeError::Service { status, code, request_id, .. } => {
            let code = if code.is_empty() { "No error code" } else { code };
            format!(
                "{code}, HTTP status {status}.{} {}",
                request(request_id.as_deref()),
                next_step(*status, code)
            )
        }
        InvokeError::PayloadTooLarge { size, .. } => {
            format!("The payload has {size} bytes. Nothing was sent.")
        }
        InvokeError::Credentials(_) => {
            "Give the database server an IAM role, or AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY or a profile in the environment of its process."
                .to_owned()
        }
        InvokeError::NoRegion => {
            "Pass the region, set aws_lambda.region, or set AWS_REGION in the environment of the \
             database server."
                .to_owned()
        }
        InvokeError::NotAllowed { .. } | InvokeError::Endpoint(_) | InvokeError::Client(_) => {
            String::new()
        }
    }
}

fn request(id: Option<&str>) -> String {
    id.map(|id| format!(" Request id: {}.", lambda_core::cut(id, 100))).unwrap_or_default()
}

fn next_step(status: u16, code: &str) -> &'static str {
    match (status, code) {
        (_, "AccessDeniedException") => {
            "Allow the action lambda:InvokeFunction on this function to the role of the database \
             server."
        }
        (_, "UnrecognizedClientException" | "InvalidSignatureException") => {
            "Check the credentials and the clock of the database server."
        }
        (_, code) if code.starts_with("ExpiredToken") => {
            "The credentials of the database server have expired; renew them at their source."
        }
        (404, _) => "Check the name, the qualifier and the Region.",
        (407, _) => {
            "The proxy that HTTP_PROXY names refuses: give it http://user:password@host:port."
        }
        (413, _) => "Send less, or a reference to the data.",
        (429, _) => {
            "The function did not run. Raise its concurrency, or aws_lambda.max_attempts and \
             aws_lambda.request_timeout_ms."
        }
        (300..=399, _) => "Redirects are never followed: set the endpoint to the final address.",
        (500.., _) => "The failure is the service's; try again.",
        _ => "",
    }
}
