//! SQL's arguments: what they become, and what is wrong with them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_core::{
    ArgumentError, Arguments, Invocation, InvocationType, LogType, Region, TextArguments,
};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// The call `invoke(name, payload, third, fourth, fifth, context)` of the text overload, with the
/// defaults that PostgreSQL fills in.
fn text_call(name: &str, given: &[&str], context: Option<&str>) -> TextArguments {
    let at = |number: usize| given.get(number).map(|text| (*text).to_owned());
    TextArguments {
        function_name: some(name),
        payload: Some(b"{}".to_vec()),
        region: at(0),
        invocation_type: at(1).or_else(|| some("RequestResponse")),
        log_type: at(2).or_else(|| some("None")),
        context: context.map(str::to_owned),
        qualifier: None,
    }
}

fn checked(arguments: TextArguments) -> Result<(Invocation, Option<String>), ArgumentError> {
    let (invocation, region) = arguments.resolve()?.check()?;
    Ok((invocation, region.map(|region| region.as_str().to_owned())))
}

fn named(name: &str) -> Arguments {
    Arguments { function_name: some(name), ..Arguments::default() }
}

/// The context's JSON as it will travel, decoded again.
fn context_of(invocation: &Invocation) -> Option<String> {
    let encoded = invocation.client_context.as_deref()?;
    Some(String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap())
}

/// Every shape of AWS's printed idiom, and of the ordinary calls beside it: what stands in the
/// place of the region decides.
#[test]
fn an_invocation_type_in_the_regions_place_shifts_the_rest() {
    use {InvocationType::*, LogType::Tail};
    const CONTEXT: &str = r#"{"custom": {"a": 1}}"#;
    type Row<'a> = (
        &'a str,
        &'a [&'a str],
        Option<&'a str>,
        InvocationType,
        LogType,
        Option<&'a str>,
        Option<&'a str>,
    );
    let table: &[Row<'_>] = &[
        // name, third and following arguments, context by name => type, log type, region, context
        ("f", &[], None, RequestResponse, LogType::None, None, None),
        ("f", &["us-east-1"], None, RequestResponse, LogType::None, Some("us-east-1"), None),
        ("f", &["us-east-1", "Event"], None, Event, LogType::None, Some("us-east-1"), None),
        (
            "f",
            &["us-east-1", "RequestResponse", "Tail"],
            None,
            RequestResponse,
            Tail,
            Some("us-east-1"),
            None,
        ),
        (
            "f",
            &["us-east-1", "DryRun", "None"],
            Some(CONTEXT),
            DryRun,
            LogType::None,
            Some("us-east-1"),
            Some(CONTEXT),
        ),
        ("(f,us-east-1)", &[], None, RequestResponse, LogType::None, Some("us-east-1"), None),
        ("(f,)", &[], None, RequestResponse, LogType::None, None, None),
        (
            "(f,us-east-1)",
            &["us-east-1"],
            None,
            RequestResponse,
            LogType::None,
            Some("us-east-1"),
            None,
        ),
        ("(f,us-east-1)", &["Event"], None, Event, LogType::None, Some("us-east-1"), None),
        ("(f,us-east-1)", &["DryRun"], None, DryRun, LogType::None, Some("us-east-1"), None),
        (
            "(f,us-east-1)",
            &["RequestResponse"],
            None,
            RequestResponse,
            LogType::None,
            Some("us-east-1"),
            None,
        ),
        (
            "(f,us-east-1)",
            &["RequestResponse", "Tail"],
            None,
            RequestResponse,
            Tail,
            Some("us-east-1"),
            None,
        ),
        (
            "(f,us-east-1)",
            &["RequestResponse", "None"],
            None,
            RequestResponse,
            LogType::None,
            Some("us-east-1"),
            None,
        ),
        (
            "(f,us-east-1)",
            &["RequestResponse", "Tail", CONTEXT],
            None,
            RequestResponse,
            Tail,
            Some("us-east-1"),
            Some(CONTEXT),
        ),
        (
            "(f,us-east-1)",
            &["RequestResponse", "Tail"],
            Some(CONTEXT),
            RequestResponse,
            Tail,
            Some("us-east-1"),
            Some(CONTEXT),
        ),
        // A bare name with an invocation type third, as the newer pages print it.
        ("aws_lambda_arn_1", &["Event"], None, Event, LogType::None, None, None),
        // Third and the invocation type's default given again: still no log type.
        ("f", &["Event", "RequestResponse"], None, Event, LogType::None, None, None),
    ];
    for (name, given, named_context, kind, log, region, context) in table {
        let (invocation, found_region) = checked(text_call(name, given, *named_context))
            .unwrap_or_else(|error| panic!("{name} {given:?}: {error:?}"));
        assert_eq!(invocation.invocation_type, *kind, "{name} {given:?}");
        assert_eq!(invocation.log_type, *log, "{name} {given:?}");
        assert_eq!(found_region.as_deref(), *region, "{name} {given:?}");
        assert_eq!(context_of(&invocation).as_deref(), *context, "{name} {given:?}");
        assert_eq!(
            invocation.function.as_str(),
            name.trim_matches(['(', ')']).split(',').next().unwrap()
        );
    }
}

