//! SQL and Python call the same functions of the local service, and get the same.

use serde_json::{Value, json};

use crate::python;
use crate::support::{PLAYGROUND, Session};

/// What botocore, the client library below boto3, makes of these calls.
fn botocore(calls: &[Value]) -> Vec<Value> {
    let endpoint = PLAYGROUND.service().endpoint();
    let cases = calls.iter().map(|params| json!({"endpoint": endpoint, "params": params}));
    match python::run("call_functions.py", &cases.collect()) {
        Value::Array(answers) => answers,
        other => panic!("{other}"),
    }
}

/// Answers are the same byte for byte, with the same status and version.
#[test]
fn answers_are_the_same() {
    let strange = r#"{"b" : 1.10, "a":"é \u00e9 😀","a":[ ],"n":12345678901234567890 }"#;
    let calls = [
        json!({"FunctionName": "echo", "Payload": strange}),
        json!({"FunctionName": "echo", "Payload": "null"}),
        json!({"FunctionName": "lambdaTest", "Payload": r#"{"name": "bob"}"#}),
        json!({"FunctionName": "simple", "Payload": "{}"}),
        json!({"FunctionName": "simple:$LATEST", "Payload": "{}"}),
        json!({"FunctionName": "simple", "Payload": "{}", "Qualifier": "$LATEST"}),
        json!({"FunctionName": "returns-nothing", "Payload": "{}"}),
    ];
    let mut session = Session::shared();
    for (call, theirs) in calls.iter().zip(botocore(&calls)) {
        let text =
            |name: &str| call[name].as_str().map_or("NULL".to_owned(), |it| format!("'{it}'"));
        let ours = |column: &str| {
            format!(
                "SELECT {column} FROM aws_lambda.invoke({}, {}::json, qualifier => {})",
                text("FunctionName"),
                text("Payload"),
                text("Qualifier")
            )
        };
        assert_eq!(session.value(&ours("payload::text")), theirs["payload"], "{call}");
        assert_eq!(session.value(&ours("status_code")), theirs["status"].to_string(), "{call}");
        assert_eq!(session.value(&ours("executed_version")), theirs["version"], "{call}");
    }
}

/// A function's failure has the same payload, a refusal the same code and message.
#[test]
fn failures_are_the_same() {
    let calls = [
        json!({"FunctionName": "nobody", "Payload": "{}"}),
        json!({"FunctionName": "simple:nobody", "Payload": "{}"}),
        json!({"FunctionName": "raises", "Payload": "{}"}),
    ];
    let mut session = Session::shared();
    for (call, theirs) in calls.iter().zip(botocore(&calls)) {
        let name = call["FunctionName"].as_str().unwrap();
        let failure = session.failure(&format!("SELECT aws_lambda.invoke('{name}', '{{}}'::json)"));
        if let Some(message) = theirs["message"].as_str() {
            failure.assert_api(message);
            let code = theirs["code"].as_str().unwrap();
            assert!(
                failure.hint.starts_with(&format!("{code}, HTTP status 404.")),
                "{}",
                failure.hint
            );
            continue;
        }
        assert_eq!(theirs["function_error"], "Unhandled");
        let start = format!("\"{name}\" returned error \"Unhandled\", details: \"");
        let ours = failure.detail.strip_prefix(&start).and_then(|rest| rest.strip_suffix("\"."));
        let mut ours: Value = serde_json::from_str(ours.unwrap()).unwrap();
        let mut theirs: Value = serde_json::from_str(theirs["payload"].as_str().unwrap()).unwrap();
        // The only thing that differs from call to call.
        for payload in [&mut ours, &mut theirs] {
            payload.as_object_mut().unwrap().remove("requestId").unwrap();
        }
        assert_eq!(ours, theirs);
    }
}
