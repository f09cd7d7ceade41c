//! The functions: folders (or single files) on disk, and their configuration.

mod config;
mod discover;

pub use config::{ConfigError, Runtime, RuntimeFamily};
pub(crate) use config::{check_variable, is_reserved_variable};
pub use discover::{DiscoverError, discover};

use std::collections::BTreeMap;
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

/// A function found in a folder, with what its `function.json` says besides.
#[derive(Clone, Debug)]
pub struct Found {
    /// The function; its version is `$LATEST`.
    pub function: Function,
    /// Whether it is one file of its folder.
    pub single_file: bool,
    /// Free text.
    pub description: String,
    /// The concurrency reserved for it, which is also its upper bound.
    pub reserved_concurrency: Option<u32>,
    /// The names of its aliases; all stand for `$LATEST`.
    pub aliases: Vec<String>,
}