/// Shifted arguments are held to the rules of the places they were meant for.
#[test]
fn shifted_arguments_are_checked_where_they_belong() {
    for (given, context, argument, words) in [
        (&["Event", "Event"][..], None, "log_type", "is not a log type"),
        (&["Event", "tail"], None, "log_type", "is not a log type"),
        (&["Event", "None", "Tail"], None, "context", "is not a JSON object"),
        (&["Event", "None", "[1]"], None, "context", "is not a JSON object"),
        (&["Event", "None", "{\"a\":}"], None, "context", "is not a JSON object"),
        (&["Event", "None", "{}"], Some("{}"), "context", "was given twice"),
        (&["event"], None, "region", "is not the name of an AWS Region"),
    ] {
        let error = checked(text_call("(f,us-east-1)", given, context)).unwrap_err();
        // A region given beside the composite's is compared with it before anything else.
        if given[0] != "event" {
            assert_eq!(
                error.message,
                format!("invalid value for argument \"{argument}\""),
                "{given:?}"
            );
            assert!(error.detail.contains(words), "{given:?}: {}", error.detail);
        }
        assert!(!error.hint.is_empty(), "{given:?}");
    }
}

/// Six untyped literals are the composite overload's arguments.
#[test]
fn six_literals_are_the_composite_overloads() {
    let call = |rest: [Option<&str>; 4]| {
        let rest = rest.map(|text| text.map(str::to_owned));
        TextArguments::from_literals(some("(f,us-east-1)"), Some(b"1".to_vec()), rest)
    };
    let arguments = call([Some("RequestResponse"), Some("Tail"), None, Some("prod")]).unwrap();
    let (invocation, region) = arguments.check().unwrap();
    assert_eq!(invocation.function.as_str(), "f");
    assert_eq!(invocation.payload, b"1");
    assert_eq!(invocation.log_type, LogType::Tail);
    assert_eq!(invocation.qualifier.as_deref(), Some("prod"));
    assert_eq!(region.as_ref().map(Region::as_str), Some("us-east-1"));

    let error = call([Some("Event"), None, Some("{"), None]).unwrap_err();
    assert_eq!(error.message, "invalid value for argument \"context\"");
    // The third literal is an invocation type and nothing else.
    let error = call([Some("us-east-1"), None, None, None]).unwrap().check().unwrap_err();
    assert_eq!(error.message, "invalid value for argument \"invocation_type\"");
}

/// An explicit NULL is the argument's default.
#[test]
fn null_means_the_default() {
    let (invocation, region) = named("f").check().unwrap();
    assert_eq!(invocation.invocation_type, InvocationType::RequestResponse);
    assert_eq!(invocation.log_type, LogType::None);
    assert_eq!((invocation.client_context, invocation.qualifier, region), (None, None, None));
    assert!(invocation.payload.is_empty(), "NULL sends no body");
}

/// Only the name must be there; a record whose name is NULL has none.
#[test]
fn the_name_must_not_be_null() {
    let error = Arguments::default().check().unwrap_err();
    assert!(error.is_null);
    assert_eq!(error.message, "argument \"function_name\" must not be null");
    assert!(checked(text_call("(,us-east-1)", &[], None)).unwrap_err().is_null);
}

/// A region beside an ARN, a composite or both must be the same one.
#[test]
fn regions_must_agree() {
    let arn = "arn:aws:lambda:us-east-1:111122223333:function:f";
    for (name, region) in
        [(arn, "eu-west-1"), ("us-east-1:f", "eu-west-1"), ("(f,us-east-1)", "eu-west-1")]
    {
        let error = checked(text_call(name, &[region], None)).unwrap_err();
        assert_eq!(error.message, "invalid value for argument \"region\"", "{name}");
        assert_eq!(
            error.detail,
            "\"eu-west-1\" conflicts with the region \"us-east-1\" in function_name."
        );
        assert!(!error.is_null);
    }
    assert!(checked(text_call(arn, &["us-east-1"], None)).is_ok());
    // The record's own region against the ARN inside it.
    let error = checked(text_call(&format!("({arn},eu-west-1)"), &[], None)).unwrap_err();
    assert_eq!(error.message, "invalid value for argument \"region\"");
}

