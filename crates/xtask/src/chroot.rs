//! A clean Debian to install packages into: made once by debootstrap, and copied by each test.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::apt;
use crate::cache;
use crate::command::{self, quietly};
use crate::packages::Need;
use crate::progress::{self, Steps};
use crate::setup;

/// The folder of a clean Debian of this machine's release, with a PostgreSQL that is configured in no
/// way. Where there cannot be one, the line that is printed says why; in CI, where nobody reads it,
/// a failure is an error.
pub fn provide(major: u16) -> Result<Option<PathBuf>> {
    let Some(suite) = apt::suite() else {
        return none("this machine is no Debian");
    };
    let name = format!("{suite}-postgresql-{major}");
    // Asked only where it is to be made: apt reads all of its lists for it.
    let is_offered =
        || command::output("apt-cache", &["show", &format!("postgresql-{major}")]).is_some();
    if !cache::has(&name) && !is_offered() {
        return none(&format!("Debian {suite} has no postgresql-{major}"));
    }
    match find_or_make(&name, &suite, major) {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if env::var_os("CI").is_some_and(|ci| ci == "true") => {
            Err(error.context("there is no clean Debian to test packages in"))
        }
        Err(error) => none(&format!("{error:#}")),
    }
}

fn none(why: &str) -> Result<Option<PathBuf>> {
    eprintln!("NO PACKAGE IS INSTALLED IN A CLEAN DEBIAN: {why}");
    Ok(None)
}

fn find_or_make(name: &str, suite: &str, major: u16) -> Result<PathBuf> {
    if !nix::unistd::geteuid().is_root() {
        bail!("only root can make one");
    }
    let folder = cache::folder(name, |folder| {
        setup::programs(&[Need::Debootstrap])?;
        progress::stage(&format!("making a clean Debian {suite} with PostgreSQL {major}, once"));
        make(&folder.join("root"), suite, major)
    })?;
    Ok(folder.join("root"))
}

fn make(root: &Path, suite: &str, major: u16) -> Result<()> {
    let mut steps = Steps::default();
    steps.begin("debootstrap");
    let mut debootstrap = Command::new("/usr/sbin/debootstrap");
    debootstrap.arg("--variant=minbase");
    debootstrap.arg(format!("--keyring={}", apt::keyring()?));
    debootstrap.arg(format!("--include=postgresql-{major},ca-certificates"));
    quietly(debootstrap.arg(suite).arg(root).arg(apt::mirror()?))?;
    // What was downloaded would be copied each time.
    quietly(Command::new("/usr/sbin/chroot").arg(root).args(["apt-get", "clean"]))?;
    Ok(())
}
