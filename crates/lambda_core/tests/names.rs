//! Function names, regions and qualifiers against the patterns that the service itself prints.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

use std::sync::LazyLock;

use lambda_core::name::check_qualifier;
use lambda_core::{FunctionName, Region};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use regex::{Captures, Regex};

/// The service's pattern for `FunctionName`, verbatim.
const NAME: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
/// The service's pattern for `Qualifier`, verbatim.
const QUALIFIER: &str = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";
/// The part of the name's pattern that is a region.
const REGION: &str = r"(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}";

/// Numbers of the name pattern's groups.
mod group {
    pub const ARN: usize = 1;
    pub const REGION: usize = 3;
    pub const ACCOUNT: usize = 9;
    pub const FUNCTION: usize = 10;
    pub const NAME: usize = 11;
    pub const QUALIFIER: usize = 13;
}

static NAME_PATTERN: LazyLock<Regex> = LazyLock::new(|| whole(NAME));
static QUALIFIER_PATTERN: LazyLock<Regex> = LazyLock::new(|| whole(QUALIFIER));
static REGION_PATTERN: LazyLock<Regex> = LazyLock::new(|| whole(REGION));

/// The service matches whole texts, and its `\d` is ASCII.
fn whole(pattern: &str) -> Regex {
    Regex::new(&format!(r"\A(?:{})\z", pattern.replace(r"\d", "[0-9]"))).unwrap()
}

/// Names that match the pattern and that we refuse nevertheless.
fn is_refused_nevertheless(text: &str, parts: &Captures<'_>) -> bool {
    let lacks = |number: usize| parts.get(number).is_none();
    // The service refuses an incomplete ARN too, by other means than its pattern.
    let incomplete_arn = !lacks(group::ARN)
        && [group::REGION, group::ACCOUNT, group::FUNCTION].map(lacks).contains(&true);
    // Steps in a path, not names.
    let step = matches!(&parts[group::NAME], "." | "..");
    incomplete_arn || step || text.len() > 256
}

fn check_name(text: &str) -> Result<(), TestCaseError> {
    let parsed = FunctionName::parse(text);
    let Some(parts) = NAME_PATTERN.captures(text).filter(|p| !is_refused_nevertheless(text, p))
    else {
        prop_assert!(parsed.is_err(), "{text:?} does not match the pattern and was accepted");
        return Ok(());
    };
    let Ok(name) = parsed else {
        return Err(TestCaseError::fail(format!("{text:?} matches the pattern and was refused")));
    };
    prop_assert_eq!(name.as_str(), text);
    let region = parts.get(group::REGION).map(|part| part.as_str().trim_end_matches(':'));
    prop_assert_eq!(name.region().map(Region::as_str), region, "region of {:?}", text);
    let qualifier = parts.get(group::QUALIFIER).map(|part| part.as_str());
    prop_assert_eq!(name.qualifier(), qualifier, "qualifier of {:?}", text);
    Ok(())
}

const REGIONS: &[&str] = &[
    "us-east-1",
    "ap-southeast-2",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-isob-east-1",
    "eu-isoe-west-1",
    "us-isof-south-1",
    "eusc-de-east-1",
    "cn-north-1",
    "us-gov-1",
    // Near misses.
    "us-east-11",
    "us-east",
    "usa-east-1",
    "US-east-1",
    "us-isobb-east-1",
    "eusc-east-1",
    "us--east-1",
    "us-east-1-",
    "-us-east-1",
    "us-govx-west-1",
    "eusc-eusc-de-east-1",
    "us-e.st-1",
];
const PARTITIONS: &[&str] =
    &["aws", "aws-cn", "aws-us-gov", "aws-iso-b", "", "awsx", "AWS", "aws1"];
const ACCOUNTS: &[&str] =
    &["111122223333", "000000000000", "11112222333", "1111222233334", "11112222333x"];
