//! What a `pg_config` says about its PostgreSQL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// The answers of one `pg_config`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PgConfig {
    /// The program that was asked.
    pub path: PathBuf,
    /// `PostgreSQL 15.14`
    pub version: String,
    /// `15`
    pub major: u16,
    /// The folder of `postgres` and `psql`.
    pub bin: PathBuf,
    /// The folder of C libraries such as libpq.
    pub lib: PathBuf,
    /// The folder of loadable modules: extensions' shared libraries go here.
    pub pkglib: PathBuf,
    /// The folder of data files: extensions' SQL files go into its `extension`.
    pub share: PathBuf,
    /// The folder of the server's C headers.
    pub include_server: PathBuf,
}

impl PgConfig {
    /// The PostgreSQL majors that the extensions support.
    pub const MAJORS: std::ops::RangeInclusive<u16> = 13..=18;

    /// Asks the `pg_config` at `path`.
    pub fn ask(path: &Path) -> Result<Self> {
        let questions = [
            "--version",
            "--bindir",
            "--libdir",
            "--pkglibdir",
            "--sharedir",
            "--includedir-server",
        ];
        let answer = Command::new(path)
            .args(questions)
            .output()
            .with_context(|| format!("cannot run {}", path.display()))?;
        let text = String::from_utf8_lossy(&answer.stdout);
        let lines: Vec<&str> = text.lines().collect();
        let [version, bin, lib, pkglib, share, include_server] = lines.as_slice() else {
            let complaint = String::from_utf8_lossy(&answer.stderr);
            bail!("{} is no working pg_config: {}", path.display(), complaint.trim());
        };
        Ok(Self {
            path: path.to_owned(),
            version: (*version).to_owned(),
            major: major_of(version)
                .with_context(|| format!("{} says version {version:?}", path.display()))?,
            bin: bin.into(),
            lib: lib.into(),
            pkglib: pkglib.into(),
            share: share.into(),
            include_server: include_server.into(),
        })
    }

    /// Whether extensions can be compiled against it: the headers are often a package of their own.
    pub fn has_server_headers(&self) -> bool {
        self.include_server.join("postgres.h").is_file()
    }

    /// Where the bindings are that pgrx publishes for its major, for one that has no headers.
    pub fn published_bindings(&self) -> PathBuf {
        // The name under which pgrx's build looks for them.
        self.include_server.join(format!("pg{}_raw_bindings.rs", self.major))
    }

    /// The folders of the libraries that it carries: for one outside the system's folders its library
    /// folder, and the folders beside it that Python's wheels add (`NAME.libs`).
    pub fn private_libraries(&self) -> Vec<PathBuf> {
        let is_system = ["/usr/lib", "/lib"].iter().any(|system| self.lib.starts_with(system));
        if is_system {
            return Vec::new();
        }
        let mut folders = vec![self.lib.clone()];
        for above in self.lib.ancestors().skip(1).take(3) {
            let entries = fs::read_dir(above).into_iter().flatten().flatten();
            folders.extend(entries.map(|entry| entry.path()).filter(|path| {
                path.extension().is_some_and(|ending| ending == "libs") && path.is_dir()
            }));
        }
        folders
    }

    /// Whether a server can be run from it.
    pub fn has_server(&self) -> bool {
        self.bin.join("postgres").is_file() && self.bin.join("initdb").is_file()
    }

    /// Whether the extensions support its major.
    pub fn is_supported(&self) -> bool {
        Self::MAJORS.contains(&self.major)
    }

    /// The cargo feature that selects its major.
    pub fn cargo_feature(&self) -> String {
        format!("pg{}", self.major)
    }
}

/// `PostgreSQL 15.14 (Debian ...)`, `PostgreSQL 18beta1`: the digits after the first space.
fn major_of(version: &str) -> Option<u16> {
    let number = version.split_whitespace().nth(1)?;
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major_of;

    #[test]
    fn majors_of_released_and_unreleased_versions() {
        assert_eq!(major_of("PostgreSQL 15.14 (Debian 15.14-0+deb12u1)"), Some(15));
        assert_eq!(major_of("PostgreSQL 18beta1"), Some(18));
        assert_eq!(major_of("PostgreSQL"), None);
    }
}
