//! Where the sources are, and where cargo puts what it makes of them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The cargo profile that was built.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Profile {
    /// `cargo build`
    Debug,
    /// `cargo build --release`
    Release,
    /// `cargo build --profile dist`: what packages ship.
    Dist,
}

impl Profile {
    /// The name of the profile's folder below the target folder.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
            Self::Dist => "dist",
        }
    }
}

/// The source tree and the folder of build results that belong together.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// Cargo's target folder, wherever the user keeps it.
    pub target: PathBuf,
    /// Which profile's results are used.
    pub profile: Profile,
}

impl Workspace {
    /// The folder of the profile's build results.
    pub fn built(&self) -> PathBuf {
        self.target.join(self.profile.folder())
    }

    /// The `sqlambda` program.
    pub fn sqlambda(&self) -> PathBuf {
        self.built().join("sqlambda")
    }

    /// The shared library of a crate, as cargo names it.
    pub fn library(&self, name: &str) -> PathBuf {
        self.built().join(library_file(name))
    }

    /// The shared library of an extension for a major of PostgreSQL, kept apart from the others'.
    pub fn extension_library(&self, extension: &str, major: u16) -> PathBuf {
        self.built().join(format!("pg{major}")).join(library_file(extension))
    }

    /// The folders of example and test functions that the playground serves.
    pub fn function_folders(&self) -> Vec<PathBuf> {
        [Path::new("examples/functions"), Path::new("crates/e2e/functions")]
            .iter()
            .map(|folder| self.root.join(folder))
            .filter(|folder| folder.is_dir())
            .collect()
    }
}

fn library_file(name: &str) -> String {
    format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}
