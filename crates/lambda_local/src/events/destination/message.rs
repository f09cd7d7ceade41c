//! The requests that bring a message to a queue, a topic or an event bus.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::Resource;
use super::aws::Request;
use crate::events::item::{Delivery, Item, Message};

/// SQS's SendMessage.
pub(super) fn to_queue(
    endpoint: &str,
    queue: &Resource<'_>,
    delivery: &Delivery,
    item: &Item,
    payload: &str,
) -> Request {
    let mut body = json!({
        "QueueUrl": format!("{endpoint}/{}/{}", queue.account, queue.name),
        "MessageBody": payload,
    });
    let attributes: Map<String, Value> = attributes(delivery, item)
        .into_iter()
        .map(|(name, kind, value)| {
            (name.to_owned(), json!({ "DataType": kind, "StringValue": value }))
        })
        .collect();
    if !attributes.is_empty() {
        body["MessageAttributes"] = attributes.into();
    }
    Request {
        headers: vec![
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            ("x-amz-target", "AmazonSQS.SendMessage".to_owned()),
        ],
        body: body.to_string(),
    }
}

/// SNS's Publish.
pub(super) fn to_topic(delivery: &Delivery, item: &Item, payload: &str) -> Request {
    let mut members = vec![
        ("Action".to_owned(), "Publish".to_owned()),
        ("Version".to_owned(), "2010-03-31".to_owned()),
        ("TopicArn".to_owned(), delivery.destination.clone()),
        ("Message".to_owned(), payload.to_owned()),
    ];
    for (number, (name, kind, value)) in (1..).zip(attributes(delivery, item)) {
        let entry = format!("MessageAttributes.entry.{number}");
        members.push((format!("{entry}.Name"), name.to_owned()));
        members.push((format!("{entry}.Value.DataType"), kind.to_owned()));
        members.push((format!("{entry}.Value.StringValue"), value));
    }
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> =
        members.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let content_type = "application/x-www-form-urlencoded; charset=utf-8".to_owned();
    Request { headers: vec![("content-type", content_type)], body: pairs.join("&") }
}

/// EventBridge's PutEvents, with the source and the detail type that Lambda's own events have.
pub(super) fn to_event_bus(
    bus: &Resource<'_>,
    delivery: &Delivery,
    item: &Item,
    payload: &str,
) -> Request {
    let success = matches!(delivery.message, Message::Record { success: true });
    let result = if success { "Success" } else { "Failure" };
    let body = json!({ "Entries": [{
        "Source": "lambda",
        "DetailType": format!("Lambda Function Invocation Result - {result}"),
        "Detail": payload,
        "EventBusName": bus.name.strip_prefix("event-bus/").unwrap_or(bus.name),
        "Resources": [delivery.source, delivery.destination],
        "Time": item.accepted / 1_000,
    }]});
    Request {
        headers: vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", "AWSEvents.PutEvents".to_owned()),
        ],
        body: body.to_string(),
    }
}

/// Name, type and value of the attributes of a dead letter; a record has none.
fn attributes(delivery: &Delivery, item: &Item) -> Vec<(&'static str, &'static str, String)> {
    let Message::DeadLetter { code, message } = &delivery.message else { return Vec::new() };
    let mut attributes = vec![
        ("RequestID", "String", item.request_id.clone()),
        ("ErrorCode", "Number", code.to_string()),
    ];
    // A queue refuses an attribute that is empty.
    if !message.is_empty() {
        attributes.push(("ErrorMessage", "String", message.clone()));
    }
    attributes
}
