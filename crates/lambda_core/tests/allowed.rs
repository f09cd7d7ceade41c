//! The list of functions that may be called.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

use lambda_core::{AllowedFunctions, Arguments, InvokeError, Region};
use proptest::option;
use proptest::prelude::*;

const OWN: &str = "111122223333";

/// Whether a call is allowed by `patterns`. The region is the name's, or else `region`.
fn allows(patterns: &str, name: &str, qualifier: Option<&str>, region: &str) -> bool {
    let arguments = Arguments {
        function_name: Some(name.to_owned()),
        qualifier: qualifier.map(str::to_owned),
        ..Arguments::default()
    };
    let (call, named) = arguments.check().unwrap_or_else(|error| panic!("{name}: {error}"));
    let region = named.unwrap_or_else(|| region.parse().unwrap());
    let allowed = AllowedFunctions::parse(patterns).unwrap();
    call.check_allowed(allowed.as_ref(), &region).is_ok()
}

#[test]
fn an_empty_list_allows_everything_and_an_unreadable_one_nothing() {
    assert_eq!(AllowedFunctions::parse("").unwrap(), None);
    let (call, _) =
        Arguments { function_name: Some("f".to_owned()), ..Arguments::default() }.check().unwrap();
    let region: Region = "us-east-1".parse().unwrap();
    assert!(call.check_allowed(None, &region).is_ok());
    let nothing = AllowedFunctions::nothing();
    assert!(call.check_allowed(Some(&nothing), &region).is_err());
}

/// Each form of a pattern, with what it allows and what it does not.
#[test]
fn patterns_cover_what_they_say() {
    let arn = |region: &str, account: &str, name: &str| {
        format!("arn:aws:lambda:{region}:{account}:function:{name}")
    };
    let east = |name: &str| arn("us-east-1", OWN, name);
    let cases: &[(&str, &[&str], &[&str])] = &[
        // A name: the own account, any region, no qualifier.
        (
            "app-*",
            &["app-", "app-x", "function:app-x", "eu-west-1:app-x"],
            &[
                "app",
                "xapp-x",
                "APP-x",
                "app-x:prod",
                "app-x:$LATEST",
                &east("app-x"),
                "111122223333:app-x",
            ],
        ),
        ("a*c*e", &["ace", "abcde", "aXcYcZe"], &["ac", "abde", "acex"]),
        ("app:prod", &["app:prod"], &["app", "app:dev", "app:$LATEST"]),
        ("app:*", &["app:prod", "app:$LATEST", "app:1"], &["app"]),
        ("app, app:*", &["app", "app:prod"], &["app2"]),
        // A partial ARN: that account, any region.
        (
            "111122223333:function:f",
            &["111122223333:function:f", "111122223333:f", &east("f"), &arn("eu-west-1", OWN, "f")],
            &["f", "444455556666:f", &east("f:1"), &east("g")],
        ),
        ("*:function:f", &["f", &east("f"), "444455556666:f"], &["g"]),
        ("1111*:function:f", &["111122223333:f"], &["f", "444455556666:f"]),
        // An ARN.
        (
            "arn:aws:lambda:us-east-1:111122223333:function:f",
            &[
                &east("f"),
                "111122223333:f",
                "us-east-1:111122223333:f",
                "arn::lambda:us-east-1:111122223333:function:f",
            ],
            &["f", &arn("eu-west-1", OWN, "f"), "eu-west-1:111122223333:f", &east("f:1")],
        ),
        ("arn:aws:lambda:us-east-1:*:function:*", &["f", &east("f")], &["f:1", "eu-west-1:f"]),
        ("arn:aws:lambda:eu-*:*:function:*", &["eu-west-1:f", "eu-north-1:f"], &["f"]),
        // The region decides the partition, whatever the caller writes.
        (
            "arn:aws-us-gov:lambda:*:*:function:f",
            &["us-gov-west-1:f", &arn("us-gov-west-1", OWN, "f")],
            &["f", "arn:aws-us-gov:lambda:us-east-1:111122223333:function:f", "cn-north-1:f"],
        ),
        ("arn:*:lambda:*:*:function:*:*", &["f:1", "cn-north-1:f:x", &east("f:1")], &["f"]),
        // Alone, as in a policy.
        ("*", &["f", "f:1", &east("f:1"), "444455556666:f"], &[]),
        ("g, *", &["f:1"], &[]),
    ];
    for (patterns, good, bad) in cases {
        for name in *good {
            assert!(allows(patterns, name, None, "us-east-1"), "{patterns} must allow {name}");
        }
        for name in *bad {
            assert!(!allows(patterns, name, None, "us-east-1"), "{patterns} must not allow {name}");
        }
    }
    assert!(!allows("app", "app", Some("prod"), "us-east-1"), "a qualifier beside the name counts");
    assert!(allows("app:prod", "app", Some("prod"), "us-east-1"));
    assert!(allows("app:prod", "app:prod", Some("prod"), "us-east-1"));
}

