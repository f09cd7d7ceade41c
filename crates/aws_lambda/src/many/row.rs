//! A row of the result.

use std::panic::AssertUnwindSafe;

use lambda_core::{Answer, ErrorObject, InvokeError, OnError};
use pg_support::record::{Columns, Record};
use pgrx::pg_sys::panic::{CaughtError, ErrorReportWithLevel};
use pgrx::prelude::*;

use crate::report;

/// What a row is made of.
pub(super) struct Row<'a> {
    /// The payload's number, from 1.
    pub(super) number: u64,
    /// The payload; `None` for NULL.
    pub(super) request: Option<&'a str>,
    /// The answer and what it says of this row, or the error.
    pub(super) result: Result<(&'a Answer, Option<&'a str>), &'a InvokeError>,
}

/// The row as a value of the function's result type.
///
/// An answer that a column cannot hold, such as `\u0000` in a `jsonb`, is PostgreSQL's own error, to
/// which the row's number is added; it becomes the row's own if errors are to be returned.
pub(super) fn form(
    row: &Row<'_>,
    columns: &Columns,
    is_jsonb: bool,
    on_error: OnError,
) -> pg_sys::Datum {
    let (answer, payload) = match row.result {
        Ok(result) => result,
        Err(error) => {
            return failed(row, columns, is_jsonb, error.status(), &report::as_json(error));
        }
    };
    // Only conversions of values run here, which hold nothing but memory.
    let formed = PgTryBuilder::new(AssertUnwindSafe(|| {
        Ok(succeeded(row, columns, is_jsonb, answer, payload))
    }))
    .catch_others(|caught| match on_error {
        OnError::Raise => raise_unusable(caught, row.number),
        OnError::Return => Err(unusable(caught, answer.request_id.as_deref())),
    })
    .execute();
    formed.unwrap_or_else(|error| failed(row, columns, is_jsonb, Some(answer.status_code), &error))
}

/// Raises the error of an answer that PostgreSQL does not take, with the row's number.
fn raise_unusable(caught: CaughtError, number: u64) -> ! {
    let error = raised(&caught);
    if is_interrupt(error) {
        caught.rethrow();
    }
    let detail = error.detail().unwrap_or_default();
    let rows = report::Rows { first: number, count: 1 };
    report::raise_unusable(error.sql_error_code(), error.message(), detail, &rows)
}

/// The error of an answer that PostgreSQL does not take. Interrupts stay what they are.
fn unusable(caught: CaughtError, request_id: Option<&str>) -> String {
    let error = raised(&caught);
    if is_interrupt(error) {
        caught.rethrow();
    }
    ErrorObject {
        kind: "InvalidAnswer",
        message: error.message(),
        sqlstate: &sqlstate(error.sql_error_code()),
        detail: error.detail().unwrap_or_default(),
        request_id,
    }
    .to_json()
}

fn raised(caught: &CaughtError) -> &ErrorReportWithLevel {
    let (CaughtError::PostgresError(error)
    | CaughtError::ErrorReport(error)
    | CaughtError::RustPanic { ereport: error, .. }) = caught;
    error
}

/// Cancels and terminations have the class 57.
fn is_interrupt(error: &ErrorReportWithLevel) -> bool {
    sqlstate(error.sql_error_code()).starts_with("57")
}

fn succeeded(
    row: &Row<'_>,
    columns: &Columns,
    is_jsonb: bool,
    answer: &Answer,
    payload: Option<&str>,
) -> pg_sys::Datum {
    begun(row, is_jsonb)
        .int(answer.status_code.into())
        .json_or_jsonb(payload, is_jsonb)
        .text(answer.executed_version.as_deref())
        .text(answer.log_result.as_deref())
        .jsonb(None)
        .into_row(columns)
}

fn failed(
    row: &Row<'_>,
    columns: &Columns,
    is_jsonb: bool,
    status: Option<u16>,
    error: &str,
) -> pg_sys::Datum {
    begun(row, is_jsonb)
        .optional_int(status.map(i32::from))
        .text(None)
        .text(None)
        .text(None)
        .jsonb(Some(error))
        .into_row(columns)
}

fn begun(row: &Row<'_>, is_jsonb: bool) -> Record {
    Record::new().bigint(row.number).json_or_jsonb(row.request, is_jsonb)
}

/// The five characters of an SQLSTATE, from PostgreSQL's six bits for each.
fn sqlstate(code: PgSqlErrorCode) -> String {
    let code = code as i32 as u32;
    (0..5)
        .map(|place| char::from_u32(((code >> (6 * place)) & 0x3f) + u32::from(b'0')))
        .map(|character| character.unwrap_or('?'))
        .collect()
}
