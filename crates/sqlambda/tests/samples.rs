//! Every sample function, called by hand, through boto3 and through the AWS CLI.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod support;

use support::tools::aws;
use support::{Service, samples, test_functions};

fn tail(answer: &support::Answer) -> String {
    use base64::Engine as _;
    let encoded = answer.header("x-amz-log-result").expect("a log tail");
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(encoded).unwrap()).unwrap()
}

const TAIL: (&str, &str) = ("X-Amz-Log-Type", "Tail");

#[test]
fn the_functions_that_work() {
    let service = Service::open(&[samples(), test_functions()]);
    let answer = service.invoke("simple", &[TAIL], b"");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), r#"{"statusCode": 200, "body": "\"Hello from Lambda!\""}"#);
    assert_eq!(answer.header("x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(answer.header("x-amzn-remapped-content-length"), Some("0"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-amz-function-error"), None);
    assert_eq!(answer.header("x-amzn-requestid").map(str::len), Some(36));
    let trace = answer.header("x-amzn-trace-id").unwrap();
    assert!(trace.starts_with("root=1-") && trace.ends_with(";sampled=0"), "{trace}");
    let id = answer.header("x-amzn-requestid").unwrap();
    let log = tail(&answer);
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines[0], format!("START RequestId: {id} Version: $LATEST"));
    assert_eq!(lines[1], "Hello from the log!");
    assert_eq!(lines[2], format!("END RequestId: {id}"));
    assert!(lines[3].starts_with(&format!("REPORT RequestId: {id}\tDuration: ")), "{log}");
    assert!(lines[3].contains("\tMemory Size: 128 MB\tMax Memory Used: "), "{log}");
    assert!(lines[3].contains("\tInit Duration: "), "{log}");
    let again = service.invoke("simple", &[TAIL], b"{}");
    assert!(!tail(&again).contains("Init Duration"), "the second call starts no process");

    let answer = service.invoke("lambdaTest", &[], br#"{"name":"bob"}"#);
    assert_eq!(answer.text(), r#"{"Status": "OK", "name": "bob"}"#);
    assert_eq!(service.invoke("returns-nothing", &[], b"{}").text(), "null");
    assert_eq!(service.invoke("aws_lambda_arn_1", &[], b"{}").status, 200);
    let answer = service.invoke("returns-not-json", &[], b"{}");
    assert_eq!((answer.status, answer.text().as_str()), (200, "this is not JSON"));
    assert_eq!(answer.header("x-amz-function-error"), None);

    let log = tail(&service.invoke("logs-a-lot", &[TAIL], b"{}"));
    assert_eq!(log.len(), 4096);
    assert!(log.contains("line 999 of 1000\nEND RequestId: "), "{log}");
}

#[test]
fn a_line_written_just_before_the_answer_is_in_the_calls_log() {
    let service = Service::open(&[samples()]);
    for _ in 0..300 {
        let log = tail(&service.invoke("simple", &[TAIL], b"{}"));
        assert_eq!(log.matches("Hello from the log!\nEND").count(), 1, "{log}");
    }
}

#[test]
fn a_client_context_and_an_alias_reach_the_function() {
    let service = Service::open(&[samples(), test_functions()]);
    // {"custom": {"a": "é"}}
    let context = ("X-Amz-Client-Context", "eyJjdXN0b20iOiB7ImEiOiAiw6kifX0=");
    let answer = service.invoke("my-function%3Acustom_version", &[context], b"[1]");
    assert_eq!(answer.header("x-amz-executed-version"), Some("$LATEST"));
    let body = answer.json();
    assert_eq!(body["event"], serde_json::json!([1]));
    assert_eq!(body["clientContext"]["custom"]["a"], "é");
    let seen = service.invoke("inspect%3A%24LATEST", &[context], b"{\"k\":\n1.10}").json();
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:inspect:$LATEST";
    assert_eq!(seen["invoked_function_arn"], arn);
    assert_eq!(seen["client_context"]["custom"]["a"], "é");
    let remaining = seen["remaining_ms"].as_i64().unwrap();
    assert!((1..=3_000).contains(&remaining), "{remaining}");
}

#[test]
fn nothing_of_the_services_environment_reaches_a_function() {
    let service = Service::open(&[test_functions()]);
    let seen = service.invoke("inspect", &[], b"{}").json();
    let environment = seen["environment"].as_object().unwrap();
    for expected in ["AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "_HANDLER", "TZ", "LANG"] {
        assert!(environment.contains_key(expected), "{expected}");
    }
    // The runner always sets these for a test, and so for the service.
    for leaked in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "HOME"] {
        assert!(
            std::env::var_os(leaked).is_some() && !environment.contains_key(leaked),
            "{leaked}"
        );
    }
}

