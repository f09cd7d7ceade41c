//! GetFunction, GetFunctionConfiguration, ListFunctions, DeleteFunction.

use http::StatusCode;
use serde_json::json;

use super::answers::{Shown, answer, configuration as show};
use super::call::{Call, Target};
use super::location::location;
use super::pages::{Page, version_key};
use crate::functions::LATEST;
use crate::http_io::{Answer, empty};
use crate::invoke_api::{ApiError, NameProblem, validation_error};
use crate::model::{Record, Version, number};

/// Calls `tell` with the version that the request means.
fn find<T>(
    call: &Call<'_>,
    action: &str,
    tell: impl FnOnce(&Record, &Version, Shown<'_>) -> T,
) -> Result<T, ApiError> {
    let target = call.target(action, &[])?;
    let missing =
        || ApiError::not_found(format!("Function not found: {}", call.qualified_arn(&target)));
    let record = call.service.functions().get(&target.name).ok_or_else(missing)?;
    let version = record.qualified(target.qualifier.as_deref()).ok_or_else(missing)?;
    Ok(tell(&record, version, Shown { qualifier: target.qualifier.as_deref(), states: true }))
}

/// GetFunctionConfiguration.
pub(super) fn configuration(call: &Call<'_>) -> Result<Answer, ApiError> {
    let found = find(call, "GetFunctionConfiguration", |record, version, shown| {
        show(call, record, version, shown)
    })?;
    Ok(answer(StatusCode::OK, found))
}

/// GetFunction.
pub(super) fn get(call: &Call<'_>) -> Result<Answer, ApiError> {
    let found = find(call, "GetFunction", |record, version, shown| {
        let mut found = json!({
            "Configuration": show(call, record, version, shown),
            "Code": { "RepositoryType": "S3", "Location": location(call, record, version) },
        });
        if !record.tags.is_empty() {
            found["Tags"] = json!(record.tags);
        }
        if let Some(reserved) = record.reserved_concurrency {
            found["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
        }
        found
    })?;
    Ok(answer(StatusCode::OK, found))
}

/// ListFunctions.
pub(super) fn list(call: &Call<'_>) -> Result<Answer, ApiError> {
    let mut problems = Vec::new();
    let page = Page::read(call, 10_000, &mut problems)?;
    let all = match call.parameter("FunctionVersion") {
        None => false,
        Some("ALL") => true,
        Some(other) => {
            problems.push(NameProblem::not_one_of(other, "functionVersion", "ALL"));
            false
        }
    };
    if !problems.is_empty() {
        return Err(validation_error(&problems));
    }
    let records = call.service.functions().all();
    let versions = records.values().flat_map(|record| {
        let wanted = if all { usize::MAX } else { 1 };
        record
            .all_versions()
            .take(wanted)
            .map(|version| (version_key(&record.name, version.number), (record.as_ref(), version)))
    });
    let show = |(record, version): (&Record, &Version)| {
        let name = version.name();
        let qualifier = all.then_some(name.as_str());
        show(call, record, version, Shown { qualifier, states: false })
    };
    // Sorted by name, `a-b` stands before `a`: the mark between name and number must not decide.
    let mut versions: Vec<_> = versions.collect();
    versions.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(answer(StatusCode::OK, page.of("Functions", versions.into_iter(), show)))
}

/// DeleteFunction: the whole function, or one published version.
pub(super) fn delete(call: &Call<'_>) -> Result<Answer, ApiError> {
    let target = call.target("DeleteFunction", &[])?;
    match target.qualifier.as_deref() {
        None => delete_all(call, &target.name)?,
        Some(LATEST) => {
            return Err(ApiError::invalid_parameter(
                "$LATEST version cannot be deleted without deleting the function.",
            ));
        }
        Some(qualifier) => delete_version(call, &target, qualifier)?,
    }
    call.service.code_was_dropped();
    Ok(empty(StatusCode::NO_CONTENT))
}

fn delete_all(call: &Call<'_>, name: &str) -> Result<(), ApiError> {
    let from_folder = call.service.functions().change(name, |record, _| match record.take() {
        Some(record) => Ok(record.folder.is_some()),
        None => Err(call.not_found(name)),
    })?;
    if from_folder {
        tracing::warn!(function = name, "deleted until the next start, or a change of its folder");
    }
    call.service.pools().remove(name, None);
    call.service.pools().sync_reservations();
    Ok(())
}

fn delete_version(call: &Call<'_>, target: &Target, version: &str) -> Result<(), ApiError> {
    let Some(number) = number(version) else {
        return Err(ApiError::invalid_parameter("Deletion of aliases is not currently supported."));
    };
    let found = call.service.functions().change(&target.name, |record, _| {
        let Some(record) = record else {
            let arn = call.qualified_arn(target);
            return Err(ApiError::not_found(format!("Function not found: {arn}")));
        };
        let aliases = record.aliases_of(version);
        if !aliases.is_empty() {
            return Err(ApiError::conflict(format!(
                "Unable to delete version because the following aliases reference it: [{}]",
                aliases.join(", ")
            )));
        }
        record.policies.remove(version);
        record.event_invoke.remove(version);
        Ok(record.versions.remove(&number).is_some())
    })?;
    if found {
        call.service.pools().remove(&target.name, Some(version));
    }
    Ok(())
}