#[test]
fn what_is_no_pattern_is_refused() {
    for (list, said) in [
        (" ", "\"\" is not name"),
        (",", "\"\" is not name"),
        ("f,", "\"\" is not name"),
        ("f g", "\"f g\" is not name"),
        ("f;g", "is not name"),
        ("f?", "is not name"),
        ("'f'", "is not name"),
        ("é", "is not name"),
        ("a:b:c", "is not name"),
        ("f:", "a qualifier that is not"),
        (":f", "is not name"),
        ("111122223333:function", "\"111122223333:function\""),
        ("1111:function:f", "an account that is not 12 digits"),
        (":function:f", "an account that is not 12 digits"),
        ("us-east-1:111122223333:function:f", "is not name"),
        ("arn:aws:lambda:us-east-1:111122223333:f", "is not name"),
        ("arn:aws:s3:us-east-1:111122223333:function:f", "is not name"),
        ("arn:aws:lambda:US-EAST-1:111122223333:function:f", "a Region that is not one"),
        ("arn:aws:lambda:us-east:111122223333:function:f", "a Region that is not one"),
        ("arn:AWS:lambda:us-east-1:111122223333:function:f", "a partition that is not one"),
        ("arn:aws:lambda:us-east-1:111122223333:function:f:1:2", "is not name"),
        ("arn:*", "is not name"),
        ("function:f", "is not name"),
        ("us-east-1:f", "is not name"),
        ("111122223333:f", "is not name"),
    ] {
        let error = AllowedFunctions::parse(list).expect_err(list);
        assert!(error.to_string().contains(said), "{list}: {error}");
    }
}

/// The error says what the call was resolved to, and nothing of the list.
#[test]
fn the_error_tells_the_call_and_not_the_list() {
    let allowed = AllowedFunctions::parse("secret-*").unwrap();
    let arguments = Arguments {
        function_name: Some("444455556666:app".to_owned()),
        qualifier: Some("prod".to_owned()),
        ..Arguments::default()
    };
    let (call, _) = arguments.check().unwrap();
    let error = call.check_allowed(allowed.as_ref(), &"eu-west-1".parse().unwrap()).unwrap_err();
    let InvokeError::NotAllowed { function, resolved } = &error else { panic!("{error:?}") };
    assert_eq!(function, "444455556666:app");
    assert_eq!(
        resolved,
        "It is the function app, qualifier prod, of account 444455556666, in eu-west-1"
    );
    assert!(!error.may_retry() && !error.is_function_failure());
    assert!(!format!("{error} {error:?}").contains("secret"));
}

fn pattern() -> impl Strategy<Value = String> {
    let name = "[ab*]{1,4}";
    prop_oneof![
        name.prop_map(String::from),
        (name, "[12$*]{1,2}").prop_map(|(name, qualifier)| format!("{name}:{qualifier}")),
        ("(\\*|1\\*|111122223333)", name)
            .prop_map(|(account, name)| { format!("{account}:function:{name}") }),
        ("(\\*|aws|aws-cn)", "(\\*|eu-\\*|us-east-1)", "(\\*|111122223333)", name).prop_map(
            |(partition, region, account, name)| {
                format!("arn:{partition}:lambda:{region}:{account}:function:{name}")
            }
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    /// However one call is written, the verdict is the same.
    #[test]
    fn no_spelling_gets_around_a_list(
        patterns in proptest::collection::vec(pattern(), 1..4),
        name in "[ab]{1,4}",
        account in option::of(Just(OWN)),
        region in "(us-east-1|eu-west-1|cn-north-1)",
        qualifier in option::of("[12]{1,2}"),
    ) {
        let patterns = patterns.join(",");
        let mut names = match account {
            None => vec![
                name.clone(),
                format!("function:{name}"),
                format!("{region}:{name}"),
                format!("{region}:function:{name}"),
            ],
            Some(account) => vec![
                format!("{account}:{name}"),
                format!("{account}:function:{name}"),
                format!("{region}:{account}:{name}"),
                format!("{region}:{account}:function:{name}"),
                format!("arn:aws:lambda:{region}:{account}:function:{name}"),
                format!("arn::lambda:{region}:{account}:function:{name}"),
                format!("arn:awsX-y:lambda:{region}:{account}:function:{name}"),
            ],
        };
        if let Some(qualifier) = &qualifier {
            let with: Vec<_> = names.iter().map(|name| format!("{name}:{qualifier}")).collect();
            names.extend(with);
        }
        let first = allows(&patterns, &names[0], qualifier.as_deref(), &region);
        for name in names {
            let verdict = allows(&patterns, &name, qualifier.as_deref(), &region);
            prop_assert_eq!(verdict, first, "{} by {}", name, patterns);
        }
    }

    /// `*` means what it means in a regular expression as `.*`.
    #[test]
    fn a_star_is_any_characters(pattern in "[ab*]{1,8}", name in "[ab]{1,10}") {
        let expression = format!("^{}$", pattern.replace('*', ".*"));
        let expected = regex::Regex::new(&expression).unwrap().is_match(&name);
        prop_assert_eq!(allows(&pattern, &name, None, "us-east-1"), expected);
    }

    /// No text makes the reader panic, and what it takes is not empty.
    #[test]
    fn no_list_panics(list in "\\PC{0,60}") {
        let _either_way = AllowedFunctions::parse(&list);
    }
}