const NAMES: &[&str] = &[
    "f",
    "my-function",
    "my_function",
    "a.b",
    "..a",
    "...",
    "7",
    "function",
    "arn",
    "lambda",
    "111122223333",
    "us-east-1",
    ".",
    "..",
    "",
    "a b",
    "a/b",
    "é",
    "a\n",
    "$LATEST",
    "(f,r)",
    "a%2e",
];
const QUALIFIERS: &[&str] = &[
    "$LATEST",
    "$LATEST.PUBLISHED",
    "7",
    "prod",
    "a_b-C",
    "us-east-1",
    "111122223333",
    "function",
    "$LATES",
    "$latest",
    "$",
    "",
    "a.b",
    "a b",
    "$LATEST.published",
    "é",
    "a$",
];

/// A name put together in the right order, each part there or not, right or nearly right.
fn composed() -> impl Strategy<Value = String> {
    let parts = (
        option::of(select(PARTITIONS)),
        option::of(select(REGIONS)),
        option::of(select(ACCOUNTS)),
        any::<bool>(),
        select(NAMES),
        option::of(select(QUALIFIERS)),
    );
    parts.prop_map(|(partition, region, account, function, name, qualifier)| {
        let mut text = partition.map_or(String::new(), |it| format!("arn:{it}:lambda:"));
        for part in [region, account, function.then_some("function")].into_iter().flatten() {
            text.push_str(part);
            text.push(':');
        }
        text.push_str(name);
        if let Some(qualifier) = qualifier {
            text.push(':');
            text.push_str(qualifier);
        }
        text
    })
}

/// Parts of names in any order and number.
fn shuffled() -> impl Strategy<Value = String> {
    let all =
        [&["arn", "lambda", "function"][..], REGIONS, PARTITIONS, ACCOUNTS, NAMES, QUALIFIERS];
    vec(select(all.concat()), 1..7).prop_map(|parts| parts.join(":"))
}

