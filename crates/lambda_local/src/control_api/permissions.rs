//! The resource policies of functions, versions and aliases.
//!
//! They are kept and told as AWS does. They let nobody in here: whoever has one of the service's
//! access keys may call everything.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::aliases;
use super::answers::answer;
use super::call::{Call, Target, check_revision};
use super::shapes;
use crate::functions::LATEST;
use crate::http_io::{Answer, empty};
use crate::invoke_api::ApiError;
use crate::limits::POLICY_BYTES;
use crate::model::{Record, new_id, number};

/// The operations that tell a policy's revision.
const ASK_POLICY: &str = "GetFunction/GetAlias";

/// AddPermission.
pub(super) fn add(call: &Call<'_>) -> Result<Answer, ApiError> {
    let target = call.target("AddPermission", shapes::ADD_PERMISSION)?;
    if target.qualifier.as_deref() == Some(LATEST) {
        return Err(ApiError::invalid_parameter(
            "We currently do not support adding policies for $LATEST.",
        ));
    }
    let id = call.text("StatementId").unwrap_or_default();
    let statement = statement(call, id)?;
    let shown = call.change(&target.name, |record, _| {
        let key = key(call, record, &target)?;
        check_revision(call.text("RevisionId"), revision(record, &key), ASK_POLICY)?;
        let statements = record.policies.entry(key.clone()).or_default();
        if statements.iter().any(|statement| statement["Sid"] == id) {
            return Err(ApiError::conflict(format!(
                "The statement id ({id}) provided already exists. Please provide a new statement \
                 id, or remove the existing statement."
            )));
        }
        statements.push(statement.clone());
        if policy(call, &target, statements).len() > POLICY_BYTES {
            return Err(ApiError::policy_length());
        }
        renew(record, &key);
        Ok(of_resource(call, &target, &statement).to_string())
    })?;
    Ok(answer(StatusCode::CREATED, json!({ "Statement": shown })))
}

/// GetPolicy.
pub(super) fn get(call: &Call<'_>) -> Result<Answer, ApiError> {
    let target = call.target("GetPolicy", &[])?;
    let record = call.record(&target.name)?;
    let key = key(call, &record, &target)?;
    let statements = record.policies.get(&key).ok_or_else(|| {
        ApiError::not_found("The resource you requested does not exist.".to_owned())
    })?;
    let policy = policy(call, &target, statements);
    let shown = json!({ "Policy": policy, "RevisionId": revision(&record, &key) });
    Ok(answer(StatusCode::OK, shown))
}

/// RemovePermission.
pub(super) fn remove(call: &Call<'_>) -> Result<Answer, ApiError> {
    let target = call.target("RemovePermission", &[])?;
    let id = call.path.get(1).map_or("", String::as_str);
    call.change(&target.name, |record, _| {
        let key = key(call, record, &target)?;
        let statements = record.policies.get(&key).ok_or_else(|| {
            ApiError::not_found("No policy is associated with the given resource.".to_owned())
        })?;
        let mut left = statements.clone();
        left.retain(|statement| statement["Sid"] != id);
        if left.len() == statements.len() {
            return Err(ApiError::not_found(format!(
                "Statement {id} is not found in resource policy."
            )));
        }
        check_revision(call.parameter("RevisionId"), revision(record, &key), ASK_POLICY)?;
        if left.is_empty() {
            record.policies.remove(&key);
        } else {
            record.policies.insert(key.clone(), left);
        }
        renew(record, &key);
        Ok(())
    })?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// What a policy is kept under: `$LATEST` stands for the function itself.
fn key(call: &Call<'_>, record: &Record, target: &Target) -> Result<String, ApiError> {
    let key = target.qualifier.as_deref().unwrap_or(LATEST);
    match record.qualified(Some(key)) {
        Some(_) => Ok(key.to_owned()),
        None if number(key).is_none() => Err(aliases::missing(call, &record.name, key)),
        None => {
            let arn = call.arn(&record.name);
            Err(ApiError::not_found(format!("Function not found: {arn}:{key}")))
        }
    }
}

fn revision<'a>(record: &'a Record, key: &str) -> &'a str {
    match record.aliases.get(key) {
        Some(alias) => &alias.revision_id,
        None => record.version(key).map_or("", |version| &version.revision_id),
    }
}

/// A policy belongs to its function, version or alias, which has changed with it.
fn renew(record: &mut Record, key: &str) {
    if let Some(alias) = record.aliases.get_mut(key) {
        alias.revision_id = new_id();
    } else if let Some(version) = number(key).and_then(|number| record.versions.get_mut(&number)) {
        version.revision_id = new_id();
    } else {
        record.latest.revision_id = new_id();
    }
}

/// The policy's text.
fn policy(call: &Call<'_>, target: &Target, statements: &[Value]) -> String {
    let statements: Vec<Value> =
        statements.iter().map(|statement| of_resource(call, target, statement)).collect();
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements }).to_string()
}

/// A statement with the ARN of what it is about, which depends on the caller's region.
fn of_resource(call: &Call<'_>, target: &Target, statement: &Value) -> Value {
    let qualifier = target.qualifier.clone().filter(|qualifier| qualifier != LATEST);
    let target = Target { name: target.name.clone(), qualifier };
    let mut statement = statement.clone();
    statement["Resource"] = call.qualified_arn(&target).into();
    statement
}

fn statement(call: &Call<'_>, id: &str) -> Result<Value, ApiError> {
    let principal = principal(call.text("Principal").unwrap_or_default())?;
    let mut statement = json!({
        "Sid": id,
        "Effect": "Allow",
        "Principal": principal,
        "Action": call.text("Action"),
    });
    let conditions = conditions(call);
    if !conditions.is_empty() {
        statement["Condition"] = conditions.into();
    }
    Ok(statement)
}

fn principal(given: &str) -> Result<Value, ApiError> {
    let account = given.len() == 12 && given.bytes().all(|byte| byte.is_ascii_digit());
    if given == "*" {
        return Ok("*".into());
    }
    if account {
        return Ok(json!({ "AWS": format!("arn:aws:iam::{given}:root") }));
    }
    if given.starts_with("arn:") {
        return Ok(json!({ "AWS": given }));
    }
    if given.ends_with(".amazonaws.com") || given.ends_with(".amazon.com") {
        return Ok(json!({ "Service": given }));
    }
    Err(ApiError::invalid_parameter(
        "The provided principal was invalid. Please check the principal and try again.",
    ))
}

fn conditions(call: &Call<'_>) -> Map<String, Value> {
    let mut conditions = Map::new();
    let mut add = |operator: &str, key: &str, value: Value| {
        let known = conditions.entry(operator).or_insert_with(|| json!({}));
        known[key] = value;
    };
    let equals = [
        ("SourceAccount", "AWS:SourceAccount"),
        ("EventSourceToken", "lambda:EventSourceToken"),
        ("FunctionUrlAuthType", "lambda:FunctionUrlAuthType"),
        ("PrincipalOrgID", "aws:PrincipalOrgID"),
    ];
    for (member, key) in equals {
        if let Some(value) = call.text(member) {
            add("StringEquals", key, value.into());
        }
    }
    if call.body.get("InvokedViaFunctionUrl").is_some_and(Value::is_boolean) {
        let value = call.flag("InvokedViaFunctionUrl").to_string();
        add("Bool", "lambda:InvokedViaFunctionUrl", value.into());
    }
    if let Some(value) = call.text("SourceArn") {
        add("ArnLike", "AWS:SourceArn", value.into());
    }
    conditions
}
