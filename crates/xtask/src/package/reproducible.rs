//! Whether the same commit gives the same bytes, built in another place.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use e2e::{PgConfig, Workspace};

use super::source::Source;
use super::{Made, make};
use crate::command;
use crate::progress;

/// Clones the commit into a temporary folder, compiles and packs it there, and compares with `made`.
pub fn check(workspace: &Workspace, pg_config: &PgConfig, made: &Made) -> Result<()> {
    progress::stage("making them again, from a clone in another folder");
    let folder = tempfile::Builder::new().prefix("sqlambda-again-").tempdir()?;
    let root = folder.path().join("clone");
    let mut clone = Command::new("git");
    clone.args(["clone", "--quiet"]).arg(&workspace.root).arg(&root);
    command::succeed(clone)?;
    let target = folder.path().join("target");
    let clone = Workspace { root, target, profile: workspace.profile };
    let output = folder.path().join("packages");
    let again = make(&clone, pg_config, &Source::of(&clone)?, &output)?;

    let different = different(&made.files, &again.files)?;
    if !different.is_empty() {
        // For who looks for the cause.
        let kept = folder.keep();
        bail!(
            "made twice, these are not the same: {}; compare with those in {}",
            different.join(", "),
            kept.join("packages").display()
        );
    }
    eprintln!("    made twice, in different folders: every byte is the same");
    Ok(())
}

/// The names of files of which there are not two with the same content. The folder for Docker holds
/// copies of what is compared, and of the sources.
pub fn different(one: &[PathBuf], other: &[PathBuf]) -> Result<Vec<String>> {
    let mut different = Vec::new();
    for file in one.iter().filter(|file| file.is_file()) {
        let name = file.file_name().context("a package has a name")?;
        let same = other.iter().find(|it| it.file_name() == Some(name));
        let is_same = match same {
            Some(same) => fs::read(file)? == fs::read(same)?,
            None => false,
        };
        if !is_same {
            different.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(different)
}
