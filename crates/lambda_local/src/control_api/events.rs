//! How asynchronous events of a function, a version or an alias are handled.

use std::time::{SystemTime, UNIX_EPOCH};

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::answers::answer;
use super::call::{Call, Target};
use super::pages::Page;
use super::shapes;
use crate::functions::LATEST;
use crate::http_io::{Answer, empty};
use crate::invoke_api::ApiError;
use crate::model::EventInvoke;

/// The most items of a page.
const PAGE: usize = 50;

/// PutFunctionEventInvokeConfig; with `update`, UpdateFunctionEventInvokeConfig, which leaves what it
/// does not name.
pub(super) fn put(call: &Call<'_>, update: bool) -> Result<Answer, ApiError> {
    let action =
        if update { "UpdateFunctionEventInvokeConfig" } else { "PutFunctionEventInvokeConfig" };
    let target = call.target(action, shapes::EVENT_INVOKE)?;
    let given = |member: &str| call.body.get(member).is_some_and(|value| !value.is_null());
    let members = ["MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"];
    if !members.into_iter().any(given) {
        return Err(ApiError::invalid_parameter(
            "You must specify at least one of error handling or destination setting.",
        ));
    }
    let key = key(&target);
    let unknown = || ApiError::not_found("The function doesn't exist.".to_owned());
    let shown = call.service.functions().change(&target.name, |record, _| {
        let record = record.as_mut().ok_or_else(unknown)?;
        record.qualified(Some(&key)).ok_or_else(unknown)?;
        let before = record.event_invoke.get(&key);
        if update && before.is_none() {
            return Err(missing(call, &target));
        }
        let mut config = before.filter(|_| update).cloned().unwrap_or_default();
        apply(call, &target, &mut config)?;
        let shown = show(call, &target.name, &key, &config);
        record.event_invoke.insert(key.clone(), config);
        Ok(shown)
    })?;
    Ok(answer(StatusCode::OK, shown))
}

fn apply(call: &Call<'_>, target: &Target, config: &mut EventInvoke) -> Result<(), ApiError> {
    let small = |member| call.number(member).and_then(|number| u32::try_from(number).ok());
    config.retries = small("MaximumRetryAttempts").or(config.retries);
    config.age = small("MaximumEventAgeInSeconds").or(config.age);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    config.last_modified = (now.as_secs_f64() * 1_000.0).trunc() / 1_000.0;
    for (member, place) in
        [("OnSuccess", &mut config.on_success), ("OnFailure", &mut config.on_failure)]
    {
        let Some(given) = call.inner("DestinationConfig", member) else { continue };
        let destination = given.get("Destination").and_then(Value::as_str).unwrap_or_default();
        if destination == call.arn(&target.name) {
            return Err(ApiError::invalid_parameter(
                "You can't specify the function as a destination for itself.",
            ));
        }
        *place = Some(destination.to_owned()).filter(|destination| !destination.is_empty());
    }
    Ok(())
}

/// GetFunctionEventInvokeConfig.
pub(super) fn get(call: &Call<'_>) -> Result<Answer, ApiError> {
    let target = call.target("GetFunctionEventInvokeConfig", &[])?;
    let key = key(&target);
    let record = call.service.functions().get(&target.name);
    let config = record.as_ref().and_then(|record| record.event_invoke.get(&key));
    let config = config.ok_or_else(|| missing(call, &target))?;
    Ok(answer(StatusCode::OK, show(call, &target.name, &key, config)))
}

/// ListFunctionEventInvokeConfigs.
pub(super) fn list(call: &Call<'_>) -> Result<Answer, ApiError> {
    let mut problems = Vec::new();
    let page = Page::read(call, PAGE, &mut problems)?;
    let name = call.target_with("ListFunctionEventInvokeConfigs", &[], problems)?.name;
    let unknown = || ApiError::not_found("The function doesn't exist.".to_owned());
    let record = call.service.functions().get(&name).ok_or_else(unknown)?;
    let configs =
        record.event_invoke.iter().map(|(key, config)| (key.clone(), (key.as_str(), config)));
    let show = |(key, config): (&str, &EventInvoke)| show(call, &name, key, config);
    Ok(answer(StatusCode::OK, page.of("FunctionEventInvokeConfigs", configs, show)))
}

/// DeleteFunctionEventInvokeConfig.
pub(super) fn delete(call: &Call<'_>) -> Result<Answer, ApiError> {
    let target = call.target("DeleteFunctionEventInvokeConfig", &[])?;
    let key = key(&target);
    call.service.functions().change(&target.name, |record, _| {
        let known = record.as_mut().and_then(|record| record.event_invoke.remove(&key));
        known.map(drop).ok_or_else(|| missing(call, &target))
    })?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn key(target: &Target) -> String {
    target.qualifier.clone().unwrap_or_else(|| LATEST.to_owned())
}

fn missing(call: &Call<'_>, target: &Target) -> ApiError {
    let arn = call.arn(&target.name);
    let key = key(target);
    ApiError::not_found(format!("The function {arn}:{key} doesn't have an EventInvokeConfig"))
}

fn show(call: &Call<'_>, name: &str, key: &str, config: &EventInvoke) -> Value {
    let mut shown = json!({
        "FunctionArn": format!("{}:{key}", call.arn(name)),
        "LastModified": config.last_modified,
    });
    if let Some(retries) = config.retries {
        shown["MaximumRetryAttempts"] = retries.into();
    }
    if let Some(age) = config.age {
        shown["MaximumEventAgeInSeconds"] = age.into();
    }
    let mut destinations = Map::new();
    for (member, place) in [("OnSuccess", &config.on_success), ("OnFailure", &config.on_failure)] {
        if let Some(destination) = place {
            destinations.insert(member.to_owned(), json!({ "Destination": destination }));
        }
    }
    if !destinations.is_empty() {
        shown["DestinationConfig"] = destinations.into();
    }
    shown
}