/// A full ARN with one character replaced, taken away or put in.
fn damaged() -> impl Strategy<Value = String> {
    let whole = "arn:aws:lambda:us-east-1:111122223333:function:my-function:7";
    let insert = select("a1-_.:$A é/%@#\\".chars().collect::<Vec<_>>());
    (0..=whole.len(), 0_usize..2, option::of(insert)).prop_map(move |(at, removed, insert)| {
        let end = (at + removed).min(whole.len());
        let insert = insert.map_or(String::new(), String::from);
        format!("{}{insert}{}", &whole[..at], &whole[end..])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// A name is accepted exactly when the service's pattern matches it and it is no known
    /// exception; its region and qualifier are the pattern's.
    #[test]
    fn names_composed_of_parts_follow_the_pattern(text in composed()) {
        check_name(&text)?;
    }

    /// The same for parts in any order.
    #[test]
    fn names_of_shuffled_parts_follow_the_pattern(text in shuffled()) {
        check_name(&text)?;
    }

    /// The same for ARNs with one character wrong.
    #[test]
    fn damaged_arns_follow_the_pattern(text in damaged()) {
        check_name(&text)?;
    }

    /// The same for any text at all, which also must not panic.
    #[test]
    fn arbitrary_text_follows_the_pattern(text in "\\PC{0,40}") {
        check_name(&text)?;
    }

    /// A region is what the region part of the pattern matches, up to 32 characters.
    #[test]
    fn regions_follow_the_pattern(
        text in "(eusc-)?[a-z]{1,3}(-(gov|iso[a-z]?[a-z]?|isoé))?-?[a-z]{0,8}-[0-9a]{1,2}-?",
    ) {
        let expected = REGION_PATTERN.is_match(&text) && text.len() <= 32;
        prop_assert_eq!(Region::is_valid(&text), expected, "{:?}", &text);
        prop_assert_eq!(text.parse::<Region>().is_ok(), expected, "{:?}", &text);
    }

    /// A qualifier is what its pattern matches, up to 128 characters.
    #[test]
    fn qualifiers_follow_the_pattern(text in "(\\$LATEST)?(\\.PUBLISHED)?[a-zA-Z0-9$_-]{0,4}[.é ]?") {
        prop_assert_eq!(check_qualifier(&text).is_ok(), QUALIFIER_PATTERN.is_match(&text), "{:?}", text);
    }
}

/// Every combination of a partition, a region, an account and `function:`, each there or not,
/// right or nearly right, with a few names and qualifiers.
#[test]
fn every_combination_of_parts_follows_the_pattern() {
    let parts = |list: &[&str]| {
        list.iter().map(|part| format!("{part}:")).chain([String::new()]).collect::<Vec<_>>()
    };
    let mut accepted = 0;
    for partition in PARTITIONS.iter().map(|it| format!("arn:{it}:lambda:")).chain([String::new()])
    {
        for region in parts(REGIONS) {
            for account in parts(ACCOUNTS) {
                for rest in [
                    "f",
                    "function:f",
                    "function:f:7",
                    "f:$LATEST",
                    "function:f:$LATES",
                    "function:.",
                ] {
                    let text = format!("{partition}{region}{account}{rest}");
                    check_name(&text).unwrap();
                    accepted += usize::from(FunctionName::parse(&text).is_ok());
                }
            }
        }
    }
    assert!(accepted > 100, "{accepted}");
}

/// The lists that the generators draw from hold both what is accepted and what is refused.
#[test]
fn the_generators_reach_both_sides_of_the_pattern() {
    for (list, pattern) in
        [(REGIONS, &REGION_PATTERN), (NAMES, &NAME_PATTERN), (QUALIFIERS, &QUALIFIER_PATTERN)]
    {
        assert!(list.iter().any(|text| pattern.is_match(text)));
        assert!(list.iter().any(|text| !pattern.is_match(text)));
    }
}

/// Every region in the list is judged as its pattern judges it.
#[test]
fn listed_regions_follow_the_pattern() {
    for text in REGIONS {
        assert_eq!(Region::is_valid(text), REGION_PATTERN.is_match(text), "{text}");
    }
}

/// A region is refused where it could lead a request to another host, or is too long for one.
#[test]
fn a_region_cannot_name_a_host() {
    let long = format!("us-{}-1", "a".repeat(40));
    for text in
        ["", "us-east-1.evil.com", "us-east-1/x", "us-east-1#", "evil.com#", "us-east-1@x", &long]
    {
        let error = text.parse::<Region>().unwrap_err();
        assert_eq!(error.message, "invalid value for argument \"region\"");
        assert!(error.hint.contains("us-east-1"), "{}", error.hint);
    }
}

/// 256 characters are a name, 257 are not; the error says the rule.
#[test]
fn a_name_has_at_most_256_characters() {
    assert!(FunctionName::parse(&"a".repeat(256)).is_ok());
    let error = FunctionName::parse(&"a".repeat(257)).unwrap_err();
    assert!(error.detail.ends_with(" is longer than 256 characters."), "{}", error.detail);
    assert!(error.detail.len() < 300, "the value is cut: {}", error.detail);
}

/// 128 characters are a qualifier, 129 are not, and the empty text is none.
#[test]
fn a_qualifier_has_1_to_128_characters() {
    assert!(check_qualifier(&"a".repeat(128)).is_ok());
    assert!(check_qualifier(&"a".repeat(129)).is_err());
    assert!(check_qualifier("").is_err());
}

/// The names of AWS's own pages, each with its region and qualifier.
#[test]
fn the_documented_forms_of_a_name() {
    let full = "arn:aws:lambda:us-west-2:123456789012:function:my-function";
    for (text, region, qualifier) in [
        ("my-function", None, None),
        ("my-function:v1", None, Some("v1")),
        ("123456789012:function:my-function", None, None),
        ("123456789012:my-function", None, None),
        ("us-west-2:123456789012:function:my-function", Some("us-west-2"), None),
        ("us-west-2:my-function", Some("us-west-2"), None),
        (full, Some("us-west-2"), None),
        (&format!("{full}:$LATEST"), Some("us-west-2"), Some("$LATEST")),
        ("arn:aws-cn:lambda:cn-north-1:123456789012:function:f:1", Some("cn-north-1"), Some("1")),
        // What follows reads as a name only without the optional part.
        ("function:$LATEST", None, Some("$LATEST")),
        ("us-west-2:$LATEST", None, Some("$LATEST")),
    ] {
        let name = FunctionName::parse(text).unwrap();
        assert_eq!(
            (name.region().map(Region::as_str), name.qualifier()),
            (region, qualifier),
            "{text}"
        );
    }
}
