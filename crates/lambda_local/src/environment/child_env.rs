//! The environment variables of a function's process, built from nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
    // First: in a deployment package they lie beside the function's own code.
    let mut python: Vec<PathBuf> = packages.map(Path::to_owned).into_iter().collect();
    python.extend(layer_folders(function, &python_folders(function)));
    put_before(&mut variables, "PYTHONPATH", &python);
    put_before(&mut variables, "NODE_PATH", &layer_folders(function, &node_folders(function)));
    put_before(&mut variables, "PATH", &layer_folders(function, &["bin".to_owned()]));
    put_before(&mut variables, "LD_LIBRARY_PATH", &layer_folders(function, &["lib".to_owned()]));
    variables
}

/// The folders of this kind that the layers have. A later layer lies over an earlier one on AWS, so
/// it is looked into first.
fn layer_folders(function: &Function, kinds: &[String]) -> Vec<PathBuf> {
    let layers = function.layers.iter().rev();
    let folders = layers.flat_map(|layer| kinds.iter().map(|kind| layer.join(kind)));
    folders.filter(|folder| folder.is_dir()).collect()
}

/// Where Amazon's Python runtimes look below `/opt`.
fn python_folders(function: &Function) -> Vec<String> {
    match function.runtime.family() {
        RuntimeFamily::Python(minor) => {
            vec![format!("python/lib/python3.{minor}/site-packages"), "python".to_owned()]
        }
        RuntimeFamily::Node(_) | RuntimeFamily::Provided => Vec::new(),
    }
}

/// Where Amazon's Node.js runtimes look below `/opt`.
fn node_folders(function: &Function) -> Vec<String> {
    match function.runtime.family() {
        RuntimeFamily::Node(major) => {
            vec![format!("nodejs/node{major}/node_modules"), "nodejs/node_modules".to_owned()]
        }
        RuntimeFamily::Python(_) | RuntimeFamily::Provided => Vec::new(),
    }
}

/// Puts folders before those that a variable lists.
fn put_before(variables: &mut BTreeMap<String, String>, name: &str, folders: &[PathBuf]) {
    if folders.is_empty() {
        return;
    }
    let paths = folders.iter().map(|folder| folder.to_string_lossy().into_owned());
    let own = variables.get(name).filter(|path| !path.is_empty()).cloned();
    let path = paths.chain(own).collect::<Vec<_>>().join(":");
    variables.insert(name.to_owned(), path);
}
