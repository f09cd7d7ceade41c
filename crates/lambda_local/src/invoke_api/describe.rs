//! The operations that only look: ListFunctions, GetFunction and GetFunctionConfiguration.

use http::{StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::ApiError;
use super::name::{FunctionName, validation_error};
use crate::functions::{Function, LATEST};
use crate::http_io::{Answer, json as json_answer};
use crate::service::Service;

/// What the path of a GET request asks for.
enum Question<'a> {
    All,
    Function(&'a str),
    Configuration(&'a str),
}

impl<'a> Question<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix("/2015-03-31/functions")?;
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match parts.as_slice() {
            [] | [""] => Some(Self::All),
            [name] => Some(Self::Function(name)),
            [name, "configuration"] => Some(Self::Configuration(name)),
            _ => None,
        }
    }
}

/// Answers a GET request; nothing when it is another operation.
pub(super) fn describe(
    service: &Service,
    uri: &Uri,
    region: &str,
) -> Option<Result<Answer, ApiError>> {
    let describe = |function: &Function| configuration(service, function, region);
    let found = match Question::of(uri.path())? {
        Question::All => Ok(json!({
            "Functions": service.functions().map(describe).collect::<Vec<_>>()
        })),
        Question::Configuration(name) => find(service, name, region, describe),
        Question::Function(name) => find(service, name, region, |function| {
            json!({
                "Configuration": describe(function),
                "Code": { "Location": format!("file://{}", function.task_root.display()) }
            })
        }),
    };
    Some(found.map(|body| json_answer(StatusCode::OK, body.to_string())))
}

fn find(
    service: &Service,
    name: &str,
    region: &str,
    describe: impl Fn(&Function) -> Value,
) -> Result<Value, ApiError> {
    let name = percent_decode_str(name).decode_utf8_lossy();
    let name = FunctionName::parse(&name).map_err(|problem| validation_error(&[problem]))?;
    let pool = service.pool(&name.name).ok_or_else(|| {
        let arn = arn(service, &name.name, region);
        ApiError::not_found(format!("Function not found: {arn}"))
    })?;
    Ok(describe(pool.function()))
}

fn arn(service: &Service, name: &str, region: &str) -> String {
    format!("arn:aws:lambda:{region}:{}:function:{name}", service.account())
}

/// The members of AWS's FunctionConfiguration that mean something here.
fn configuration(service: &Service, function: &Function, region: &str) -> Value {
    let mut configuration = json!({
        "FunctionName": function.name,
        "FunctionArn": arn(service, &function.name, region),
        "Runtime": function.runtime.identifier(),
        "Handler": function.handler,
        "Timeout": function.timeout.as_secs(),
        "MemorySize": function.memory_mb,
        "Version": LATEST,
        "PackageType": "Zip",
        "State": "Active",
        "LastUpdateStatus": "Successful",
    });
    if !function.variables.is_empty() {
        configuration["Environment"] = json!({ "Variables": function.variables });
    }
    configuration
}
