//! The functions: folders (or single files) on disk, and their configuration.

mod config;
mod discover;

pub(crate) use config::check_variable;
pub use config::{ConfigError, Runtime, RuntimeFamily};
pub use discover::{DiscoverError, discover};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The version every call runs until versions are published.
pub const LATEST: &str = "$LATEST";

/// One function, as its folder describes it.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name: the folder's, or the file's without the extension.
    pub name: String,
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
    /// The concurrency reserved for it, which is also its upper bound.
    pub reserved_concurrency: Option<u32>,
    /// Its aliases: from the alias's name to a version.
    pub aliases: BTreeMap<String, String>,
}

impl Function {
    /// The version that a qualifier stands for, or nothing if the function has no such version.
    pub fn version_of(&self, qualifier: Option<&str>) -> Option<&str> {
        match qualifier {
            None | Some(LATEST) => Some(LATEST),
            Some(alias) => self.aliases.get(alias).map(String::as_str),
        }
    }
}
