//! The idioms of AWS's pages: the text form of a `_lambda_function_arn_1` as a name, and arguments
//! that stand one place too early.

use crate::support::{Failure, Session};

/// What arrives: status, client context, name and region in the ARN, log or none.
const ARRIVED: &str = "SELECT status_code, payload::jsonb->'client_context'->'custom',
    payload::jsonb->>'invoked_function_arn', log_result IS NOT NULL FROM aws_lambda.invoke";

const SHIFTED: &str = "An invocation type in the third place means that the arguments are \
    function_name, payload, invocation_type, log_type, context, qualifier.";

/// A call that works: its status, context, the rest of the function's ARN, and whether it has a log.
#[track_caller]
fn arrives(session: &mut Session, call: &str, status: i32, context: &str, arn: &str, log: bool) {
    for json in ["json", "jsonb"] {
        let call = call.replace("PAYLOAD", &format!("'{{}}'::{json}"));
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        let arn = if arn.is_empty() { String::new() } else { format!("arn:aws:lambda:{arn}") };
        let expected = [
            given(status.to_string()),
            given(context.to_owned()),
            given(arn),
            given(if log { "t" } else { "f" }.to_owned()),
        ];
        assert_eq!(session.row(&format!("{ARRIVED}({call})")), expected, "{call}");
    }
}

/// The name may be the text form of the composite, with everything that PostgreSQL's own text form
/// of a row can hold; its region counts.
#[test]
fn a_name_in_the_text_form_of_the_composite_is_read_as_one() {
    let mut session = Session::new();
    let arns = [
        ("'(inspect,us-east-1)'", "us-east-1:000000000000:function:inspect"),
        ("'(inspect,eu-west-1)'", "eu-west-1:000000000000:function:inspect"),
        ("'(inspect,)'", "us-east-1:000000000000:function:inspect"),
        ("'(\"inspect\",\"eu-west-1\")'", "eu-west-1:000000000000:function:inspect"),
        ("'(000000000000:function:inspect,)'", "us-east-1:000000000000:function:inspect"),
        ("'(inspect:$LATEST,eu-west-1)'", "eu-west-1:000000000000:function:inspect:$LATEST"),
        (
            "'(arn:aws:lambda:eu-west-1:000000000000:function:inspect,)'",
            "eu-west-1:000000000000:function:inspect",
        ),
        ("' (inspect,us-east-1) '", "us-east-1:000000000000:function:inspect"),
        (
            "aws_commons.create_lambda_function_arn('inspect', 'eu-west-1')::text",
            "eu-west-1:000000000000:function:inspect",
        ),
    ];
    for (name, arn) in arns {
        arrives(&mut session, &format!("{name}, PAYLOAD"), 200, "", arn, false);
    }
    let same = "'(inspect,eu-west-1)', PAYLOAD, 'eu-west-1'";
    arrives(&mut session, same, 200, "", "eu-west-1:000000000000:function:inspect", false);
    let other = "'(inspect,)', PAYLOAD, 'eu-west-1'";
    arrives(&mut session, other, 200, "", "eu-west-1:000000000000:function:inspect", false);
}

