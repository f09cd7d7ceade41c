//! The functions: folders, single files and templates on disk, and their configuration.

mod config;
mod discover;
mod handler;
mod template;

pub use config::{ConfigError, Runtime, RuntimeFamily};
pub(crate) use config::{check_variable, is_reserved_variable};
pub use discover::{DiscoverError, Discovered, Problem, Sources};
pub(crate) use handler::missing_handler;
pub use template::Context;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The version that changes with the function; the others are numbers.
pub const LATEST: &str = "$LATEST";

/// One version of a function, as its processes see it.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name: for a folder's function, the folder's, or the file's without the extension.
    pub name: String,
    /// `$LATEST`, or the number of a published version.
    pub version: String,
    /// Where its code is; the working directory and `LAMBDA_TASK_ROOT` of its processes.
    pub task_root: PathBuf,
    /// The folders of its layers, the first layer first.
    pub layers: Vec<PathBuf>,
    /// What runs it.
    pub runtime: Runtime,
    /// The entry point, in the runtime's own notation.
    pub handler: String,
    /// How long a call may take.
    pub timeout: Duration,
    /// The memory a call may use, in MiB.
    pub memory_mb: u32,
    /// Its own environment variables.
    pub variables: BTreeMap<String, String>,
}

/// A function as a folder, a file or a template describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Where it is described.
    pub origin: Origin,
    /// Its code.
    pub source: Source,
    /// Its layers, in their order.
    pub layers: Vec<Layer>,
    /// What runs it.
    pub runtime: Runtime,
    /// The entry point, in the runtime's own notation.
    pub handler: String,
    /// How long a call may take, in seconds; nothing is AWS's default.
    pub timeout: Option<u32>,
    /// The memory a call may use, in MiB; nothing is AWS's default.
    pub memory_mb: Option<u32>,
    /// Free text.
    pub description: String,
    /// Its environment variables.
    pub variables: BTreeMap<String, String>,
    /// The concurrency reserved for it, which is also its upper bound.
    pub reserved_concurrency: Option<u32>,
    /// The names of its aliases; all stand for `$LATEST`.
    pub aliases: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// How its asynchronous events are handled.
    pub events: Option<AsyncSettings>,
}

/// Where a function is described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The folder or template that was given to the service.
    pub root: PathBuf,
    /// The file that names the handler, or the folder that it is guessed from.
    pub file: PathBuf,
    /// The handler's line in the file.
    pub line: Option<usize>,
}

impl Found {
    /// Whether both are the same function, wherever it is described.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Self { origin: other.origin.clone(), ..self.clone() } == *other
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file.display()),
            None => write!(f, "{}", self.file.display()),
        }
    }
}

/// Where code is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A folder, served where it lies.
    Folder {
        /// The folder.
        path: PathBuf,
        /// Whether only its files belong to it, and no folder in it.
        files_only: bool,
    },
    /// A zip archive.
    Archive(PathBuf),
    /// A file that a template holds.
    Inline {
        /// The file's name.
        file: String,
        /// What is in it.
        text: String,
    },
}

/// A layer of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// What it holds, as it lies below `/opt` on AWS.
    pub source: Source,
}

/// How asynchronous events are handled. What is not given is AWS's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AsyncSettings {
    /// How often a failed event is tried again.
    pub retries: Option<u32>,
    /// How old an event may become, in seconds.
    pub age: Option<u32>,
    /// The ARN that gets the results of events that succeeded.
    pub on_success: Option<String>,
    /// The ARN that gets the events that failed.
    pub on_failure: Option<String>,
}

/// The handler of a function that names none.
fn default_handler(runtime: &Runtime) -> &'static str {
    match runtime.family() {
        RuntimeFamily::Python(_) => "lambda_function.lambda_handler",
        RuntimeFamily::Node(_) => "index.handler",
        RuntimeFamily::Provided => "bootstrap",
    }
}
