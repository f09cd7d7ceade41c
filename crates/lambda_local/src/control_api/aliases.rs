//! Aliases, which may divide their calls between two versions.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use super::answers::answer;
use super::call::{Call, check_revision};
use super::pages::Page;
use super::shapes;
use super::update::ASK_FUNCTION;
use crate::functions::LATEST;
use crate::http_io::{Answer, empty};
use crate::invoke_api::{ApiError, NameProblem, validation_error};
use crate::model::{Alias, Record, new_id};

/// CreateAlias.
pub(super) fn create(call: &Call<'_>) -> Result<Answer, ApiError> {
    let function = call.whole_function("CreateAlias", shapes::CREATE_ALIAS)?;
    let name = call.text("Name").unwrap_or_default();
    let version = call.text("FunctionVersion").unwrap_or_default();
    let shown = call.change(&function, |record, _| {
        if record.aliases.contains_key(name) {
            let arn = call.arn(&function);
            return Err(ApiError::conflict(format!("Alias already exists: {arn}:{name}")));
        }
        let alias = Alias {
            version: version.to_owned(),
            weights: weights(call, record, version)?.unwrap_or_default(),
            description: call.text("Description").unwrap_or_default().to_owned(),
            revision_id: new_id(),
        };
        check_version(call, record, version)?;
        let shown = show(call, &function, name, &alias);
        record.aliases.insert(name.to_owned(), alias);
        Ok(shown)
    })?;
    Ok(answer(StatusCode::CREATED, shown))
}

/// UpdateAlias.
pub(super) fn update(call: &Call<'_>) -> Result<Answer, ApiError> {
    let function = call.whole_function("UpdateAlias", shapes::UPDATE_ALIAS)?;
    let name = alias_name(call);
    let shown = call.change(&function, |record, _| {
        let mut alias =
            record.aliases.get(name).cloned().ok_or_else(|| missing(call, &function, name))?;
        check_revision(call.text("RevisionId"), &alias.revision_id, ASK_FUNCTION)?;
        if let Some(version) = call.text("FunctionVersion") {
            check_version(call, record, version)?;
            alias.version = version.to_owned();
        }
        if let Some(description) = call.text("Description") {
            alias.description = description.to_owned();
        }
        if let Some(weights) = weights(call, record, &alias.version)? {
            alias.weights = weights;
        }
        alias.revision_id = new_id();
        let shown = show(call, &function, name, &alias);
        record.aliases.insert(name.to_owned(), alias);
        Ok(shown)
    })?;
    Ok(answer(StatusCode::OK, shown))
}

/// GetAlias.
pub(super) fn get(call: &Call<'_>) -> Result<Answer, ApiError> {
    let function = call.whole_function("GetAlias", &[])?;
    let name = alias_name(call);
    let record = call.record(&function)?;
    let alias = record.aliases.get(name).ok_or_else(|| missing(call, &function, name))?;
    Ok(answer(StatusCode::OK, show(call, &function, name, alias)))
}

/// ListAliases: all, or those of one version.
pub(super) fn list(call: &Call<'_>) -> Result<Answer, ApiError> {
    let mut problems = Vec::new();
    let page = Page::read(call, 10_000, &mut problems)?;
    let function = call.target_with("ListAliases", &[], problems)?.name;
    let record = call.record(&function)?;
    let version = call.parameter("FunctionVersion");
    let aliases = record
        .aliases
        .iter()
        .filter(|(_, alias)| version.is_none_or(|version| version == alias.version))
        .map(|(name, alias)| (name.clone(), (name, alias)));
    let show = |(name, alias): (&String, &Alias)| show(call, &function, name, alias);
    Ok(answer(StatusCode::OK, page.of("Aliases", aliases, show)))
}

/// DeleteAlias. One that is not there is deleted already.
pub(super) fn delete(call: &Call<'_>) -> Result<Answer, ApiError> {
    let function = call.whole_function("DeleteAlias", &[])?;
    let name = alias_name(call);
    call.change(&function, |record, _| {
        record.aliases.remove(name);
        record.policies.remove(name);
        record.event_invoke.remove(name);
        Ok(())
    })?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn alias_name<'a>(call: &'a Call<'_>) -> &'a str {
    call.path.get(1).map_or("", String::as_str)
}

/// There is no such alias.
pub(super) fn missing(call: &Call<'_>, function: &str, name: &str) -> ApiError {
    ApiError::not_found(format!("Cannot find alias arn: {}:{name}", call.arn(function)))
}

fn show(call: &Call<'_>, function: &str, name: &str, alias: &Alias) -> Value {
    let mut shown = json!({
        "AliasArn": format!("{}:{name}", call.arn(function)),
        "Name": name,
        "FunctionVersion": alias.version,
        "RevisionId": alias.revision_id,
    });
    if !alias.description.is_empty() {
        shown["Description"] = alias.description.as_str().into();
    }
    if !alias.weights.is_empty() {
        shown["RoutingConfig"] = json!({ "AdditionalVersionWeights": alias.weights });
    }
    shown
}

fn check_version(call: &Call<'_>, record: &Record, version: &str) -> Result<(), ApiError> {
    match record.version(version) {
        Some(_) => Ok(()),
        None => {
            let arn = call.arn(&record.name);
            Err(ApiError::not_found(format!("Function not found: {arn}:{version}")))
        }
    }
}

/// The weights of the request for an alias of `main`; nothing when the request has none.
fn weights(
    call: &Call<'_>,
    record: &Record,
    main: &str,
) -> Result<Option<BTreeMap<String, f64>>, ApiError> {
    if !call.body.get("RoutingConfig").is_some_and(Value::is_object) {
        return Ok(None);
    }
    let Some(given) = call.inner("RoutingConfig", "AdditionalVersionWeights") else {
        return Ok(Some(BTreeMap::new()));
    };
    let weights: BTreeMap<String, f64> = given
        .as_object()
        .into_iter()
        .flatten()
        .map(|(version, weight)| (version.clone(), weight.as_f64().unwrap_or(f64::NAN)))
        .collect();
    if weights.len() > 1 {
        return Err(ApiError::invalid_parameter(
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ));
    }
    for (version, weight) in &weights {
        if !(0.0..=1.0).contains(weight) {
            let problem = NameProblem::of_map(
                &format!("{{{version}={weight:?}}}"),
                "routingConfig.additionalVersionWeights",
                "Map value must satisfy constraint: [Member must have value less than or equal to \
                 1.0, Member must have value greater than or equal to 0.0, Member must not be null]",
            );
            return Err(validation_error(&[problem]));
        }
        if version == main {
            return Err(ApiError::invalid_parameter(format!(
                "Invalid function version {version}. Function version {version} is already included \
                 in routing configuration."
            )));
        }
        if main == LATEST {
            return Err(ApiError::invalid_parameter(
                "$LATEST is not supported for an alias pointing to more than 1 version",
            ));
        }
        check_version(call, record, version)?;
    }
    Ok(Some(weights))
}
