//! Every argument that breaks a rule is refused before anything is sent, with its name, its value
//! and the rule.

use e2e::RawServer;

use crate::support::{Failure, Session};

const NAMES: &str = "Use a name (my-function), a partial ARN (111122223333:function:my-function) \
    or an ARN (arn:aws:lambda:us-east-1:111122223333:function:my-function), each with an optional \
    :version or :alias.";
const REGIONS: &str = "A Region looks like us-east-1 or eu-central-1.";
const TYPES: &str = "Use 'RequestResponse', 'Event' or 'DryRun'; case matters.";
const LOG_TYPES: &str = "Use 'None' or 'Tail'; case matters.";
const QUALIFIERS: &str = "A qualifier is a version number, an alias, or $LATEST.";
const CONTEXTS: &str = "Lambda reads the members \"client\", \"custom\" and \"env\".";
const ONE_OF_THEM: &str = "Leave one of them out.";

/// A session whose calls go to a server that must hear nothing, and the proof of that.
struct Deaf {
    session: Session,
    server: RawServer,
}

impl Deaf {
    fn new() -> Self {
        let server = RawServer::start(|connection| connection.read_request().map(drop)).unwrap();
        let mut session = Session::new();
        session.go_to(&server.url());
        Self { session, server }
    }

    /// The call is refused in all overloads that take these arguments; then one is made.
    #[track_caller]
    fn refuses(&mut self, name: &str, rest: &str, expected: &Failure) {
        for json in ["json", "jsonb"] {
            let rest = rest.replace("JSON", json);
            let name = quoted(name);
            for function in
                [name.clone(), format!("aws_commons.create_lambda_function_arn({name})")]
            {
                if function != name && rest.contains("region =>") {
                    continue;
                }
                let call =
                    format!("SELECT * FROM aws_lambda.invoke({function}, '{{}}'::{json}{rest})");
                assert_eq!(self.session.fail(&call), *expected, "{call}");
            }
        }
        self.session.go_to("");
        self.session.assert_usable();
        self.session.go_to(&self.server.url());
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.server.connections(), 0, "something was sent");
            self.session.go_to("");
            self.session.assert_usable();
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Names that break the service's grammar, or are longer than it takes.
#[test]
fn function_name() {
    let mut deaf = Deaf::new();
    for name in [
        "",
        " ",
        "my function",
        "f\n",
        "é",
        "f:1:2",
        "f:",
        ":f",
        "../f",
        "..",
        "f/g",
        "f?x=1",
        "f#1",
        "f%2e",
        "'; --",
        "arn:aws:lambda:us-east-1:function:f",
        "arn:aws:lambda:us-east-1:12345:function:f",
        "arn:aws:s3:::bucket",
        "arn:aws:lambda:us-east-1:000000000000:f",
        "arn:aws:lambda:nowhere:000000000000:function:f",
    ] {
        let shown = name.replace('\n', " ");
        let detail = format!("\"{shown}\" is not a function name, partial ARN or ARN.");
        deaf.refuses(name, "", &Failure::argument("function_name", &detail, NAMES));
    }
    let long = "f".repeat(257);
    let detail = format!("\"{}...\" is longer than 256 characters.", &long[..200]);
    deaf.refuses(&long, "", &Failure::argument("function_name", &detail, NAMES));
    let null = Failure::of("22004", "argument \"function_name\" must not be null", "", "");
    for name in [
        "NULL::text",
        "NULL::aws_commons._lambda_function_arn_1",
        "aws_commons.create_lambda_function_arn(NULL, 'us-east-1')",
    ] {
        let call = format!("SELECT * FROM aws_lambda.invoke({name}, '1'::json)");
        assert_eq!(deaf.session.fail(&call), null);
    }
}

/// Regions: the grammar, which keeps a region from naming another host, and the conflict with an
/// ARN's.
#[test]
fn region() {
    let mut deaf = Deaf::new();
    for region in [
        "",
        "nowhere",
        "US-EAST-1",
        "us-east-1 ",
        "us-east-1.evil.example/",
        "us-east-1#",
        "us-east-11",
    ] {
        let detail = format!("\"{region}\" is not the name of an AWS Region.");
        let expected = Failure::argument("region", &detail, REGIONS);
        deaf.refuses("f", &format!(", region => '{region}'"), &expected);
        let made = format!(
            "SELECT * FROM aws_lambda.invoke(aws_commons.create_lambda_function_arn('f', '{region}'), '1'::json)"
        );
        assert_eq!(deaf.session.fail(&made), expected);
    }
    let detail = "\"us-east-1\" conflicts with the region \"eu-west-1\" in function_name.";
    let expected = Failure::argument("region", detail, ONE_OF_THEM);
    for name in [
        "arn:aws:lambda:eu-west-1:000000000000:function:f",
        "eu-west-1:000000000000:function:f",
        "eu-west-1:f",
    ] {
        deaf.refuses(name, ", region => 'us-east-1'", &expected);
        let made = format!(
            "SELECT * FROM aws_lambda.invoke(aws_commons.create_lambda_function_arn('{name}', 'us-east-1'), '1'::json)"
        );
        assert_eq!(deaf.session.fail(&made), expected);
    }
}

/// Invocation and log types: case and space matter.
#[test]
fn invocation_type_and_log_type() {
    let mut deaf = Deaf::new();
    for value in ["", "event", "EVENT", "Event ", "requestresponse", "None", "x"] {
        let detail = format!("\"{value}\" is not an invocation type.");
        let expected = Failure::argument("invocation_type", &detail, TYPES);
        deaf.refuses("f", &format!(", invocation_type => '{value}'"), &expected);
    }
    for value in ["", "tail", "TAIL", " Tail", "Event", "RequestResponse"] {
        let detail = format!("\"{value}\" is not a log type.");
        let expected = Failure::argument("log_type", &detail, LOG_TYPES);
        deaf.refuses("f", &format!(", log_type => '{value}'"), &expected);
    }
}

/// The client context is a JSON object, and fits into its header.
#[test]
fn context() {
    let mut deaf = Deaf::new();
    for value in ["[1]", "1", "null", "\"x\"", "true"] {
        let detail = format!("\"{value}\" is not a JSON object.",);
        let expected = Failure::argument("context", &detail, CONTEXTS);
        deaf.refuses("f", &format!(", context => '{value}'::JSON"), &expected);
    }
    // 3,583 bytes of base64 are 2,685 of JSON, at most.
    let object =
        |bytes: usize| format!("{{\"custom\": {{\"a\": \"{}\"}}}}", "x".repeat(bytes - 21));
    let large = object(2_686);
    let detail = format!(
        "\"{}...\" is 3584 bytes in base64, more than the 3583 that Lambda takes.",
        &large[..200]
    );
    let expected =
        Failure::argument("context", &detail, "Move what the function needs into the payload.");
    deaf.refuses("f", &format!(", context => '{large}'::JSON"), &expected);
    drop(deaf);
    let arrives = format!(
        "SELECT length(payload->'client_context'->'custom'->>'a') FROM aws_lambda.invoke('inspect', '1'::json, context => '{}')",
        object(2_685)
    );
    assert_eq!(Session::new().text(&arrives), "2664");
}

/// Qualifiers: the grammar, the length, and the conflict with the name's own.
#[test]
fn qualifier() {
    let mut deaf = Deaf::new();
    for value in ["", "a b", "1.2", "é", "a/b", "a:b", "1&x=2"] {
        let detail = format!("\"{value}\" is not a version or alias.");
        let expected = Failure::argument("qualifier", &detail, QUALIFIERS);
        deaf.refuses("f", &format!(", qualifier => '{value}'"), &expected);
    }
    let long = "v".repeat(129);
    // varchar(128) on an argument enforces nothing: the rule is ours.
    let detail = format!("\"{long}\" is longer than 128 characters.");
    deaf.refuses(
        "f",
        &format!(", qualifier => '{long}'"),
        &Failure::argument("qualifier", &detail, QUALIFIERS),
    );
    let detail = "\"2\" conflicts with the qualifier \"1\" in function_name.";
    let expected = Failure::argument("qualifier", detail, ONE_OF_THEM);
    for name in
        ["f:1", "000000000000:function:f:1", "arn:aws:lambda:us-east-1:000000000000:function:f:1"]
    {
        deaf.refuses(name, ", qualifier => '2'", &expected);
    }
}

/// Explicit NULLs mean the defaults; the same qualifier or region twice is no conflict.
#[test]
fn nulls_and_repetitions_are_accepted() {
    let mut session = Session::new();
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:echo:$LATEST";
    for call in [
        "'echo', NULL::json, NULL, NULL, NULL, NULL, NULL",
        "'echo', NULL::jsonb, region => NULL, invocation_type => NULL, log_type => NULL, context => NULL, qualifier => NULL",
        "aws_commons.create_lambda_function_arn('echo', NULL), '{}'::json, NULL, NULL, NULL, NULL",
        &format!("'{arn}', '{{}}'::json, 'us-east-1', qualifier => '$LATEST'"),
        &format!(
            "aws_commons.create_lambda_function_arn('{arn}', 'us-east-1'), '{{}}'::jsonb, qualifier => '$LATEST'"
        ),
        "'echo', '{}'::json, context => '{}'",
        "'echo', '{}'::json, qualifier => '$LATEST'::varchar(3)::text || 'TEST'",
    ] {
        assert_eq!(
            session.text(&format!("SELECT payload FROM aws_lambda.invoke({call})")),
            "{}",
            "{call}"
        );
    }
}
