//! What follows from the end of an event: a record for a destination, a dead letter, or nothing (AWS
//! Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations").

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use time::OffsetDateTime;

use super::Events;
use super::destination::own_function;
use super::item::{Call, Delivery, Item, Message, Task};
use super::policy::Condition;
use super::run::config;
use crate::environment::{Execution, timestamp};
use crate::functions::LATEST;
use crate::invoke_api::trace_id;
use crate::limits::ASYNC_PAYLOAD_BYTES;
use crate::model::Record;

/// How much of an error message goes with a dead letter: AWS's 1 KB.
const MESSAGE_BYTES: usize = 1_024;

/// How an event ended.
pub(super) struct Ending {
    pub(super) condition: Condition,
    /// What the function answered last; nothing when the last attempt was not made.
    pub(super) response: Option<Response>,
}

/// A function's answer.
pub(super) struct Response {
    version: String,
    failed: bool,
    payload: Bytes,
}

impl Response {
    pub(super) fn of(version: String, execution: Execution) -> Self {
        Self { version, failed: execution.failed(), payload: execution.payload }
    }
}

/// AWS's record of an asynchronous invocation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InvocationRecord<'a> {
    version: &'static str,
    timestamp: String,
    request_context: RequestContext<'a>,
    request_payload: Box<RawValue>,
    response_context: ResponseContext<'a>,
    response_payload: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: &'a str,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'a> {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    executed_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'static str>,
}

impl Events {
    /// The items that an event's end leads to, with their payloads.
    pub(super) fn follow_ups(
        &self,
        id: u64,
        record: Option<&Record>,
        item: &Item,
        call: &Call,
        ending: Ending,
    ) -> Result<Vec<(Item, Bytes)>, redb::Error> {
        let Some(record) = record else { return Ok(Vec::new()) };
        let success = ending.condition == Condition::Success;
        let config = config(record, call);
        let destination = match success {
            true => config.and_then(|config| config.on_success.as_deref()),
            false => config.and_then(|config| config.on_failure.as_deref()),
        };
        let dead_letters = dead_letter_target(record, call).filter(|_| !success);
        if destination.is_none() && dead_letters.is_none() {
            return Ok(Vec::new());
        }
        let payload = self.payload(id)?;
        let source = format!("{}:{}", call.arn, call.qualifier.as_deref().unwrap_or(LATEST));
        let mut items = Vec::new();
        if let Some(destination) = destination {
            let body = invocation_record(item, &source, &payload, &ending);
            items.push(self.follow_up(
                destination,
                &source,
                Message::Record { success },
                item,
                body,
            ));
        }
        if let Some(target) = dead_letters {
            let (code, message) = last_error(item, &ending);
            let message = Message::DeadLetter { code, message };
            items.push(self.follow_up(target, &source, message, item, payload));
        }
        Ok(items)
    }

    /// What brings a message to a destination. One that is a function runs it as an event of its own.
    fn follow_up(
        &self,
        destination: &str,
        source: &str,
        message: Message,
        item: &Item,
        body: Bytes,
    ) -> (Item, Bytes) {
        let function = own_function(destination, &self.settings.account)
            .filter(|_| body.len() <= ASYNC_PAYLOAD_BYTES);
        let Some((arn, name)) = function else {
            let (destination, source) = (destination.to_owned(), source.to_owned());
            let task = Task::Deliver(Delivery { destination, source, message });
            return (Item::new(item.request_id.clone(), body.len(), task), body);
        };
        let task = Task::Invoke(Call {
            function: name.name,
            qualifier: name.qualifier,
            arn,
            trace_id: trace_id(),
            client_context: None,
        });
        (Item::new(crate::model::new_id(), body.len(), task), body)
    }
}

/// `DeadLetterConfig` of the version that the call means.
fn dead_letter_target<'a>(record: &'a Record, call: &Call) -> Option<&'a str> {
    let version = record.qualified(call.qualifier.as_deref())?;
    version.configuration.kept.get("DeadLetterConfig")?.get("TargetArn")?.as_str()
}

fn invocation_record(item: &Item, source: &str, payload: &[u8], ending: &Ending) -> Bytes {
    let response = ending.response.as_ref();
    let failed = response.map_or(item.failures > 0, |response| response.failed);
    let record = InvocationRecord {
        version: "1.0",
        timestamp: timestamp(OffsetDateTime::now_utc()),
        request_context: RequestContext {
            request_id: &item.request_id,
            function_arn: source,
            condition: ending.condition.name(),
            approximate_invoke_count: item.runs,
        },
        request_payload: raw(payload),
        response_context: ResponseContext {
            status_code: last_error(item, ending).0,
            executed_version: response.map(|response| response.version.as_str()),
            function_error: failed.then_some("Unhandled"),
        },
        response_payload: response.map(|response| raw(&response.payload)),
    };
    serde_json::to_vec(&record).unwrap_or_default().into()
}

/// JSON as it is; anything else, which a runtime may answer, as a string.
fn raw(payload: &[u8]) -> Box<RawValue> {
    serde_json::from_slice(payload)
        .or_else(|_| to_raw_value(&String::from_utf8_lossy(payload)))
        .unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// HTTP status and message of the last attempt.
fn last_error(item: &Item, ending: &Ending) -> (u16, String) {
    let answer =
        ending.response.as_ref().map(|response| String::from_utf8_lossy(&response.payload));
    let problem = answer.unwrap_or(item.problem.as_deref().unwrap_or_default().into());
    match ending.condition {
        Condition::Success => (200, String::new()),
        Condition::RetriesExhausted => (200, message_of(&problem)),
        Condition::ZeroReservedConcurrency => (429, "Rate Exceeded.".to_owned()),
        Condition::EventAgeExceeded if item.setbacks > 0 => (500, message_of(&problem)),
        Condition::EventAgeExceeded if item.failures > 0 => (200, message_of(&problem)),
        Condition::EventAgeExceeded => (429, "Rate Exceeded.".to_owned()),
    }
}

/// The member `errorMessage` of an error, else all of it.
fn message_of(problem: &str) -> String {
    let error: Value = serde_json::from_str(problem).unwrap_or_default();
    let mut message = error["errorMessage"].as_str().unwrap_or(problem).to_owned();
    let end =
        (0..=MESSAGE_BYTES.min(message.len())).rev().find(|end| message.is_char_boundary(*end));
    message.truncate(end.unwrap_or(0));
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_not_json_is_told_as_text() {
        assert_eq!(raw(b"{\"a\": 1.50}").get(), "{\"a\": 1.50}", "byte for byte");
        assert_eq!(raw(b"not \"json\"").get(), r#""not \"json\"""#);
        assert_eq!(raw(b"").get(), r#""""#);
    }

    #[test]
    fn an_error_is_told_by_its_message_and_no_more_than_a_kilobyte_of_it() {
        assert_eq!(message_of(r#"{"errorMessage": "no", "errorType": "X"}"#), "no");
        assert_eq!(message_of("plain"), "plain");
        let long = "\u{e9}".repeat(2_000);
        assert_eq!(message_of(&format!("x{long}")).len(), 1_023, "whole characters");
    }
}
