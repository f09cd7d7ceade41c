//! From SQL's arguments to checked calls.

use lambda_client::Calls;
use lambda_core::{ArgumentError, Arguments, ManyArguments, ManyOptions, TextArguments};
use pg_support::Arguments as SqlArguments;

use crate::invoke::json_text;
use crate::{limits, report, settings};

/// How a function is named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Overload {
    /// By a text, with a region as the third argument.
    Text,
    /// By an `aws_commons._lambda_function_arn_1`.
    Arn,
}

/// Reads and checks every argument but the payloads; raises what is wrong with one.
pub(super) fn read(sql: &SqlArguments, overload: Overload, is_jsonb: bool) -> (Calls, ManyOptions) {
    check(sql, overload, is_jsonb).unwrap_or_else(|error| report::raise_argument(error))
}

fn check(
    sql: &SqlArguments,
    overload: Overload,
    is_jsonb: bool,
) -> Result<(Calls, ManyOptions), ArgumentError> {
    let json = if is_jsonb { SqlArguments::jsonb } else { SqlArguments::json };
    let (arguments, next) = match overload {
        Overload::Text => {
            let text = TextArguments {
                function_name: sql.text(0),
                payload: None,
                region: sql.text(2),
                invocation_type: sql.text(3),
                log_type: sql.text(4),
                context: json_text(json(sql, 5)),
                qualifier: sql.text(6),
            };
            (text.resolve()?, 7)
        }
        Overload::Arn => {
            let (function_name, region) = sql.text_pair(0).unwrap_or_default();
            let arguments = Arguments {
                function_name,
                region,
                payload: None,
                invocation_type: sql.text(2),
                log_type: sql.text(3),
                context: json_text(json(sql, 4)),
                qualifier: sql.text(5),
            };
            (arguments, 6)
        }
    };
    let (invocation, region) = arguments.check()?;
    let many = ManyArguments {
        max_concurrency: sql.int(next),
        batch_size: sql.int(next + 1),
        max_batch_bytes: sql.int(next + 2),
        batch_format: sql.text(next + 3),
        on_error: sql.text(next + 4),
        ordered: sql.bool(next + 5),
    };
    let many = many.check(invocation.invocation_type)?;
    let options = settings::call_options(region);
    let most = many.max_concurrency.min(limits::max_concurrency());
    Ok((Calls { invocation, options, most }, many))
}
