//! CreateFunction.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value};

use super::answers::{answer, own};
use super::call::Call;
use super::update::Tidy;
use super::{code, settings, shapes, tags, versions};
use crate::http_io::Answer;
use crate::invoke_api::{ApiError, FunctionName, NameProblem, check_reachable, validation_error};
use crate::model::{Configuration, Progress, Record, Version, new_id, now};

/// The longest name of a function; the pattern of names allows for a whole ARN.
const LONGEST_NAME: usize = 64;

/// CreateFunction.
pub(super) async fn create(call: &Call<'_>) -> Result<Answer, ApiError> {
    let name = name(call)?;
    settings::check_supported(call)?;
    let mut version = version(call)?;
    settings::apply(call, &mut version.configuration)?;
    let tags = tags::read(call)?;
    let exists = || ApiError::conflict(format!("Function already exist: {name}"));
    if call.service.functions().get(&name).is_some() {
        return Err(exists());
    }
    let arriving = call.service.code().arrival().await;
    let empty = Map::new();
    let given = call.body.get("Code").and_then(Value::as_object).unwrap_or(&empty);
    let _tidy = Tidy(call);
    version.code = code::receive(call, given).await?;
    let (record, shown) = call.service.functions().change(&name, |record, all| {
        if record.is_some() {
            return Err(exists());
        }
        code::check_storage(all, &version.code)?;
        let mut new = Record::new(&name, version);
        new.tags = tags;
        let published = call.flag("Publish").then(|| versions::add(&mut new, None));
        let shown = published.unwrap_or_else(|| new.latest.clone());
        *record = Some(new.clone());
        Ok((new, shown))
    })?;
    drop(arriving);
    call.service.activate(&record);
    Ok(answer(StatusCode::CREATED, own(call, &record, &shown)))
}

/// Checks the members; returns the function's bare name.
fn name(call: &Call<'_>) -> Result<String, ApiError> {
    let mut problems = Vec::new();
    let given = call.text("FunctionName").unwrap_or_default();
    let function = match FunctionName::parse(given) {
        Ok(function) => Some(function),
        // That it is missing is told with the other members.
        Err(_) if given.is_empty() => None,
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    super::members::check(shapes::CREATE_FUNCTION, &call.body, &mut problems)?;
    let bad_name = |name: &str| name.len() > LONGEST_NAME || name.contains('.');
    match function.as_ref().map(|function| &function.name).filter(|name| bad_name(name)) {
        Some(name) if name.len() > LONGEST_NAME => {
            let rule = format!("have length less than or equal to {LONGEST_NAME}");
            problems.push(NameProblem::new(name, "functionName", &rule));
        }
        Some(name) => {
            let rule = "satisfy regular expression pattern: [a-zA-Z0-9-_]+";
            problems.push(NameProblem::new(name, "functionName", rule));
        }
        None => {}
    }
    let (Some(function), []) = (function, problems.as_slice()) else {
        return Err(validation_error(&problems));
    };
    check_reachable(call.service, &call.caller, &function, "CreateFunction")?;
    if function.qualifier.is_some() {
        return Err(ApiError::invalid_parameter(
            "The name of a new function must not have a qualifier",
        ));
    }
    Ok(function.name)
}

/// `$LATEST` with the defaults and without code.
fn version(call: &Call<'_>) -> Result<Version, ApiError> {
    let given = |member| call.text(member).filter(|text| !text.is_empty());
    let (Some(runtime), Some(handler)) = (given("Runtime"), given("Handler")) else {
        return Err(ApiError::invalid_parameter(
            "Runtime and Handler are mandatory parameters for functions created with deployment \
             packages.",
        ));
    };
    Ok(Version {
        number: None,
        configuration: Configuration {
            runtime: settings::runtime(runtime)?,
            handler: handler.to_owned(),
            timeout: 3,
            memory_mb: 128,
            description: String::new(),
            variables: BTreeMap::new(),
            layers: Vec::new(),
            kept: Map::new(),
        },
        code: crate::model::Code::Archive { sha256: String::new(), bytes: 0 },
        build: new_id(),
        revision_id: new_id(),
        last_modified: now(),
        state: Progress::Doing,
        update: Progress::Doing,
    })
}
