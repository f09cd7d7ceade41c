//! Every way to write a call, and how often each runs the function.

use crate::support::{on_both, quoted, value};

const HELLO: &str = r#"{"Status": "OK", "name": "bob"}"#;

on_both! {
    /// Aurora's pair and the blog's.
    fn four_functions_of_two_arguments(server) {
        let event = quoted(r#"{"name":"bob"}"#);
        for function in ["lambda_sync", "awslambda_fn"] {
            assert_eq!(value(server, &format!("SELECT {function}('lambdaTest', {event});")), HELLO);
        }
        for function in ["lambda_async", "awslambda_fn_async"] {
            let sql = format!("SELECT {function}('lambdaTest', {event}) = '';");
            assert_eq!(value(server, &sql), "1");
        }
    }
}
