//! The source distribution for PGXN (<https://pgxn.org/spec/>).

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::source::Source;
use super::tree::Tree;

/// What is in the repository only for the distribution, and lies at its top.
const FOLDER: &str = "packaging/pgxn";

/// Writes `aws_lambda-VERSION.zip` into `folder`: the repository as it is, with PGXN's description
/// and a Makefile that drives cargo.
pub fn write(source: &Source, folder: &Path) -> Result<PathBuf> {
    let mut files = Tree::default();
    for from in source.files.paths() {
        let path = from.strip_prefix(FOLDER).unwrap_or(from);
        files.take(&source.files, from, path);
    }
    files.add("META.json", description(source)?);
    let name = format!("aws_lambda-{}", source.version);
    let archive = folder.join(format!("{name}.zip"));
    files.zip(&archive, &name, source.time)?;
    Ok(archive)
}

fn description(source: &Source) -> Result<String> {
    let text = source.read(&format!("{FOLDER}/META.json"))?;
    let text = text.replace("@VERSION@", source.version);
    // As PGXN's server would: a description that is no JSON is refused.
    let _: serde_json::Value = serde_json::from_str(&text).context("META.json")?;
    Ok(text)
}
