//! Functions made through the API, by the same client on every side.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::command;

/// Makes a function of each folder, or so many of one, and prints the milliseconds until each was
/// active: `create.py ADDRESS FOLDER NAME COUNT`.
const SCRIPT: &str = include_str!("create.py");

/// Milliseconds from asking for each of `count` functions until it is active. Their names are `name`
/// and a number.
pub fn functions(
    python: &Path,
    address: &str,
    folder: &Path,
    name: &str,
    count: usize,
) -> Result<Vec<f64>> {
    let python = python.to_str().context("the cache folder's name is not UTF-8")?;
    let folder = folder.to_str().context("the temporary folder's name is not UTF-8")?;
    let output =
        command::output(python, &["-c", SCRIPT, address, folder, name, &count.to_string()])
            .with_context(|| format!("{name} could not be created at {address}"))?;
    output.lines().map(|line| Ok(line.trim().parse()?)).collect()
}
