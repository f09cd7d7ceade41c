//! The text form of `aws_commons._lambda_function_arn_1`, against PostgreSQL's rules for writing it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

use lambda_core::composite::parse;
use proptest::option;
use proptest::prelude::*;

/// Writes a record of two texts as PostgreSQL's `record_out` does: a field is quoted when it is
/// empty or holds white space or one of `"\(),`; in quotes, `"` and `\` are doubled.
fn record_out(fields: [Option<&str>; 2]) -> String {
    let written = fields.map(|field| match field {
        None => String::new(),
        Some(text) => {
            let special = |c: char| {
                matches!(
                    c,
                    '"' | '\\' | '(' | ')' | ',' | ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c'
                )
            };
            if !text.is_empty() && !text.contains(special) {
                return text.to_owned();
            }
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""))
        }
    });
    format!("({})", written.join(","))
}

fn owned(fields: [Option<&str>; 2]) -> (Option<String>, Option<String>) {
    let [first, second] = fields.map(|field| field.map(str::to_owned));
    (first, second)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// What PostgreSQL writes is read back as it was.
    #[test]
    fn what_postgresql_writes_is_read_back(
        first in option::of("[a-c\"\\\\(), \t\n'é:$.-]{0,8}"),
        second in option::of("[a-c\"\\\\(), \t\n'é:$.-]{0,8}"),
    ) {
        let fields = [first.as_deref(), second.as_deref()];
        prop_assert_eq!(parse(&record_out(fields)), Some(owned(fields)));
    }

    /// No text makes it panic, and only texts in parentheses are read.
    #[test]
    fn only_parentheses_are_read(text in "[a(),\"\\\\ é]{0,12}") {
        let trimmed = text.trim_ascii();
        if parse(&text).is_some() {
            prop_assert!(trimmed.starts_with('(') && trimmed.ends_with(')'), "{:?}", text);
        }
    }
}

/// What `SELECT create_lambda_function_arn(...)` prints, and AWS's pages pass on.
#[test]
fn the_documented_text_forms() {
    for (text, fields) in [
        ("(my-function,us-east-1)", [Some("my-function"), Some("us-east-1")]),
        ("(my-function,)", [Some("my-function"), None]),
        ("(,us-east-1)", [None, Some("us-east-1")]),
        ("(,)", [None, None]),
        ("(\"\",\"\")", [Some(""), Some("")]),
        ("(\"a b\",r)", [Some("a b"), Some("r")]),
        ("(\"a\"\"b\\\\c\",r)", [Some("a\"b\\c"), Some("r")]),
        ("(a\"b,\"c,r)", [Some("ab,c"), Some("r")]),
        ("  (f,r)\n", [Some("f"), Some("r")]),
        ("(f:$LATEST,r)", [Some("f:$LATEST"), Some("r")]),
    ] {
        assert_eq!(parse(text), Some(owned(fields)), "{text}");
    }
}

/// Anything else is a name, to be judged as one.
#[test]
fn other_texts_are_no_records() {
    for text in [
        "",
        "my-function",
        "my-function,us-east-1",
        "(",
        "()",
        "(f)",
        "(f,r",
        "f,r)",
        "(f,r,x)",
        "(f,r)x",
        "(f,r))",
        "(\"f,r)",
        "(f,\"r)",
        "(f,r\\",
        "(f,r\\)",
        "((f,r)",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
}
