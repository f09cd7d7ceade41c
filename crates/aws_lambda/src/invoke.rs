//! `aws_lambda.invoke`: one C function for each overload.

use lambda_core::{Answer, ArgumentError, Arguments, TextArguments};
use pg_support::{Arguments as SqlArguments, Record};
use pgrx::prelude::*;

use crate::{backend, report, settings};

/// Declares C functions for PostgreSQL: the entry point, and the record that says which calling
/// convention it has.
macro_rules! sql_functions {
    ($($(#[$doc:meta])* $name:ident, $info:ident => $body:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// Called by PostgreSQL, through the SQL declaration in `sql/`.
        #[pg_guard]
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
            // SAFETY: PostgreSQL passes the running call, and the script in `sql/` declares the
            // types that the body reads.
            let arguments = unsafe { SqlArguments::new(call) };
            let body: fn(&SqlArguments) -> pg_sys::Datum = $body;
            body(&arguments)
        }

        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $info() -> &'static pg_sys::Pg_finfo_record {
            &pg_sys::Pg_finfo_record { api_version: 1 }
        }
    )*};
}

pub(crate) use sql_functions;

sql_functions! {
    /// `invoke(text, json, ...)`.
    aws_lambda_invoke_text_json, pg_finfo_aws_lambda_invoke_text_json =>
        |sql| json_row(sql, text_overload(sql, SqlArguments::json).resolve());
    /// `invoke(text, jsonb, ...)`.
    aws_lambda_invoke_text_jsonb, pg_finfo_aws_lambda_invoke_text_jsonb =>
        |sql| jsonb_row(sql, text_overload(sql, SqlArguments::jsonb).resolve());
    /// `invoke(aws_commons._lambda_function_arn_1, json, ...)`.
    aws_lambda_invoke_arn_json, pg_finfo_aws_lambda_invoke_arn_json =>
        |sql| json_row(sql, Ok(arn_overload(sql, SqlArguments::json)));
    /// `invoke(aws_commons._lambda_function_arn_1, jsonb, ...)`.
    aws_lambda_invoke_arn_jsonb, pg_finfo_aws_lambda_invoke_arn_jsonb =>
        |sql| jsonb_row(sql, Ok(arn_overload(sql, SqlArguments::jsonb)));
    /// `invoke` with six untyped literals, and a json payload.
    aws_lambda_invoke_literals_json, pg_finfo_aws_lambda_invoke_literals_json =>
        |sql| json_row(sql, literal_overload(sql, SqlArguments::json));
    /// `invoke` with six untyped literals, and a jsonb payload.
    aws_lambda_invoke_literals_jsonb, pg_finfo_aws_lambda_invoke_literals_jsonb =>
        |sql| jsonb_row(sql, literal_overload(sql, SqlArguments::jsonb));
}

/// Reads an argument of the overload's JSON type.
type ReadJson = fn(&SqlArguments, usize) -> Option<Vec<u8>>;

fn text_overload(sql: &SqlArguments, json: ReadJson) -> TextArguments {
    TextArguments {
        function_name: sql.text(0),
        payload: json(sql, 1),
        region: sql.text(2),
        invocation_type: sql.text(3),
        log_type: sql.text(4),
        context: json_text(json(sql, 5)),
        qualifier: sql.text(6),
    }
}

fn arn_overload(sql: &SqlArguments, json: ReadJson) -> Arguments {
    let (function_name, region) = sql.text_pair(0).unwrap_or_default();
    Arguments {
        function_name,
        region,
        payload: json(sql, 1),
        invocation_type: sql.text(2),
        log_type: sql.text(3),
        context: json_text(json(sql, 4)),
        qualifier: sql.text(5),
    }
}

fn literal_overload(sql: &SqlArguments, json: ReadJson) -> Result<Arguments, ArgumentError> {
    TextArguments::from_literals(sql.literal(0), json(sql, 1), [2, 3, 4, 5].map(|n| sql.literal(n)))
}

/// JSON that PostgreSQL holds is valid UTF-8 once converted.
pub(crate) fn json_text(json: Option<Vec<u8>>) -> Option<String> {
    json.map(|json| String::from_utf8_lossy(&json).into_owned())
}

fn json_row(sql: &SqlArguments, arguments: Result<Arguments, ArgumentError>) -> pg_sys::Datum {
    let answer = invoke(arguments);
    let row = Record::new().int(answer.status_code.into()).text(answer.payload.as_deref());
    finish(row, sql, &answer)
}

fn jsonb_row(sql: &SqlArguments, arguments: Result<Arguments, ArgumentError>) -> pg_sys::Datum {
    let answer = invoke(arguments);
    let row = Record::new().int(answer.status_code.into()).jsonb(answer.payload.as_deref());
    finish(row, sql, &answer)
}

fn finish(row: Record, sql: &SqlArguments, answer: &Answer) -> pg_sys::Datum {
    row.text(answer.executed_version.as_deref()).text(answer.log_result.as_deref()).into_datum(sql)
}

/// Checks the arguments and makes the call; raises what goes wrong.
fn invoke(arguments: Result<Arguments, ArgumentError>) -> Answer {
    let (invocation, region) = match arguments.and_then(Arguments::check) {
        Ok(checked) => checked,
        Err(error) => report::raise_argument(error),
    };
    match backend::call(invocation, settings::call_options(region)) {
        Ok(answer) => answer,
        Err(error) => report::raise(&error),
    }
}
