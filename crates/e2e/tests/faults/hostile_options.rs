//! What is wrong with the arguments of many calls is refused before the query is run or anything is
//! sent.

use crate::hostile_values::{REGIONS, recorder};
use crate::support::{Failure, Session};

/// Hostile values of every argument.
#[test]
fn hostile_values_are_refused() {
    let server = recorder();
    let mut session = Session::at(&server.url());
    let mut refused = |arguments: &str, values: &[&(dyn postgres::types::ToSql + Sync)]| {
        let sql =
            format!("SELECT * FROM aws_lambda.invoke_query(query => 'SELECT 1 / 0', {arguments})");
        let failure = Failure::from(session.client.query(&sql, values).expect_err(arguments));
        assert!(["22023", "22004"].contains(&failure.code.as_str()), "{arguments}: {failure:?}");
        assert!(failure.detail.len() < 400 && !failure.detail.contains(char::is_control));
    };
    for region in REGIONS {
        refused("function_name => 'f', region => $1::text", &[&region]);
        let arn = "function_name => aws_commons.create_lambda_function_arn('f', $1)";
        if !region.is_empty() {
            refused(arn, &[&region]);
        }
    }
    for name in ["", "f/../g", "f?x", "arn:aws:lambda:us-east-1:1:function:f\r\nX: y", "é", "a b"]
    {
        refused("function_name => $1::text", &[&name]);
    }
    for arguments in [
        "function_name => NULL::text",
        "function_name => NULL::aws_commons._lambda_function_arn_1",
        "function_name => 'f', qualifier => 'a/b'",
        "function_name => 'f', context => '[]'",
        "function_name => 'f', invocation_type => 'event'",
        "function_name => 'f', log_type => 'tail'",
        "function_name => 'f', max_concurrency => 0",
        "function_name => 'f', max_concurrency => -2147483648",
        "function_name => 'f', max_concurrency => 2147483647",
        "function_name => 'f', batch_size => 0",
        "function_name => 'f', batch_size => 2147483647",
        "function_name => 'f', max_batch_bytes => 0",
        "function_name => 'f', max_batch_bytes => 2147483647",
        "function_name => 'f', invocation_type => 'Event', max_batch_bytes => 6000000",
        "function_name => 'f', batch_format => 'ARRAY'",
        "function_name => 'f', batch_format => ''",
        "function_name => 'f', on_error => 'ignore'",
    ] {
        refused(arguments, &[]);
    }
    let null = "SELECT * FROM aws_lambda.invoke_query('f', NULL)";
    let failure = Failure::from(session.client.query(null, &[]).expect_err("a query that is NULL"));
    assert_eq!(failure.code, "22004", "{failure:?}");
    assert!(server.requests().is_empty());
    session.assert_usable();
}
