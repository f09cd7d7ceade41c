//! TagResource, UntagResource, ListTags.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use super::answers::answer;
use super::call::Call;
use super::members::{Member, check};
use super::shapes;
use crate::http_io::{Answer, empty};
use crate::invoke_api::{ApiError, FunctionName, NameProblem, check_reachable, validation_error};
use crate::limits::TAGS;

/// The pattern that AWS prints when a resource is none that can have tags.
const RESOURCE_PATTERN: &str = r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|(capacity-provider|network-connector):[a-zA-Z0-9-_]{1,64})";

/// The tags in a request.
pub(super) fn read(call: &Call<'_>) -> Result<BTreeMap<String, String>, ApiError> {
    let tags = call.body.get("Tags").and_then(Value::as_object);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tags: BTreeMap<String, String> =
        tags.into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect();
    check_number(&tags)?;
    Ok(tags)
}

fn check_number(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > TAGS {
        return Err(ApiError::invalid_parameter("Number of tags exceeds resource tag limit."));
    }
    Ok(())
}

/// The name of the function whose ARN stands in the path.
fn function(call: &Call<'_>, action: &str, members: &[Member]) -> Result<String, ApiError> {
    let given = call.path.first().map_or("", String::as_str);
    let mut problems = Vec::new();
    let function = FunctionName::parse(given).ok().filter(|_| given.starts_with("arn:"));
    if function.is_none() {
        let rule = format!("satisfy regular expression pattern: {RESOURCE_PATTERN}");
        problems.push(NameProblem::new(given, "resource", &rule));
    }
    check(members, &call.body, &mut problems)?;
    let (Some(function), []) = (function, problems.as_slice()) else {
        return Err(validation_error(&problems));
    };
    check_reachable(call.service, &call.caller, &function, action)?;
    if function.qualifier.is_some() {
        return Err(ApiError::invalid_parameter(
            "Tags on function aliases and versions are not supported. Please specify a function \
             ARN.",
        ));
    }
    Ok(function.name)
}

/// TagResource: a tag that is there already gets the new value.
pub(super) fn tag(call: &Call<'_>) -> Result<Answer, ApiError> {
    let function = function(call, "TagResource", shapes::TAG_RESOURCE)?;
    let tags = read(call)?;
    if tags.is_empty() {
        return Err(ApiError::invalid_parameter(
            "An error occurred and the request cannot be processed.",
        ));
    }
    call.change(&function, |record, _| {
        let mut all = record.tags.clone();
        all.extend(tags);
        check_number(&all)?;
        record.tags = all;
        Ok(())
    })?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// UntagResource.
pub(super) fn untag(call: &Call<'_>) -> Result<Answer, ApiError> {
    let function = function(call, "UntagResource", &[])?;
    let keys: Vec<&str> = call.parameters("tagKeys").collect();
    if keys.is_empty() {
        return Err(validation_error(&[NameProblem::missing("tagKeys")]));
    }
    call.change(&function, |record, _| {
        record.tags.retain(|key, _| !keys.contains(&key.as_str()));
        Ok(())
    })?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// ListTags.
pub(super) fn list(call: &Call<'_>) -> Result<Answer, ApiError> {
    let function = function(call, "ListTags", &[])?;
    let record = call.record(&function)?;
    Ok(answer(StatusCode::OK, json!({ "Tags": record.tags })))
}
