//! The options of many calls.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

use lambda_core::{BatchFormat, InvocationType, ManyArguments, OnError};

#[test]
fn nothing_given_means_the_defaults() {
    for (kind, bytes) in
        [(InvocationType::RequestResponse, 6_291_456), (InvocationType::Event, 1_048_576)]
    {
        let options = ManyArguments::default().check(kind).unwrap();
        assert_eq!(
            (options.max_concurrency, options.batch_size, options.max_batch_bytes),
            (16, 1, bytes)
        );
        assert_eq!(options.batch_format, BatchFormat::Array);
        assert_eq!(options.on_error, OnError::Raise);
        assert!(options.ordered);
    }
}

#[test]
fn counts_have_bounds() {
    let check = |arguments: ManyArguments| arguments.check(InvocationType::Event).map(drop);
    for (value, good) in
        [(i32::MIN, false), (-1, false), (0, false), (1, true), (1000, true), (1001, false)]
    {
        let arguments = ManyArguments { max_concurrency: Some(value), ..ManyArguments::default() };
        assert_eq!(check(arguments).is_ok(), good, "{value}");
    }
    for (value, good) in [(0, false), (1, true), (1_048_576, true), (1_048_577, false)] {
        let arguments = ManyArguments { max_batch_bytes: Some(value), ..ManyArguments::default() };
        assert_eq!(check(arguments).is_ok(), good, "{value}");
    }
    let arguments = ManyArguments { batch_size: Some(100_001), ..ManyArguments::default() };
    let error = check(arguments).unwrap_err();
    assert_eq!(error.message, "invalid value for argument \"batch_size\"");
    assert_eq!(error.detail, "\"100001\" is not between 1 and 100000.");
}
