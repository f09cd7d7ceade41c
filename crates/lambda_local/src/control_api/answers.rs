//! What the API tells of functions.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::call::Call;
use crate::http_io::{Answer, json as json_answer};
use crate::model::{Progress, Record, Version};

/// A JSON answer.
pub(super) fn answer(status: StatusCode, body: impl Into<Value>) -> Answer {
    json_answer(status, body.into().to_string())
}

/// How a version is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    /// What stands behind the ARN.
    pub(super) qualifier: Option<&'a str>,
    /// Whether its states are told: lists leave them out.
    pub(super) states: bool,
}

/// A version with its own qualifier, if it is published.
pub(super) fn own(call: &Call<'_>, record: &Record, version: &Version) -> Value {
    let name = version.name();
    let qualifier = version.number.is_some().then_some(name.as_str());
    configuration(call, record, version, Shown { qualifier, states: true })
}

/// AWS's FunctionConfiguration. What is empty is left out.
pub(super) fn configuration(
    call: &Call<'_>,
    record: &Record,
    version: &Version,
    shown: Shown<'_>,
) -> Value {
    let known = &version.configuration;
    let arn = call.arn(&record.name);
    let arn = shown.qualifier.map_or(arn.clone(), |qualifier| format!("{arn}:{qualifier}"));
    let mut members = defaults(call, &record.name);
    members.extend(known.kept.clone());
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    set("FunctionName", record.name.as_str().into());
    set("FunctionArn", arn.into());
    set("Runtime", known.runtime.identifier().into());
    set("Handler", known.handler.as_str().into());
    set("Timeout", known.timeout.into());
    set("MemorySize", known.memory_mb.into());
    set("LastModified", version.last_modified.as_str().into());
    set("RevisionId", version.revision_id.as_str().into());
    set("Version", version.name().into());
    set("PackageType", "Zip".into());
    if !known.description.is_empty() {
        set("Description", known.description.as_str().into());
    }
    if !known.variables.is_empty() {
        set("Environment", json!({ "Variables": known.variables }));
    }
    if !known.layers.is_empty() {
        let layers = known.layers.iter().map(|layer| {
            let size = tokio::task::block_in_place(|| call.service.code().summary(&layer.code));
            let size = size.map_or(0, |summary| summary.bytes);
            json!({ "Arn": call.layer_arn(&layer.name), "CodeSize": size })
        });
        set("Layers", layers.collect());
    }
    match tokio::task::block_in_place(|| call.service.code().summary(&version.code)) {
        Ok(summary) => {
            set("CodeSize", summary.bytes.into());
            set("CodeSha256", summary.base64().into());
        }
        Err(error) => tracing::warn!(function = record.name, "its code cannot be read: {error}"),
    }
    if shown.states {
        states(version, &mut members);
    }
    Value::Object(members)
}

/// The members that a function has also when nobody gave them.
fn defaults(call: &Call<'_>, name: &str) -> Map<String, Value> {
    let role = format!("arn:aws:iam::{}:role/sqlambda-local", call.service.account());
    [
        ("Role", json!(role)),
        ("Architectures", json!(["x86_64"])),
        ("EphemeralStorage", json!({ "Size": 512 })),
        (
            "LoggingConfig",
            json!({ "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{name}") }),
        ),
        ("SnapStart", json!({ "ApplyOn": "None", "OptimizationStatus": "Off" })),
        ("TracingConfig", json!({ "Mode": "PassThrough" })),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

fn states(version: &Version, members: &mut Map<String, Value>) {
    let mut set = |name: &str, value: &str| members.insert(name.to_owned(), value.into());
    match &version.state {
        Progress::Doing => {
            set("State", "Pending");
            set("StateReason", "The function is being created.");
            set("StateReasonCode", "Creating");
        }
        Progress::Done => drop(set("State", "Active")),
        Progress::Failed(reason) => {
            set("State", "Failed");
            set("StateReason", reason);
            set("StateReasonCode", "InvalidRuntime");
        }
    }
    match &version.update {
        Progress::Doing if version.state == Progress::Doing => {}
        Progress::Doing => drop(set("LastUpdateStatus", "InProgress")),
        Progress::Done => drop(set("LastUpdateStatus", "Successful")),
        Progress::Failed(reason) => {
            set("LastUpdateStatus", "Failed");
            set("LastUpdateStatusReason", reason);
            set("LastUpdateStatusReasonCode", "InvalidRuntime");
        }
    }
}
