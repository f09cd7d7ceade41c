//! The cache: what was fetched once and serves all checkouts of this machine.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Written last: without it, a folder was left by a crash or an interrupt.
const MARKER: &str = ".complete";

/// Whether the cache has the folder `name`, and all of it.
pub fn has(name: &str) -> bool {
    cache().is_ok_and(|cache| cache.join(name).join(MARKER).is_file())
}

/// The folder `name` of the cache. Where it is not complete, `fetch` makes it anew; programs that
/// run at the same time fetch once.
pub fn folder(name: &str, fetch: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let cache = cache()?;
    let folder = cache.join(name);
    let marker = folder.join(MARKER);
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let lock = File::create(cache.join(format!("{name}.lock")))
        .with_context(|| format!("cannot write in {}", cache.display()))?;
    lock.lock()?;
    if !marker.is_file() {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir(&folder)?;
        fetch(&folder)?;
        File::create(&marker)?;
    }
    Ok(folder)
}

/// Root's own cache is closed to the account that servers run as.
fn cache() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("SQLAMBDA_CACHE_DIR") {
        return Ok(folder.into());
    }
    if nix::unistd::geteuid().is_root() {
        return Ok("/var/cache/sqlambda".into());
    }
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    Ok(cache.context("HOME is not set")?.join("sqlambda"))
}
