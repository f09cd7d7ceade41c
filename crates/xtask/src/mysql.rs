//! A MySQL to test on: Debian has one in its suite unstable only.
//!
//! Its packages and all that they depend on, down to the C library, are unpacked into the cache and
//! run from there by their own dynamic linker. Nothing is installed, and no root is needed.

use std::env;

use anyhow::{Context, Result};
use e2e::MariaDbInstall;

use crate::apt::{self, Apt};
use crate::cache;
use crate::progress::{self, Steps};

const PACKAGES: [&str; 2] = ["mysql-server-core", "mysql-client-core"];

/// The MySQL to test on. Where it cannot be had, the line that is printed says why; in CI, where
/// nobody reads it, that is an error.
pub fn provide() -> Result<Option<MariaDbInstall>> {
    match find_or_unpack() {
        Ok(install) => Ok(Some(install)),
        Err(error) if env::var_os("CI").is_some_and(|ci| ci == "true") => {
            Err(error.context("there is no MySQL to test on"))
        }
        Err(error) => {
            eprintln!("NO TEST RUNS ON MYSQL: {error:#}");
            Ok(None)
        }
    }
}

fn find_or_unpack() -> Result<MariaDbInstall> {
    let folder = cache::folder("mysql", |folder| {
        progress::stage("fetching a MySQL to test on, from Debian unstable");
        let mut steps = Steps::default();
        steps.begin("reading the list of packages");
        let apt = Apt::new(&folder.join("apt"), &apt::debian("unstable")?)?;
        steps.begin("downloading MySQL and its libraries");
        apt.download(&PACKAGES)?;
        steps.begin("unpacking it");
        let root = folder.join("root");
        apt.downloaded()?.iter().try_for_each(|package| apt::unpack(package, &root))?;
        apt.remove()
    })?;
    MariaDbInstall::unpacked_mysql(&folder.join("root"))
        .with_context(|| format!("the MySQL in {} does not run: remove it", folder.display()))
}
