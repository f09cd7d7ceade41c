//! The language runtimes: Amazon's own clients, installed once into a cache folder.
//!
//! Nothing here runs a language just to learn its version once the set-up is done: the service must
//! be ready within milliseconds.

mod cache;
mod node;
pub(crate) mod path;
mod python;
mod requirements;

use std::path::PathBuf;

use crate::functions::{Function, Runtime, RuntimeFamily};

/// Why a runtime cannot be used; the text says what to do.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct RuntimeError(String);

impl RuntimeError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// How to start a function's process: a program and the arguments before the handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launcher {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Whether the handler is the last argument.
    pub handler_argument: bool,
    /// A folder of Python packages for this function only.
    pub packages: Option<PathBuf>,
}

/// The runtimes of this machine, and the folder they are installed into.
#[derive(Clone, Debug)]
pub struct Toolchain {
    cache: PathBuf,
}

impl Toolchain {
    /// The runtimes under `SQLAMBDA_CACHE_DIR`, else `$XDG_CACHE_HOME/sqlambda`, else
    /// `~/.cache/sqlambda`.
    pub fn from_environment() -> Result<Self, RuntimeError> {
        let set =
            |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = set("SQLAMBDA_CACHE_DIR")
            .or_else(|| Some(set("XDG_CACHE_HOME")?.join("sqlambda")))
            .or_else(|| Some(set("HOME")?.join(".cache").join("sqlambda")))
            .ok_or_else(|| {
                RuntimeError::new(
                    "no cache folder: set SQLAMBDA_CACHE_DIR (HOME is not set either)",
                )
            })?;
        Ok(Self { cache: std::path::absolute(&cache).unwrap_or(cache) })
    }

    /// The runtime of a Python function that does not name one: the installed version.
    pub fn default_python(&self) -> Runtime {
        python::default_runtime(&self.cache)
    }

    /// The runtime of a Node function that does not name one: the installed version.
    pub fn default_node(&self) -> Runtime {
        node::default_runtime(&self.cache)
    }

    /// How to start functions of this runtime; installs the runtime's client the first time.
    ///
    /// Blocks while it installs. Two processes that ask at once install once.
    pub fn launcher(&self, runtime: &Runtime) -> Result<Launcher, RuntimeError> {
        match runtime.family() {
            RuntimeFamily::Python(minor) => python::launcher(&self.cache, minor),
            RuntimeFamily::Node(major) => node::launcher(&self.cache, major),
            // Each function brings its own; it is looked for in its folder when it starts.
            RuntimeFamily::Provided => Ok(Launcher {
                program: PathBuf::from("bootstrap"),
                arguments: Vec::new(),
                handler_argument: false,
                packages: None,
            }),
        }
    }

    /// The runtime's launcher with what this function wants besides; installs it the first time.
    pub fn with_packages(
        &self,
        launcher: Launcher,
        function: &Function,
    ) -> Result<Launcher, RuntimeError> {
        match function.runtime.family() {
            RuntimeFamily::Python(_) => python::with_packages(&self.cache, launcher, function),
            // A Node function brings its node_modules, an own runtime everything.
            RuntimeFamily::Node(_) | RuntimeFamily::Provided => Ok(launcher),
        }
    }
}
