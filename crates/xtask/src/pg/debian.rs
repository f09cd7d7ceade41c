//! A PostgreSQL from Debian packages, unpacked.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use e2e::PgConfig;

use super::programs;
use crate::apt::{self, Apt};
use crate::progress::Steps;

/// PGDG's repository, and its key as the package `postgresql-common` installs it.
const PGDG: &str = "https://apt.postgresql.org/pub/repos/apt";
const PGDG_KEY: &str = "/usr/share/postgresql-common/pgdg/apt.postgresql.org.asc";

/// The sources.list lines of PGDG's packages for this release of Debian, and of the release itself,
/// whose libraries they need.
pub fn pgdg_sources() -> Result<String> {
    if !Path::new(PGDG_KEY).is_file() {
        bail!("their key is missing: install postgresql-common");
    }
    let release = fs::read_to_string("/etc/os-release")?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename = codename.context("this release has no codename")?;
    let own = apt::debian(codename)?;
    Ok(format!("{own}deb [signed-by={PGDG_KEY}] {PGDG} {codename}-pgdg main\n"))
}

/// The `pg_config` below the folder that was unpacked into.
pub fn pg_config(major: u16) -> PathBuf {
    Path::new("root").join(bin(major)).join("pg_config")
}

fn bin(major: u16) -> String {
    format!("usr/lib/postgresql/{major}/bin")
}

/// Downloads the server, its libraries and its headers, and makes `folder/root` of them.
pub fn fetch(apt: &Apt, major: u16, folder: &Path, steps: &mut Steps) -> Result<()> {
    let tools = programs::python_tools(steps)?;
    steps.begin(&format!("downloading PostgreSQL {major} and its libraries"));
    apt.download(&[&format!("postgresql-{major}")])?;
    // By their dependencies they would bring a compiler. The server's headers include ICU's.
    let headers = format!("postgresql-server-dev-{major}");
    apt.download_alone(&[&headers, "libpq-dev", "libicu-dev"])?;

    steps.begin("unpacking it");
    let root = folder.join("root");
    let (c_library, rest): (Vec<_>, Vec<_>) =
        apt.downloaded()?.into_iter().partition(|package| is_c_library(package));
    rest.iter().try_for_each(|package| apt::unpack(package, &root))?;
    let programs = root.join(bin(major));
    programs::tell_libraries(&tools, &programs, &library_folders(&root), None)?;
    if !runs(&root, major) {
        // Made for a newer C library than this machine's: they take their own.
        c_library.iter().try_for_each(|package| apt::unpack(package, &root))?;
        let linker = dynamic_linker(&root)?;
        programs::tell_libraries(&tools, &programs, &library_folders(&root), Some(&linker))?;
    }
    if !runs(&root, major) {
        bail!("what the packages hold does not run");
    }
    link_icu(&root, major)?;
    relocate_pg_config(&root, major)
}

fn is_c_library(package: &Path) -> bool {
    package.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libc6_"))
}

fn runs(root: &Path, major: u16) -> bool {
    programs::runs(&root.join(bin(major)).join("postgres"))
}

/// Where Debian's libraries are, before and after `/lib` became a link to `/usr/lib`.
fn library_folders(root: &Path) -> [PathBuf; 2] {
    let folder = format!("{}-linux-gnu", env::consts::ARCH);
    [root.join("usr/lib").join(&folder), root.join("lib").join(&folder)]
}

fn dynamic_linker(root: &Path) -> Result<PathBuf> {
    let folders = library_folders(root);
    let mut entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let linker = entries.find_map(|entry| {
        let path = entry.ok()?.path();
        path.file_name()?.to_str()?.starts_with("ld-linux").then_some(path)
    });
    linker.context("the packages hold no dynamic linker")
}

/// Puts ICU's headers where the compiler looks for the server's, which include them.
fn link_icu(root: &Path, major: u16) -> Result<()> {
    let server = root.join(format!("usr/include/postgresql/{major}/server"));
    Ok(symlink("../../../unicode", server.join("unicode"))?)
}

/// In Debian 11, `pg_config` tells the paths of the installed package wherever it is: there, a script
/// tells those beside it.
fn relocate_pg_config(root: &Path, major: u16) -> Result<()> {
    let path = root.join(bin(major)).join("pg_config");
    if PgConfig::ask(&path)?.bin.starts_with(root) {
        return Ok(());
    }
    let package = path.with_file_name("pg_config.package");
    fs::rename(&path, &package)?;
    let script = format!(
        "#!/bin/sh\n\
         bin=$(cd \"$(dirname \"$0\")\" && pwd -P)\n\
         root=${{bin%/{bin}}}\n\
         '{package}' \"$@\" | sed \"s|/usr/|$root/usr/|g\"\n",
        bin = bin(major),
        package = package.display(),
    );
    programs::write_script(&path, &script)
}
