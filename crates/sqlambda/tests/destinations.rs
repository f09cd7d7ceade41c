//! Where the records of asynchronous events go: functions, files, SQS, SNS and EventBridge.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

#[path = "support/events.rs"]
mod events;
mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use events::{Place, configure, put};
use serde_json::{Value, json};
use support::{Service, request, tools};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:notes";

fn destinations(on_success: &str, on_failure: &str) -> Value {
    json!({ "MaximumRetryAttempts": 1, "DestinationConfig": {
        "OnSuccess": { "Destination": on_success },
        "OnFailure": { "Destination": on_failure },
    }})
}

fn dead_letters(service: &Service, function: &str, target: &str) {
    let path = format!("/2015-03-31/functions/{function}/configuration");
    let body = json!({ "DeadLetterConfig": { "TargetArn": target } }).to_string();
    let answer = request(&service.address, "PUT", &path, &[], body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let update = || request(&service.address, "GET", &path, &[], b"").json();
    e2e::wait_until("it is updated", || update()["LastUpdateStatus"] == "Successful");
}

/// The record, but for its time, is AWS's to the letter.
fn check_records(success: &Value, failure: &Value, ids: [&str; 2], payloads: [&Value; 2]) {
    let stamp = success["timestamp"].as_str().unwrap();
    assert_eq!((stamp.len(), &stamp[10..11], &stamp[23..]), (24, "T", "Z"), "{stamp}");
    let expected = json!({
        "version": "1.0",
        "timestamp": stamp,
        "requestContext": {
            "requestId": ids[0],
            "functionArn": format!("{ARN}:$LATEST"),
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": payloads[0],
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST" },
        "responsePayload": { "version": "$LATEST" },
    });
    assert_eq!(*success, expected);
    let mut expected = json!({
        "version": "1.0",
        "timestamp": failure["timestamp"],
        "requestContext": {
            "requestId": ids[1],
            "functionArn": format!("{ARN}:$LATEST"),
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 2,
        },
        "requestPayload": payloads[1],
        "responseContext": {
            "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
        },
    });
    expected["responsePayload"] = failure["responsePayload"].clone();
    assert_eq!(*failure, expected);
    assert_eq!(failure["responsePayload"]["errorMessage"], "no 2");
}

#[test]
fn files_take_records_and_dead_letters() {
    let place = Place::new();
    let service = place.service(&["--event-retry-delays", "10ms"]);
    let config = destinations(&place.file_arn("good"), &place.file_arn("bad"));
    configure(&service, "notes", "$LATEST", &config);
    dead_letters(&service, "notes", &place.file_arn("dead"));
    let (good, bad) = (
        json!({ "file": place.path("runs"), "n": 1.50 }),
        json!({ "file": place.path("runs"), "failures": 9 }),
    );
    let ids = [put(&service, "notes", &good), put(&service, "notes", &bad)];
    e2e::wait_until("the records", || place.lines("good").len() + place.lines("bad").len() == 2);
    let (success, failure) = (&place.lines("good")[0], &place.lines("bad")[0]);
    check_records(success, failure, [&ids[0], &ids[1]], [&good, &bad]);
    e2e::wait_until("the dead letter", || place.lines("dead").len() == 1);
    let expected = json!({
        "requestId": ids[1],
        "functionArn": format!("{ARN}:$LATEST"),
        "errorCode": 200,
        "errorMessage": "no 2",
        "event": bad,
    });
    assert_eq!(place.lines("dead"), [expected]);
}

#[test]
fn functions_take_records() {
    let place = Place::new();
    let service = place.service(&["--event-retry-delays", "10ms"]);
    let takes = "arn:aws:lambda:us-east-1:000000000000:function:takes";
    configure(&service, "notes", "$LATEST", &destinations(takes, takes));
    let good = json!({ "file": place.path("good") });
    let bad = json!({ "file": place.path("bad"), "failures": 9 });
    let ids = [put(&service, "notes", &good), put(&service, "notes", &bad)];
    let (good_records, bad_records) = ("good.record", "bad.record");
    e2e::wait_until("the records", || {
        place.lines(good_records).len() + place.lines(bad_records).len() == 2
    });
    let (success, failure) = (&place.lines(good_records)[0], &place.lines(bad_records)[0]);
    check_records(success, failure, [&ids[0], &ids[1]], [&good, &bad]);
}

/// AWS sends such events to the destination at once, without running them.
#[test]
fn a_function_without_concurrency_has_its_events_in_the_destination_at_once() {
    let place = Place::new();
    let service = place.service(&[]);
    configure(&service, "notes", "$LATEST", &destinations("", &place.file_arn("bad")));
    let path = "/2017-10-31/functions/notes/concurrency";
    let none = br#"{"ReservedConcurrentExecutions": 0}"#;
    assert_eq!(request(&service.address, "PUT", path, &[], none).status, 200);
    let event = json!({ "file": place.path("runs") });
    let id = put(&service, "notes", &event);
    e2e::wait_until("the record", || place.lines("bad").len() == 1);
    let record = &place.lines("bad")[0];
    assert_eq!(record["requestContext"]["requestId"], json!(id));
    assert_eq!(record["requestContext"]["condition"], "ZeroReservedConcurrency");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(record["requestPayload"], event);
    assert!(place.lines("runs").is_empty());
}

/// What cannot be delivered is told, kept, and stays kept.
#[test]
fn a_record_without_an_endpoint_is_a_dead_letter() {
    let place = Place::new();
    let service = place.service(&[]);
    let queue = "arn:aws:sqs:us-east-1:000000000000:q";
    configure(&service, "notes", "$LATEST", &destinations(queue, ""));
    put(&service, "notes", &json!({ "file": place.path("runs") }));
    e2e::wait_until("the log says so", || {
        let log = service.log();
        log.contains(&format!("kept as a dead letter for {queue}"))
            && log.contains("start sqlambda local with AWS_ENDPOINT_URL_SQS=URL")
    });
}

/// moto's server. Ends when dropped.
struct AwsServices {
    child: Child,
    url: String,
}

impl AwsServices {
    fn start() -> Self {
        let program = tools::aws_services().join("moto_server");
        let mut child = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("Running on ").map(|(_, url)| url.trim().to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: url.expect("moto_server says where it listens") }
    }

    /// Runs a script with boto3's clients `sqs`, `sns` and `events`; gives what it prints.
    fn script(&self, script: &str) -> Value {
        let clients = "import boto3, json, sys\n\
            sqs, sns, events = (boto3.client(name, endpoint_url=sys.argv[1]) \
            for name in ('sqs', 'sns', 'events'))\n";
        let printed = tools::boto3(&["-c", &format!("{clients}{script}"), &self.url]);
        serde_json::from_str(&printed).unwrap()
    }
}

impl Drop for AwsServices {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Queues for records, dead letters, and what a topic and an event bus pass on.
const SET_UP: &str = "
def queue(name):
    url = sqs.create_queue(QueueName=name)['QueueUrl']
    names = ['QueueArn']
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)['Attributes']['QueueArn']
arns = {name: queue(name) for name in ('records', 'dead', 'of-topic', 'of-bus')}
arns['topic'] = sns.create_topic(Name='topic')['TopicArn']
sns.subscribe(TopicArn=arns['topic'], Protocol='sqs', Endpoint=arns['of-topic'])
events.put_rule(Name='all', EventPattern=json.dumps({'source': ['lambda']}))
events.put_targets(Rule='all', Targets=[{'Id': '1', 'Arn': arns['of-bus']}])
arns['bus'] = events.describe_event_bus()['Arn']
print(json.dumps(arns))
";

/// Everything in a queue: bodies and attributes.
const READ: &str = "
url = sqs.get_queue_url(QueueName=QUEUE)['QueueUrl']
found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0,
                            MessageAttributeNames=['All']).get('Messages', [])
print(json.dumps([[json.loads(m['Body']), m.get('MessageAttributes')] for m in found]))
";

#[test]
fn queues_topics_and_event_buses_take_records() {
    let aws = AwsServices::start();
    let arns = aws.script(SET_UP);
    let arn = |name: &str| arns[name].as_str().unwrap();
    let received = |queue: &str| {
        let mut messages = Value::Null;
        e2e::wait_until("a message arrives", || {
            messages = aws.script(&format!("QUEUE = '{queue}'{READ}"));
            !messages.as_array().unwrap().is_empty()
        });
        assert_eq!(messages.as_array().unwrap().len(), 1, "{messages}");
        messages[0].clone()
    };
    let place = Place::new();
    let endpoints = [
        ("AWS_ENDPOINT_URL_SQS", aws.url.as_str()),
        ("AWS_ENDPOINT_URL_SNS", aws.url.as_str()),
        ("AWS_ENDPOINT_URL_EVENTBRIDGE", aws.url.as_str()),
    ];
    let service = place.service_with(&["--event-retry-delays", "10ms"], &endpoints);

    configure(&service, "notes", "$LATEST", &destinations(arn("topic"), arn("records")));
    dead_letters(&service, "notes", arn("dead"));
    let good = json!({ "file": place.path("runs"), "n": "a&b=c +%\u{e9}" });
    let bad = json!({ "file": place.path("runs"), "failures": 9 });
    let ids = [put(&service, "notes", &good), put(&service, "notes", &bad)];
    let notification = received("of-topic")[0].clone();
    assert_eq!(notification["TopicArn"], arns["topic"]);
    let success: Value = serde_json::from_str(notification["Message"].as_str().unwrap()).unwrap();
    let failure = received("records");
    check_records(&success, &failure[0], [&ids[0], &ids[1]], [&good, &bad]);
    assert_eq!(failure[1], Value::Null, "a record has no attributes");

    let dead = received("dead");
    assert_eq!(dead[0], bad, "the event itself");
    let attribute = |name: &str| dead[1][name]["StringValue"].clone();
    assert_eq!(dead[1]["ErrorCode"]["DataType"], "Number");
    let attributes = ["RequestID", "ErrorCode", "ErrorMessage"].map(attribute);
    assert_eq!(attributes, [json!(ids[1]), json!("200"), json!("no 2")]);

    configure(&service, "notes", "$LATEST", &destinations(arn("bus"), ""));
    let id = put(&service, "notes", &good);
    let event = &received("of-bus")[0];
    assert_eq!(event["source"], "lambda");
    assert_eq!(event["detail-type"], "Lambda Function Invocation Result - Success");
    assert_eq!(event["resources"], json!([format!("{ARN}:$LATEST"), arns["bus"]]));
    assert_eq!(event["detail"]["requestContext"]["requestId"], json!(id));

    let nowhere = arn("records").replace("records", "nowhere");
    configure(&service, "notes", "$LATEST", &destinations(&nowhere, ""));
    put(&service, "notes", &good);
    e2e::wait_until("a queue that is not there", || {
        service.log().contains(&format!("kept as a dead letter for {nowhere}: sqs answered 400"))
    });
}

/// A record waits for an endpoint that is not there yet, also over a restart.
#[test]
fn a_record_is_delivered_when_its_service_can_be_reached() {
    let place = Place::new();
    // A port that nobody listens on.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let service = place.service_with(&[], &[("AWS_ENDPOINT_URL_SQS", &nobody)]);
    let queue = "arn:aws:sqs:us-east-1:123456789012:records";
    configure(&service, "notes", "$LATEST", &destinations(queue, ""));
    let id = put(&service, "notes", &json!({ "file": place.path("runs") }));
    e2e::wait_until("it is tried", || service.log().contains("a record was not delivered"));
    drop(service);

    let aws = AwsServices::start();
    aws.script(SET_UP);
    let service = place.service_with(&[], &[("AWS_ENDPOINT_URL_SQS", &aws.url)]);
    let mut messages = Value::Null;
    e2e::wait_until("it arrives", || {
        messages = aws.script(&format!("QUEUE = 'records'{READ}"));
        messages[0][0]["requestContext"]["requestId"] == json!(id)
    });
    assert_eq!(place.lines("runs").len(), 1, "the event itself is not run again");
    drop(service);
}
