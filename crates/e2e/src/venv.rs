//! Python programs from PyPI, pinned, each set in a virtual environment of its own in the cache.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// The folder of programs (`python` and what `packages` bring) of an environment of this name,
/// installed by the first who asks. The name says what is in it, versions included: an environment
/// that is there is not looked at again. `tell` hears of an installation before it begins.
///
/// Needs `python3` with the module venv, and a package index.
pub fn venv(name: &str, packages: &[&str], tell: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let folder = cache()?.join(name);
    let about = || format!("cannot install {} into {}", packages.join(", "), folder.display());
    let marker = folder.join(".complete");
    if !marker.is_file() {
        fs::create_dir_all(cache()?).with_context(about)?;
        // Programs that run at the same time install once.
        let lock = File::create(cache()?.join(format!("{name}.lock"))).with_context(about)?;
        lock.lock().with_context(about)?;
        if !marker.is_file() {
            tell(&format!("installing {} into {}", packages.join(", "), folder.display()));
            install(&folder, packages).with_context(about)?;
            File::create(&marker).with_context(about)?;
        }
    }
    Ok(folder.join("bin"))
}

fn install(folder: &Path, packages: &[&str]) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let mut make = Command::new("python3");
    run(make.args(["-m", "venv"]).arg(folder), "is python3-venv installed?")?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run(pip.args(packages), "pip must reach a package index")
}

fn run(command: &mut Command, advice: &str) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{command:?} failed; {advice}\n{}", String::from_utf8_lossy(&said).trim_end());
    }
    Ok(())
}

/// Where the local service keeps its runtimes too.
fn cache() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("SQLAMBDA_CACHE_DIR")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("sqlambda")))
        .or_else(|| Some(set("HOME")?.join(".cache/sqlambda")))
        .context("no cache folder: set SQLAMBDA_CACHE_DIR (HOME is not set either)")
}
