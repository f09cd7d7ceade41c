//! Functions and invocations, as the page's scripts read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::environment::Environments;
use crate::invocations::{Excerpt, Invocation};
use crate::model::{Alias, Code, Progress, Record, Version};

/// A function. Of its variables only the names: values may be secrets.
pub(super) fn function(record: &Record, environments: Environments) -> Value {
    let configuration = &record.latest.configuration;
    let (state, reason) = state(&record.latest);
    let folder = record.folder.as_ref().and(match &record.latest.code {
        Code::Folder { path, .. } => Some(path.display().to_string()),
        Code::Archive { .. } => None,
    });
    json!({
        "name": record.name,
        "description": configuration.description,
        "state": state,
        "reason": reason,
        "runtime": configuration.runtime.to_string(),
        "handler": configuration.handler,
        "timeout": configuration.timeout,
        "memory": configuration.memory_mb,
        "variables": configuration.variables.keys().collect::<Vec<_>>(),
        "reserved": record.reserved_concurrency,
        "modified": record.latest.last_modified,
        "folder": folder,
        "versions": record.versions.values().map(version).collect::<Vec<_>>(),
        "aliases": record.aliases.iter().map(alias).collect::<Vec<_>>(),
        "environments": {
            "starting": environments.starting,
            "idle": environments.idle,
            "busy": environments.busy,
        },
    })
}

fn state(version: &Version) -> (&'static str, Option<&str>) {
    match (&version.state, &version.update) {
        (Progress::Failed(reason), _) | (_, Progress::Failed(reason)) => ("Failed", Some(reason)),
        (Progress::Doing, _) | (_, Progress::Doing) => ("Pending", None),
        (Progress::Done, Progress::Done) => ("Active", None),
    }
}

fn version(version: &Version) -> Value {
    json!({ "version": version.name(), "description": version.configuration.description })
}

fn alias((name, alias): (&String, &Alias)) -> Value {
    let weights: Vec<_> = alias.weights.iter().collect();
    json!({ "name": name, "version": alias.version, "weights": weights })
}

/// An invocation as the list shows it.
pub(super) fn summary(invocation: &Invocation) -> Value {
    let (begun, end) = (&invocation.begun, invocation.end.as_deref());
    let usage = end.and_then(|end| end.usage);
    json!({
        "number": begun.number,
        "at": unix_millis(begun.at),
        "function": begun.function,
        "version": begun.version,
        "qualifier": begun.qualifier,
        "id": begun.request_id,
        "type": begun.kind.name(),
        "status": end.map_or("running", |end| end.status.name()),
        "error": end.and_then(|end| end.error_type.as_deref()),
        "duration": usage.map(|usage| millis(usage.duration)),
        "billed": usage.map(|usage| usage.billed_ms()),
        "init": usage.and_then(|usage| usage.init).map(millis),
        "cold": usage.map(|usage| usage.cold),
        "memory": begun.memory_mb,
        "memory_used": usage.map(|usage| usage.memory_peak_mb),
    })
}

/// All that is kept of an invocation.
pub(super) fn detail(invocation: &Invocation) -> Value {
    let end = invocation.end.as_deref();
    let mut view = summary(invocation);
    view["event"] = excerpt(&invocation.begun.event);
    view["answer"] = end.map_or(Value::Null, |end| excerpt(&end.answer));
    view["log"] =
        end.map_or_else(String::new, |end| String::from_utf8_lossy(&end.log).into()).into();
    view
}

/// A text of which the beginning is kept.
pub(super) fn excerpt(excerpt: &Excerpt) -> Value {
    json!({ "text": excerpt.text(), "length": excerpt.length, "cut": excerpt.is_cut() })
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// Milliseconds since 1970, as JavaScript counts.
pub(super) fn unix_millis(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
