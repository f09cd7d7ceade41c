//! The environment variables of a function's process, built from nothing.

use std::collections::BTreeMap;
use std::path::Path;

use crate::functions::{Function, RuntimeFamily};

/// What a process is told about itself besides its function.
#[derive(Clone, Debug)]
pub struct ChildIdentity {
    /// `host:port` of its Runtime API.
    pub runtime_api: String,
    /// The region it believes to be in.
    pub region: String,
    /// The name of its log stream.
    pub log_stream: String,
    /// The credentials it calls AWS with: the service's own test credentials.
    pub access_key: String,
    /// Their secret.
    pub secret_key: String,
}

/// The variables of a process, which has no others: a variable of the service's own environment
/// would make a function behave differently from one machine to the next.
///
/// `packages` is a folder of Python packages that were installed for the function.
pub fn child_variables(
    function: &Function,
    identity: &ChildIdentity,
    packages: Option<&Path>,
) -> BTreeMap<String, String> {
    let own = |name: &str| std::env::var(name).ok();
    let task_root = function.task_root.to_string_lossy();
    let mut variables: BTreeMap<String, String> = [
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.as_str()),
        ("AWS_LAMBDA_FUNCTION_VERSION", &function.version),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &function.memory_mb.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{}", function.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", &identity.log_stream),
        ("AWS_LAMBDA_RUNTIME_API", &identity.runtime_api),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{}", function.runtime)),
        ("AWS_REGION", &identity.region),
        ("AWS_DEFAULT_REGION", &identity.region),
        ("AWS_ACCESS_KEY_ID", &identity.access_key),
        ("AWS_SECRET_ACCESS_KEY", &identity.secret_key),
        ("_HANDLER", &function.handler),
        ("LAMBDA_TASK_ROOT", &task_root),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("TZ", ":UTC"),
        ("LANG", "en_US.UTF-8"),
        // Where the machine's tools are is the one thing that only the machine knows.
        ("PATH", &own("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".to_owned())),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    if function.runtime.family() == RuntimeFamily::Provided {
        // Amazon's base image for own runtimes sets none.
        variables.remove("AWS_EXECUTION_ENV");
    }
    variables.extend(function.variables.clone());
    if let Some(packages) = packages {
        // First: in a deployment package they lie beside the function's own code.
        let paths = std::iter::once(packages.to_string_lossy().into_owned());
        let own = variables.get("PYTHONPATH").filter(|path| !path.is_empty()).cloned();
        let path = paths.chain(own).collect::<Vec<_>>().join(":");
        variables.insert("PYTHONPATH".to_owned(), path);
    }
    variables
}