/// An invocation type in the region's place shifts every argument by one, in each length of call.
#[test]
fn an_invocation_type_in_the_place_of_the_region_shifts_the_rest() {
    const INSPECT: &str = "us-east-1:000000000000:function:inspect";
    const CONTEXT: &str = r#"'{"custom": {"a": 1}}'"#;
    let mut session = Session::new();
    for name in ["'(inspect,us-east-1)'", "'inspect'", "'inspect'::text"] {
        let mut arrives = |rest: &str, status: i32, context: &str, log: bool| {
            let arn = if status == 200 { INSPECT } else { "" };
            arrives(&mut session, &format!("{name}, PAYLOAD, {rest}"), status, context, arn, log);
        };
        arrives("'RequestResponse'", 200, "", false);
        arrives("'Event'", 202, "", false);
        arrives("'DryRun'", 204, "", false);
        arrives("'Event'::text", 202, "", false);
        arrives("region => 'Event'", 202, "", false);
        arrives("'RequestResponse', 'None'", 200, "", false);
        arrives("'RequestResponse', 'Tail'", 200, "", true);
        arrives("'RequestResponse', NULL", 200, "", false);
        arrives("'Event', 'None'", 202, "", false);
        arrives(&format!("'RequestResponse', 'None', {CONTEXT}"), 200, r#"{"a": 1}"#, false);
        arrives(&format!("'RequestResponse', 'Tail', {CONTEXT}"), 200, r#"{"a": 1}"#, true);
        arrives(
            &format!("'RequestResponse', 'Tail', ' \n{}'", CONTEXT.trim_matches('\'')),
            200,
            r#"{"a": 1}"#,
            true,
        );
        arrives("'RequestResponse', 'Tail', NULL", 200, "", true);
        arrives(&format!("'Event', 'None', {CONTEXT}"), 202, "", false);
        arrives(&format!("'RequestResponse', context => {CONTEXT}"), 200, r#"{"a": 1}"#, false);
        arrives(
            &format!("'RequestResponse', 'Tail', context => {CONTEXT}"),
            200,
            r#"{"a": 1}"#,
            true,
        );
        arrives("'Event', qualifier => '$LATEST'", 202, "", false);
        // Not shifted: the region's place holds a region, or nothing.
        arrives("'us-east-1', 'Event'", 202, "", false);
        arrives("NULL, 'Event'", 202, "", false);
        arrives("'us-east-1', 'RequestResponse', 'Tail'", 200, "", true);
        arrives("invocation_type => 'Event'", 202, "", false);
    }
}

/// With a qualifier, as printed: six untyped literals around the payload.
#[test]
fn six_untyped_literals_are_those_of_the_composite_overload() {
    const QUALIFIED: &str = "us-east-1:000000000000:function:inspect:$LATEST";
    let mut session = Session::new();
    for name in ["'(inspect,us-east-1)'", "'inspect'"] {
        let mut arrives = |rest: &str, status: i32, context: &str, arn: &str, log: bool| {
            arrives(&mut session, &format!("{name}, PAYLOAD, {rest}"), status, context, arn, log);
        };
        arrives("'RequestResponse', 'None', NULL, '$LATEST'", 200, "", QUALIFIED, false);
        let context = r#"'RequestResponse', 'Tail', '{"custom": {"b": [2]}}', '$LATEST'"#;
        arrives(context, 200, r#"{"b": [2]}"#, QUALIFIED, true);
        let unqualified = QUALIFIED.trim_end_matches(":$LATEST");
        arrives("NULL, NULL, NULL, NULL", 200, "", unqualified, false);
        arrives("'Event', 'None', NULL, '$LATEST'", 202, "", "", false);
        arrives("'DryRun', NULL, NULL, NULL", 204, "", "", false);
    }
}

/// A shifted argument that cannot be what it must be is refused under its true name.
#[test]
fn shifted_arguments_are_refused_under_their_true_names() {
    let mut session = Session::new();
    let mut refused = |rest: &str, name: &str, detail: &str, hint: &str| {
        for json in ["json", "jsonb"] {
            let failure = session.fail(&format!(
                "SELECT * FROM aws_lambda.invoke('inspect', '{{}}'::{json}, {rest})"
            ));
            assert_eq!(failure, Failure::argument(name, detail, hint), "{rest}");
        }
    };
    let log_types = "Use 'None' or 'Tail'; case matters.";
    let types = "Use 'RequestResponse', 'Event' or 'DryRun'; case matters.";
    refused("'Event', 'tail'", "log_type", "\"tail\" is not a log type.", log_types);
    refused("'Event', 'us-east-1'", "log_type", "\"us-east-1\" is not a log type.", log_types);
    refused("'Event', 'None', 'x'", "context", "\"x\" is not a JSON object.", SHIFTED);
    refused("'Event', 'None', '[1]'", "context", "\"[1]\" is not a JSON object.", SHIFTED);
    refused(
        "'Event', 'None', '{\"a\":}'",
        "context",
        "\"{\"a\":}\" is not a JSON object.",
        SHIFTED,
    );
    let twice = "'Event', 'None', '{\"a\":1}', context => '{}'";
    refused(twice, "context", "\"{\"a\":1}\" was given twice.", SHIFTED);
    // With six untyped literals nothing is shifted.
    let region = "'us-east-1', 'Event', NULL, '1'";
    refused(region, "invocation_type", "\"us-east-1\" is not an invocation type.", types);
    refused("'Event', 'x', NULL, '1'", "log_type", "\"x\" is not a log type.", log_types);
    refused("'Event', 'None', '1', '1'", "context", "\"1\" is not a JSON object.", "");
    refused("'Event', 'None', '{]', '1'", "context", "\"{]\" is not a JSON object.", "");
    let qualifiers = "A qualifier is a version number, an alias, or $LATEST.";
    refused(
        "'Event', 'None', NULL, 'a b'",
        "qualifier",
        "\"a b\" is not a version or alias.",
        qualifiers,
    );
    // Case matters: this is no invocation type, and so must be a region.
    let regions = "A Region looks like us-east-1 or eu-central-1.";
    refused("'event'", "region", "\"event\" is not the name of an AWS Region.", regions);
}

/// A text form that contradicts an argument, or is none, is refused.
#[test]
fn a_contradicting_or_broken_text_form_is_refused() {
    let mut session = Session::new();
    let mut fails = |call: &str| session.fail(&format!("SELECT * FROM aws_lambda.invoke({call})"));
    let conflict = "\"us-east-1\" conflicts with the region \"eu-west-1\" in function_name.";
    let expected = Failure::argument("region", conflict, "Leave one of them out.");
    assert_eq!(fails("'(inspect,eu-west-1)', '{}'::json, 'us-east-1'"), expected);
    let null = Failure::of("22004", "argument \"function_name\" must not be null", "", "");
    assert_eq!(fails("'(,us-east-1)', '{}'::json"), null);
    assert_eq!(fails("'(,)', '{}'::json, 'Event'"), null);
    for name in [
        "(inspect)",
        "(inspect,us-east-1",
        "(inspect,us-east-1,x)",
        "inspect,us-east-1",
        "(a b,us-east-1)",
    ] {
        let failure = fails(&format!("'{name}', '{{}}'::json"));
        assert_eq!(failure.message, "invalid value for argument \"function_name\"", "{name}");
    }
    let region = fails("'(inspect,nowhere)', '{}'::json");
    assert_eq!(region.message, "invalid value for argument \"region\"");
}
