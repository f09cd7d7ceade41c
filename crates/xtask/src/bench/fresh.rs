//! From a fresh clone to a finished demo.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use super::Bench;
use crate::command;

/// Seconds from `git clone` to the end of `cargo xtask demo`, system packages and crates already
/// downloaded.
pub fn demo(bench: &Bench) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let clone = folder.path().join("sqlambda");
    let begin = Instant::now();
    let mut git = Command::new("git");
    git.args(["clone", "--quiet"]).arg(&bench.workspace.root).arg(&clone);
    command::succeed(git)?;
    let mut demo = Command::new("cargo");
    demo.args(["xtask", "demo"]).current_dir(&clone).env_remove("CARGO_TARGET_DIR");
    for (name, _) in std::env::vars_os() {
        // What cargo tells this program about its own package.
        if name.to_string_lossy().starts_with("CARGO_") {
            demo.env_remove(&name);
        }
    }
    let output = demo.output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = log.lines().rev().take(10).collect();
    anyhow::ensure!(output.status.success(), "the demo failed: {last:?}");
    Ok(begin.elapsed().as_secs_f64())
}