#[test]
fn the_functions_that_fail() {
    let service = Service::open(&[samples()]);
    let failing = [
        ("raises", "ValueError", "this function always raises"),
        ("times-out", "Sandbox.Timedout", "Error: Task timed out after 1.00 seconds"),
        ("exits", "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"),
        ("dies-by-signal", "Runtime.ExitError", "Error: Runtime exited with error: signal: killed"),
        ("fails-to-import", "Runtime.ImportModuleError", "a_module_that_is_not_installed"),
        (
            "returns-too-much",
            "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        ),
    ];
    for (function, error_type, message) in failing {
        // Twice: a failed call must not spoil the next one.
        for _ in 0..2 {
            let answer = service.invoke(function, &[TAIL], b"{}");
            assert_eq!(answer.status, 200, "{function}");
            assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"), "{function}");
            assert_eq!(answer.header("x-amz-executed-version"), Some("$LATEST"), "{function}");
            let body = answer.json();
            assert_eq!(body["errorType"], error_type, "{function}");
            let found = body["errorMessage"].as_str().unwrap();
            assert!(found.contains(message), "{function}: {found}");
            let id = answer.header("x-amzn-requestid").unwrap();
            assert!(tail(&answer).contains(&format!("END RequestId: {id}\nREPORT")), "{function}");
        }
    }
    let answer = service.invoke("raises", &[TAIL], b"{}");
    assert!(tail(&answer).contains("Traceback (most recent call last):\n"), "joined by \\r");
    assert_eq!(
        service.invoke("exits", &[], br#"{"status": 0}"#).json()["errorMessage"]
            .as_str()
            .map(|text| text.ends_with(" Error: Runtime exited without providing a reason")),
        Some(true)
    );
}

/// Calls with boto3 what the arguments name, and prints what came.
const BOTO3: &str = r#"
import base64, boto3, json, sys
client = boto3.client("lambda")
def show(**arguments):
    try:
        answer = client.invoke(**arguments)
        tail = base64.b64decode(answer.get("LogResult", ""))[-9:].decode()
        print(answer["StatusCode"], answer.get("FunctionError"), answer.get("ExecutedVersion"),
              "START" if tail else "-", answer["Payload"].read().decode()[:60])
    except client.exceptions.ClientError as error:
        print(error.response["Error"]["Code"], error.response["Error"]["Message"])
show(FunctionName="simple")
show(FunctionName="simple", Payload=b'{"a": 1}', LogType="Tail")
show(FunctionName="arn:aws:lambda:us-east-1:000000000000:function:my-function:custom_version")
show(FunctionName="my-function", Qualifier="custom_version", Payload=b'"x"')
show(FunctionName="000000000000:function:simple", InvocationType="DryRun")
show(FunctionName="simple", InvocationType="Event")
show(FunctionName="raises")
show(FunctionName="nope")
show(FunctionName="simple", Payload=b"{")
print(*[f["FunctionName"] for f in client.list_functions()["Functions"]][:3])
found = client.get_function(FunctionName="times-out")["Configuration"]
print(found["Timeout"], found["FunctionArn"], found["Runtime"][:7])
print(client.get_function_configuration(FunctionName="my-function:custom_version")["Handler"])
try:
    client.get_function(FunctionName="nope")
except client.exceptions.ResourceNotFoundException as error:
    print(error.response["Error"]["Message"])
"#;

#[test]
fn boto3_calls_them() {
    let service = Service::start(&[samples()], &[]);
    let output = aws(&service, "python", &["-c", BOTO3]);
    let lines: Vec<&str> = output.lines().collect();
    let hello = r#"{"statusCode": 200, "body": "\"Hello from Lambda!\""}"#;
    assert_eq!(lines[0], format!("200 None $LATEST - {hello}"));
    assert_eq!(lines[1], format!("200 None $LATEST START {hello}"));
    assert!(lines[2].starts_with("200 None $LATEST - {\"event\":{}"), "{output}");
    assert!(lines[3].starts_with("200 None $LATEST - {\"event\":\"x\""), "{output}");
    assert_eq!(lines[4].trim(), "204 None None -");
    assert_eq!(lines[5].trim(), "202 None None -");
    assert!(lines[6].starts_with("200 Unhandled $LATEST - {\"errorMessage\""), "{output}");
    assert_eq!(
        lines[7],
        "ResourceNotFoundException Function not found: \
         arn:aws:lambda:us-east-1:000000000000:function:nope:$LATEST"
    );
    assert!(lines[8].starts_with("InvalidRequestContentException Could not parse"), "{output}");
    assert_eq!(lines[9], "dies-by-signal echo exits");
    assert_eq!(lines[10], "1 arn:aws:lambda:us-east-1:000000000000:function:times-out python3");
    assert_eq!(lines[11], "index.handler");
    let missing = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nope";
    assert_eq!(lines[12], missing);
}

#[test]
fn the_aws_cli_calls_them() {
    let service = Service::start(&[samples()], &[]);
    let invoke = ["lambda", "invoke", "--function-name", "lambdaTest", "--payload"];
    let output =
        aws(&service, "aws", &[&invoke[..], &["{\"name\":\"bob\"}", "/dev/stdout"]].concat());
    assert!(output.starts_with(r#"{"Status": "OK", "name": "bob"}"#), "{output}");
    assert!(output.contains("\"StatusCode\": 200"), "{output}");
}
