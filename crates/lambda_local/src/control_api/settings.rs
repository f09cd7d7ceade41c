//! The members of a function's configuration, as CreateFunction and UpdateFunctionConfiguration take
//! them.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::shapes::RUNTIMES;
use crate::functions::{Runtime, is_reserved_variable};
use crate::invoke_api::ApiError;
use crate::limits::VARIABLES_BYTES;
use crate::model::Configuration;

/// Members that change what a function's code meets, and that this service cannot provide. Taking
/// them in silence would let a function run that does not work.
const UNSUPPORTED: [&str; 10] = [
    "AcceleratorConfig",
    "CapacityProviderConfig",
    "DurableConfig",
    "FileSystemConfigs",
    "ImageConfig",
    "PublishTo",
    "RuntimeConfig",
    "SourceKMSKeyArn",
    "TenancyConfig",
    "ImageUri",
];

/// Members that change nothing here; the API gives them back.
const KEPT: [&str; 7] = [
    "Role",
    "KMSKeyArn",
    "DeadLetterConfig",
    "TracingConfig",
    "Architectures",
    "EphemeralStorage",
    "VpcConfig",
];

/// Refuses what this service cannot provide.
pub(super) fn check_supported(call: &Call<'_>) -> Result<(), ApiError> {
    for member in UNSUPPORTED {
        let given = call.body.get(member).is_some_and(|value| !is_empty(value));
        if given {
            return Err(ApiError::invalid_parameter(format!(
                "{member} is not supported by sqlambda local"
            )));
        }
    }
    if call.text("PackageType") == Some("Image") {
        return Err(ApiError::invalid_parameter(
            "PackageType Image is not supported by sqlambda local: it runs no containers. Send the \
             code as ZipFile",
        ));
    }
    if call.text("CodeSigningConfigArn").is_some_and(|arn| !arn.is_empty()) {
        return Err(ApiError::no_code_signing());
    }
    if let Some(layer) = call.body.get("Layers").and_then(|layers| layers.get(0)) {
        return Err(ApiError::invalid_parameter(format!(
            "Layer version {} does not exist.",
            layer.as_str().unwrap_or_default()
        )));
    }
    Ok(())
}

/// Reads `Runtime`.
pub(super) fn runtime(text: &str) -> Result<Runtime, ApiError> {
    if !RUNTIMES.contains(&text) {
        return Err(ApiError::invalid_parameter(format!(
            "Value {text} at 'runtime' failed to satisfy constraint: Member must satisfy enum value \
             set: [{}] or be a valid ARN",
            RUNTIMES.join(", ")
        )));
    }
    text.parse().map_err(|_| {
        ApiError::invalid_parameter(format!(
            "The runtime {text} cannot be run by sqlambda local, which runs python3.N, nodejsN.x, \
             provided.al2 and provided.al2023"
        ))
    })
}

/// Puts the members that were given into a configuration.
pub(super) fn apply(call: &Call<'_>, configuration: &mut Configuration) -> Result<(), ApiError> {
    if let Some(text) = call.text("Runtime") {
        configuration.runtime = runtime(text)?;
    }
    if let Some(handler) = call.text("Handler") {
        configuration.handler = handler.to_owned();
    }
    if let Some(description) = call.text("Description") {
        configuration.description = description.to_owned();
    }
    let small = |member| call.number(member).and_then(|number| u32::try_from(number).ok());
    configuration.timeout = small("Timeout").unwrap_or(configuration.timeout);
    configuration.memory_mb = small("MemorySize").unwrap_or(configuration.memory_mb);
    if let Some(variables) = call.inner("Environment", "Variables").and_then(Value::as_object) {
        check_variables(variables)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        configuration.variables =
            variables.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    } else if call.body.get("Environment").is_some_and(Value::is_object) {
        configuration.variables.clear();
    }
    for member in KEPT {
        keep(&mut configuration.kept, member, call.body.get(member).cloned());
    }
    if let Some(apply_on) = call.inner("SnapStart", "ApplyOn") {
        let snap_start = json!({ "ApplyOn": apply_on, "OptimizationStatus": "Off" });
        keep(&mut configuration.kept, "SnapStart", Some(snap_start));
    }
    if let Some(Value::Object(given)) = call.body.get("LoggingConfig") {
        let name = call.text("FunctionName").or(call.path.first().map(String::as_str));
        let name = name.unwrap_or_default().rsplit(':').next().unwrap_or_default();
        keep(&mut configuration.kept, "LoggingConfig", Some(logging(given, name)));
    }
    Ok(())
}

/// Keeps a member's value; an empty one removes it.
fn keep(kept: &mut Map<String, Value>, member: &str, value: Option<Value>) {
    match value.map(without_empty) {
        None | Some(Value::Null) => {}
        Some(value) if is_empty(&value) => drop(kept.remove(member)),
        Some(value) => drop(kept.insert(member.to_owned(), value)),
    }
}

/// A structure without its empty members, such as a VPC configuration without subnets.
fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, value)| !is_empty(value)).collect())
        }
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn logging(given: &Map<String, Value>, name: &str) -> Value {
    let mut logging = given.clone();
    logging.retain(|_, value| !is_empty(value));
    logging.entry("LogFormat").or_insert("Text".into());
    logging.entry("LogGroup").or_insert(format!("/aws/lambda/{name}").into());
    if logging["LogFormat"] == "JSON" {
        logging.entry("ApplicationLogLevel").or_insert("INFO".into());
        logging.entry("SystemLogLevel").or_insert("INFO".into());
    }
    Value::Object(logging)
}

fn check_variables(variables: &Map<String, Value>) -> Result<(), ApiError> {
    const SORRY: &str = "Lambda was unable to configure your environment variables because the \
                         environment variables you have provided";
    let reserved: Vec<&str> =
        variables.keys().map(String::as_str).filter(|name| is_reserved_variable(name)).collect();
    if !reserved.is_empty() {
        return Err(ApiError::invalid_parameter(format!(
            "{SORRY} contains reserved keys that are currently not supported for modification. \
             Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    if Value::from(variables.clone()).to_string().len() > VARIABLES_BYTES {
        // AWS goes on with the variables themselves, which may be secret.
        return Err(ApiError::invalid_parameter(format!("{SORRY} exceeded the 4KB limit.")));
    }
    let zero = variables.iter().find(|(_, value)| value.as_str().is_some_and(|v| v.contains('\0')));
    if let Some((name, _)) = zero {
        return Err(ApiError::invalid_parameter(format!("{SORRY} has a zero byte in {name}.")));
    }
    Ok(())
}
