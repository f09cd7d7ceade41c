//! The folder that `docker compose up` runs in: a database, and the local service beside it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::notices::Notices;
use super::source::Source;
use super::tree::Tree;
use crate::apt;

/// What the repository has for it.
const FOLDER: &str = "packaging/docker";

/// The function that is served until there are others.
const FUNCTION: &str = "examples/functions/simple";

/// The Debian of the images where the packages were made on something else.
const SUITE: &str = "trixie";

/// Writes the folder `docker` into `folder`, with the packages that its images install.
pub fn write(
    source: &Source,
    major: u16,
    packages: &[PathBuf],
    notices: &Notices,
    folder: &Path,
) -> Result<PathBuf> {
    let mut files = Tree::default();
    for from in source.files.paths() {
        if let Ok(path) = from.strip_prefix(FOLDER) {
            let text = String::from_utf8_lossy(source.files.content(from).unwrap_or_default());
            files.add(path, filled_in(&text, major));
        } else if let Ok(path) = from.strip_prefix(FUNCTION) {
            files.take(&source.files, from, Path::new("functions/simple").join(path));
        }
    }
    for package in packages {
        let name = package.file_name().context("a package has a name")?;
        files.copy(package, Path::new("packages").join(name))?;
    }
    // The official images leave out what packages have in /usr/share/doc, but for `copyright`.
    files.take_all(&notices.files(), "third-party");
    let docker = folder.join("docker");
    if docker.exists() {
        fs::remove_dir_all(&docker)?;
    }
    files.write(&docker, source.time)?;
    Ok(docker)
}

fn filled_in(text: &str, major: u16) -> String {
    // The images must have the C library that the packages were made with.
    let suite = apt::suite().unwrap_or_else(|| SUITE.to_owned());
    // Where the official image declares its volume.
    let data = if major < 18 { "/var/lib/postgresql/data" } else { "/var/lib/postgresql" };
    text.replace("@MAJOR@", &major.to_string()).replace("@SUITE@", &suite).replace("@DATA@", data)
}
