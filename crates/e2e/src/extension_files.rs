//! The files that make up the extensions, and where in a PostgreSQL each belongs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::pg_config::PgConfig;
use crate::workspace::Workspace;

/// One file to install.
#[derive(Clone, Debug)]
pub struct ExtensionFile {
    /// Where it is in the workspace.
    pub from: PathBuf,
    /// Where the server looks for it.
    pub to: PathBuf,
}

impl ExtensionFile {
    /// Copies the file: written beside its place, then renamed, because a running server may have
    /// the old library mapped and must not see it change.
    pub fn install(&self) -> Result<()> {
        let name = self.to.file_name().context("a file has a name")?.to_string_lossy();
        let beside = self.to.with_file_name(format!(".{name}.new"));
        fs::copy(&self.from, &beside)
            .and_then(|_| fs::rename(&beside, &self.to))
            .inspect_err(|_| drop(fs::remove_file(&beside)))
            .with_context(|| format!("cannot write {}", self.to.display()))
    }
}

/// Every file of the extensions for the PostgreSQL of `pg_config`.
pub fn extension_files(workspace: &Workspace, pg_config: &PgConfig) -> Result<Vec<ExtensionFile>> {
    let share = pg_config.share.join("extension");
    let mut files = Vec::new();
    for (extension, folder) in extension_folders(workspace)? {
        for from in sql_files(&folder, &extension)? {
            let name = from.file_name().context("a file has a name")?;
            files.push(ExtensionFile { to: share.join(name), from });
        }
        // An extension without a crate is SQL only.
        if folder.join("Cargo.toml").is_file() {
            files.push(library(workspace, pg_config, &extension)?);
        }
    }
    Ok(files)
}

/// The extensions of the workspace: each folder that holds a control file of its own name.
fn extension_folders(workspace: &Workspace) -> Result<Vec<(String, PathBuf)>> {
    let crates = workspace.root.join("crates");
    let mut found = Vec::new();
    for entry in fs::read_dir(&crates).with_context(|| format!("no {}", crates.display()))? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if control_file(&folder, &name).is_file() {
            found.push((name, folder));
        }
    }
    if found.is_empty() {
        bail!("{} holds no extension: no folder with a control file", crates.display());
    }
    found.sort();
    Ok(found)
}

fn control_file(folder: &Path, extension: &str) -> PathBuf {
    folder.join(format!("{extension}.control"))
}

/// The control file, then the scripts in order of their names: those of `sql`, and those of
/// `sql/released`, by which older versions can still be created.
fn sql_files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for scripts in [folder.join("sql"), folder.join("sql/released")] {
        for entry in fs::read_dir(&scripts).with_context(|| format!("no {}", scripts.display()))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(&format!("{extension}--")) && name.ends_with(".sql") {
                files.push(path);
            }
        }
    }
    files.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    files.insert(0, control_file(folder, extension));
    Ok(files)
}

fn library(workspace: &Workspace, pg_config: &PgConfig, extension: &str) -> Result<ExtensionFile> {
    let from = workspace.extension_library(extension, pg_config.major);
    if !from.is_file() {
        bail!("{} was not built", from.display());
    }
    // PostgreSQL's modules end in .so on macOS too until 15, in .dylib from 16.
    let suffix = if cfg!(target_os = "macos") && pg_config.major >= 16 { "dylib" } else { "so" };
    Ok(ExtensionFile { to: pg_config.pkglib.join(format!("{extension}.{suffix}")), from })
}
