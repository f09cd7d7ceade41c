//! `aws_lambda.invoke_many` and `aws_lambda.invoke_query`: many calls from one statement.
//!
//! One C function for each overload. Its first call makes a [`Stream`]; each call gives a row.

mod arguments;
mod envelope;
mod row;
mod source;
mod stream;

use pg_support::Arguments as SqlArguments;
use pg_support::row_scan;
use pg_support::stream::next_row;
use pgrx::prelude::*;

use self::arguments::Overload;
use self::source::Kind;
use self::stream::Stream;
use crate::invoke::sql_functions;

sql_functions! {
    /// `invoke_many(text, json[], ...)`.
    aws_lambda_many_text_json, pg_finfo_aws_lambda_many_text_json =>
        |sql| next(sql, Overload::Text, Kind::Array, false);
    /// `invoke_many(text, jsonb[], ...)`.
    aws_lambda_many_text_jsonb, pg_finfo_aws_lambda_many_text_jsonb =>
        |sql| next(sql, Overload::Text, Kind::Array, true);
    /// `invoke_many(aws_commons._lambda_function_arn_1, json[], ...)`.
    aws_lambda_many_arn_json, pg_finfo_aws_lambda_many_arn_json =>
        |sql| next(sql, Overload::Arn, Kind::Array, false);
    /// `invoke_many(aws_commons._lambda_function_arn_1, jsonb[], ...)`.
    aws_lambda_many_arn_jsonb, pg_finfo_aws_lambda_many_arn_jsonb =>
        |sql| next(sql, Overload::Arn, Kind::Array, true);
    /// `invoke_query(text, text, ...)`.
    aws_lambda_query_text_json, pg_finfo_aws_lambda_query_text_json =>
        |sql| next(sql, Overload::Text, Kind::Query, false);
    /// `invoke_query_jsonb(text, text, ...)`.
    aws_lambda_query_text_jsonb, pg_finfo_aws_lambda_query_text_jsonb =>
        |sql| next(sql, Overload::Text, Kind::Query, true);
    /// `invoke_query(aws_commons._lambda_function_arn_1, text, ...)`.
    aws_lambda_query_arn_json, pg_finfo_aws_lambda_query_arn_json =>
        |sql| next(sql, Overload::Arn, Kind::Query, false);
    /// `invoke_query_jsonb(aws_commons._lambda_function_arn_1, text, ...)`.
    aws_lambda_query_arn_jsonb, pg_finfo_aws_lambda_query_arn_jsonb =>
        |sql| next(sql, Overload::Arn, Kind::Query, true);
    /// The support function of them all: their rows are shown as they come.
    aws_lambda_many_support, pg_finfo_aws_lambda_many_support => row_scan::support;
}

fn next(sql: &SqlArguments, overload: Overload, kind: Kind, is_jsonb: bool) -> pg_sys::Datum {
    // SAFETY: PostgreSQL is calling one of the functions above, each declared to return a set of
    // rows, and there is one type of source.
    unsafe {
        next_row(sql, |sql, memory| {
            let (calls, options) = arguments::read(sql, overload, is_jsonb);
            let source = kind.open(sql, is_jsonb, memory);
            Stream::new(source, calls, options, is_jsonb)
        })
    }
}
