//! boto3 for the peer, in a folder of its own.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::command;

/// The peer's version; both sides of a ratio must stay the same to be compared over time.
const BOTO3: &str = "boto3==1.43.11";

/// The Python that Debian's `plpython3u` embeds.
const PYTHON: &str = "/usr/bin/python3";

/// The folder to put in `PYTHONPATH`; made by the first run.
pub fn site_packages() -> Result<String> {
    let folder = cache_folder()?.join(BOTO3.replace("==", "-"));
    if !folder.join("boto3").is_dir() {
        let mut install = Command::new(PYTHON);
        install.args(["-m", "venv", "--clear"]).arg(folder.join("venv"));
        command::succeed(install)?;
        let mut install = Command::new(folder.join("venv/bin/python"));
        install.args(["-m", "pip", "install", "--quiet", "--target"]).arg(&folder).arg(BOTO3);
        command::succeed(install)?;
    }
    ensure!(folder.join("boto3").is_dir(), "{BOTO3} could not be installed");
    Ok(folder.to_str().context("the cache folder's name is not UTF-8")?.to_owned())
}

/// World-readable: the server runs as another user.
fn cache_folder() -> Result<PathBuf> {
    Ok(env::temp_dir().join("sqlambda-bench"))
}
