//! Finding the functions in a folder, and guessing what their configuration leaves open.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config::{ConfigError, FILE_NAME, FunctionFile, Runtime};
use super::{Found, Function, LATEST};
use crate::runtimes::Toolchain;

/// Why the functions of a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// The folder cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// A `function.json` is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Two folders or files have the same function name.
    #[error("function `{name}` is there twice: {} and {}", first.display(), second.display())]
    Twice {
        /// The function.
        name: String,
        /// Where it was found.
        first: PathBuf,
        /// Where it was found again.
        second: PathBuf,
    },
    /// A `function.json` names no runtime, and none can be guessed.
    #[error(
        "{}: no Runtime, and none of lambda_function.py, index.js, index.mjs or bootstrap is there \
         to guess it from", path.display()
    )]
    NoRuntime {
        /// The configuration file.
        path: PathBuf,
    },
}

/// The functions in `folders`, sorted by name.
pub fn discover(folders: &[PathBuf], toolchain: &Toolchain) -> Result<Vec<Found>, DiscoverError> {
    let mut functions = BTreeMap::<String, Found>::new();
    for folder in folders {
        for path in entries(folder)? {
            let Some(found) = function_at(&path, toolchain)? else { continue };
            let name = found.function.name.clone();
            if let Some(first) = functions.get(&name) {
                let first = first.function.task_root.clone();
                return Err(DiscoverError::Twice { name, first, second: path });
            }
            functions.insert(name, found);
        }
    }
    Ok(functions.into_values().collect())
}

/// What lies in the folder, sorted; hidden entries and tools' own folders are left out.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DiscoverError> {
    let failed = |error| DiscoverError::Read { path: folder.to_owned(), error };
    let folder = folder.canonicalize().map_err(failed)?;
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with('.') && name != "__pycache__" && name != "node_modules" {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn function_at(path: &Path, toolchain: &Toolchain) -> Result<Option<Found>, DiscoverError> {
    if path.is_dir() {
        folder_function(path, toolchain)
    } else {
        Ok(file_function(path, toolchain))
    }
}

/// A folder is a function when it has a `function.json` or something to guess from.
fn folder_function(path: &Path, toolchain: &Toolchain) -> Result<Option<Found>, DiscoverError> {
    let file = FunctionFile::read(path)?;
    let runtime = match (file.runtime, guess(path, toolchain)) {
        (Some(runtime), _) => runtime,
        (None, Some(runtime)) => runtime,
        (None, None) if path.join(FILE_NAME).exists() => {
            return Err(DiscoverError::NoRuntime { path: path.join(FILE_NAME) });
        }
        (None, None) => {
            tracing::warn!(folder = %path.display(), "no function in this folder");
            return Ok(None);
        }
    };
    let default_handler = default_handler(&runtime);
    let function = Function {
        name: name_of(path.file_name()),
        version: LATEST.to_owned(),
        task_root: path.to_owned(),
        handler: file.handler.unwrap_or_else(|| default_handler.to_owned()),
        runtime,
        timeout: Duration::from_secs(file.timeout.unwrap_or(3).into()),
        memory_mb: file.memory_size.unwrap_or(128),
        variables: file.environment.variables,
    };
    Ok(Some(Found {
        function,
        single_file: false,
        description: file.description.unwrap_or_default(),
        reserved_concurrency: file.reserved_concurrent_executions,
        aliases: file.aliases.into_keys().collect(),
    }))
}

/// A single `.py`, `.js` or `.mjs` file is a function of that name with the usual handler.
fn file_function(path: &Path, toolchain: &Toolchain) -> Option<Found> {
    let stem = name_of(path.file_stem());
    let (runtime, handler) = match path.extension()?.to_str()? {
        "py" => (toolchain.default_python(), format!("{stem}.lambda_handler")),
        "js" | "mjs" => (toolchain.default_node(), format!("{stem}.handler")),
        _ => return None,
    };
    let function = Function {
        name: stem,
        version: LATEST.to_owned(),
        task_root: path.parent()?.to_owned(),
        runtime,
        handler,
        timeout: Duration::from_secs(3),
        memory_mb: 128,
        variables: BTreeMap::new(),
    };
    Some(Found {
        function,
        single_file: true,
        description: String::new(),
        reserved_concurrency: None,
        aliases: Vec::new(),
    })
}

fn name_of(name: Option<&std::ffi::OsStr>) -> String {
    name.unwrap_or_default().to_string_lossy().into_owned()
}

/// The runtime that a folder's files tell.
fn guess(folder: &Path, toolchain: &Toolchain) -> Option<Runtime> {
    let has = |name: &str| folder.join(name).is_file();
    if has("bootstrap") {
        return "provided.al2023".parse().ok();
    }
    if has("lambda_function.py") {
        return Some(toolchain.default_python());
    }
    (has("index.js") || has("index.mjs")).then(|| toolchain.default_node())
}

fn default_handler(runtime: &Runtime) -> &'static str {
    match runtime.family() {
        super::RuntimeFamily::Python(_) => "lambda_function.lambda_handler",
        super::RuntimeFamily::Node(_) => "index.handler",
        super::RuntimeFamily::Provided => "bootstrap",
    }
}
