//! A row of the result.

use std::panic::AssertUnwindSafe;

use lambda_core::{Answer, ErrorObject, InvokeError, OnError};
use pg_support::record::{Columns, Record};
use pgrx::pg_sys::panic::CaughtError;
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
/// An answer that a column cannot hold, such as `\u0000` in a `jsonb`, is PostgreSQL's own error;
/// it becomes the row's own if errors are to be returned.
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
    if on_error == OnError::Raise {
        return succeeded(row, columns, is_jsonb, answer, payload);
    }
    // Only conversions of values run here, which hold nothing but memory.
    let formed = PgTryBuilder::new(AssertUnwindSafe(|| {
        Ok(succeeded(row, columns, is_jsonb, answer, payload))
    }))
    .catch_others(|caught| Err(unusable(caught)))
    .execute();
    formed.unwrap_or_else(|error| failed(row, columns, is_jsonb, Some(answer.status_code), &error))
}

/// The error of an answer that PostgreSQL does not take. Interrupts stay what they are.
fn unusable(caught: CaughtError) -> String {
    let (CaughtError::PostgresError(error)
    | CaughtError::ErrorReport(error)
    | CaughtError::RustPanic { ereport: error, .. }) = &caught;
    let sqlstate = sqlstate(error.sql_error_code());
    if sqlstate.starts_with("57") {
        caught.rethrow();
    }
    ErrorObject {
        kind: "InvalidAnswer",
        message: error.message(),
        sqlstate: &sqlstate,
        detail: error.detail().unwrap_or_default(),
        request_id: None,
    }
    .to_json()
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