/// A qualifier beside the name's own must be the same one, and must be one at all.
#[test]
fn qualifiers_must_agree() {
    let call = |name: &str, qualifier: &str| {
        Arguments { qualifier: some(qualifier), ..named(name) }
            .check()
            .map(|(call, _)| call.qualifier)
    };
    assert_eq!(call("f:prod", "prod").unwrap().as_deref(), Some("prod"));
    assert_eq!(call("f", "$LATEST.PUBLISHED").unwrap().as_deref(), Some("$LATEST.PUBLISHED"));
    let error = call("f:prod", "7").unwrap_err();
    assert_eq!(error.detail, "\"7\" conflicts with the qualifier \"prod\" in function_name.");
    assert_eq!(error.hint, "Leave one of them out.");
    for bad in ["", "a.b", "a b", "é"] {
        assert_eq!(call("f", bad).unwrap_err().message, "invalid value for argument \"qualifier\"");
    }
}

/// The two enumerations are case-sensitive, and the hint lists what is allowed.
#[test]
fn enumerations_are_case_sensitive() {
    for bad in ["event", "EVENT", "", " Event", "Event ", "Tail"] {
        let error = Arguments { invocation_type: some(bad), ..named("f") }.check().unwrap_err();
        assert_eq!(error.message, "invalid value for argument \"invocation_type\"");
        for allowed in ["RequestResponse", "Event", "DryRun"] {
            assert!(error.hint.contains(allowed), "{}", error.hint);
        }
    }
    for bad in ["tail", "NONE", "", "Event"] {
        let error = Arguments { log_type: some(bad), ..named("f") }.check().unwrap_err();
        assert_eq!(error.message, "invalid value for argument \"log_type\"");
        assert!(error.hint.contains("None") && error.hint.contains("Tail"), "{}", error.hint);
    }
    for (kind, name) in [
        (InvocationType::RequestResponse, "RequestResponse"),
        (InvocationType::Event, "Event"),
        (InvocationType::DryRun, "DryRun"),
    ] {
        assert_eq!((kind.name(), InvocationType::from_name(name)), (name, Some(kind)));
    }
}

/// The context is an object whose base64 has at most 3,583 bytes.
#[test]
fn the_context_has_a_limit() {
    // 2,685 bytes are 3,580 of base64; one more are 3,584.
    let context = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    let call = |json: String| Arguments { context: Some(json), ..named("f") }.check();
    let (invocation, _) = call(context(2685)).unwrap();
    assert_eq!(invocation.client_context.as_deref().map(str::len), Some(3580));
    assert_eq!(context_of(&invocation), Some(context(2685)));
    let error = call(context(2686)).unwrap_err();
    assert!(
        error.detail.contains("is 3584 bytes in base64, more than the 3583"),
        "{}",
        error.detail
    );
    for bad in ["[]", "1", "null", "\"{}\""] {
        let error = call(bad.to_owned()).unwrap_err();
        assert!(error.detail.ends_with("is not a JSON object."), "{}", error.detail);
    }
    assert!(call(" \n{}".to_owned()).is_ok());
}

/// An error repeats no more than 200 bytes of a value, and none of its line ends.
#[test]
fn values_in_errors_are_cut_and_cannot_forge_lines() {
    let error = named(&"é".repeat(200)).check().unwrap_err();
    assert!(error.detail.starts_with(&format!("\"{}...\"", "é".repeat(100))), "{}", error.detail);
    let error = named("f\nLOG:  forged\u{7}").check().unwrap_err();
    assert!(error.detail.starts_with("\"f LOG:  forged \""), "{}", error.detail);
}

/// Path and query are percent-encoded as a request carries them.
#[test]
fn the_path_is_percent_encoded() {
    let path = |name: &str, qualifier: Option<&str>| {
        let qualifier = qualifier.map(str::to_owned);
        Arguments { qualifier, ..named(name) }.check().unwrap().0.path_and_query()
    };
    assert_eq!(path("my-fn_1.x", None), "/2015-03-31/functions/my-fn_1.x/invocations");
    assert_eq!(
        path("arn:aws:lambda:us-east-1:111122223333:function:f:$LATEST", Some("$LATEST")),
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A111122223333%3Afunction%3Af%3A%24LATEST\
         /invocations?Qualifier=%24LATEST"
    );
}

/// 6 MB go to a synchronous call, 1 MB to an asynchronous one, and not a byte more.
#[test]
fn payloads_have_a_limit() {
    for (kind, limit) in
        [("RequestResponse", 6_291_456), ("DryRun", 6_291_456), ("Event", 1_048_576)]
    {
        let call = |bytes: usize| {
            let arguments = Arguments { invocation_type: some(kind), ..named("f") };
            arguments.check().unwrap().0.invocation_type.check_size(bytes)
        };
        assert!(call(limit).is_ok(), "{kind}");
        let error = call(limit + 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Request must be smaller than {limit} bytes for the InvokeFunction operation")
        );
    }
}
