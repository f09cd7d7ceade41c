//! Set-up: finds what the build and the playground need, and has installed what is missing.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use e2e::{MariaDbInstall, PgBouncer, PgConfig};

use crate::Server;
use crate::command;
use crate::libclang;
use crate::packages::{self, Need};

/// What the PostgreSQL is wanted for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, PartialOrd)]
pub enum Purpose {
    /// To build for it.
    Build,
    /// To build for it and run it, with functions in every language.
    Playground,
    /// As a playground, with MariaDB beside PostgreSQL.
    BothDatabases,
    /// As both databases, and MySQL where it can be had.
    EveryDatabase,
    /// As every database, with what the tests drive besides: a browser, a connection pooler.
    Tests,
    /// As both databases, and to compare with functions written in PL/Python.
    Bench,
}

/// Sees to it that everything needed is there, and gives the PostgreSQL to use.
pub fn prepare(server: &Server, purpose: Purpose) -> Result<PgConfig> {
    let pg_config = server.pg_config()?;
    let pg_config = pg_config.as_deref();
    let needs = missing(pg_config, purpose)?;
    if !needs.is_empty() {
        packages::provide(&needs)?;
        let still = missing(pg_config, purpose)?;
        if !still.is_empty() {
            bail!("the packages are installed, but this is still missing: {still:?}");
        }
    }
    match pg_config {
        Some(path) => asked_for(path, purpose),
        None => find(purpose).context("no PostgreSQL was found"),
    }
}

/// Has those of these programs installed that are missing.
pub fn programs(wanted: &[Need]) -> Result<()> {
    let missing = wanted.iter().copied().filter(|need| !need.is_program_there());
    let missing: Vec<Need> = missing.collect();
    if missing.is_empty() { Ok(()) } else { packages::provide(&missing) }
}

/// The PostgreSQL to use, if it is there.
fn found(pg_config: Option<&Path>, purpose: Purpose) -> Option<PgConfig> {
    match pg_config {
        Some(path) => asked_for(path, purpose).ok(),
        None => find(purpose),
    }
}

fn missing(pg_config: Option<&Path>, purpose: Purpose) -> Result<Vec<Need>> {
    let mut needs = Vec::new();
    match pg_config {
        // Nothing to install: the user knows better, or is told.
        Some(path) => drop(asked_for(path, purpose)?),
        None if find(purpose).is_none() => needs.push(Need::Postgres(begun_major())),
        None => {}
    }
    if !libclang::is_there() {
        needs.push(Need::Libclang);
    }
    if purpose >= Purpose::Playground {
        if !has_python() {
            needs.push(Need::PythonVenv);
        }
        if !has_node() {
            needs.push(Need::Node);
        }
    }
    if purpose >= Purpose::BothDatabases && MariaDbInstall::system_mariadb().is_none() {
        needs.push(Need::MariaDb);
    }
    if purpose == Purpose::Tests && !has_browser() {
        needs.push(Need::Chromium);
    }
    if purpose == Purpose::Tests && PgBouncer::program().is_none() {
        needs.push(Need::PgBouncer);
    }
    if purpose == Purpose::Bench
        && let Some(found) = found(pg_config, purpose)
        && !found.share.join("extension/plpython3u.control").is_file()
    {
        needs.push(Need::PlPython(found.major));
    }
    Ok(needs)
}

/// Sees to it that there is a python3 with virtual environments.
pub fn provide_python() -> Result<()> {
    if has_python() { Ok(()) } else { packages::provide(&[Need::PythonVenv]) }
}

/// PATH with the folder of the `python3` itself before all others, if that is not in PATH: then the one that
/// is there is a script that looks for the version to run, as pyenv's, and takes longer for that than most of
/// what is run by it. A folder that is there keeps its place: before others it would hide their programs.
pub fn path_to_python() -> Option<OsString> {
    let python = command::output("python3", &["-c", "import sys; print(sys.executable, end='')"])?;
    let folder = Path::new(&python).parent()?.to_owned();
    let path = env::var_os("PATH")?;
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    if folders.contains(&folder) {
        return None;
    }
    folders.insert(0, folder);
    env::join_paths(folders).ok()
}

/// Sees to it that there are node and npm.
pub fn provide_node() -> Result<()> {
    if has_node() { Ok(()) } else { packages::provide(&[Need::Node]) }
}

fn has_python() -> bool {
    command::output("python3", &["-c", "import ensurepip, venv"]).is_some()
}

fn has_node() -> bool {
    command::output("node", &["--version"]).is_some() && command::is_in_path("npm")
}

/// Whether there is a browser that tests can drive.
fn has_browser() -> bool {
    let is_there = |name: &&str| command::output(name, &["--version"]).is_some();
    is_there(&"chromedriver") && ["chromium", "google-chrome"].iter().any(is_there)
}

/// The PostgreSQL that the user names; an error says what it lacks.
fn asked_for(path: &Path, purpose: Purpose) -> Result<PgConfig> {
    let found = PgConfig::ask(path)?;
    if !found.is_supported() {
        bail!("{} is not supported: majors 13 to 18 are", found.version);
    }
    if !found.has_server_headers() && !found.published_bindings().is_file() {
        let folder = found.include_server.display();
        bail!("{} has no server headers in {folder}: is a -dev package missing?", found.version);
    }
    if purpose >= Purpose::Playground && !found.has_server() {
        bail!("{} has no server in {}", found.version, found.bin.display());
    }
    Ok(found)
}

/// The first PostgreSQL of this major on this machine that has a server and headers.
pub fn installed(major: u16) -> Option<PgConfig> {
    usable(Purpose::Playground).find(|found| found.major == major)
}

fn usable(purpose: Purpose) -> impl Iterator<Item = PgConfig> {
    candidates().into_iter().filter_map(move |path| asked_for(&path, purpose).ok())
}

/// The newest usable PostgreSQL of this machine.
fn find(purpose: Purpose) -> Option<PgConfig> {
    let mut best: Option<PgConfig> = None;
    for found in usable(purpose) {
        // The first of equals stays: what is in PATH comes first.
        if best.as_ref().is_none_or(|best| best.major < found.major) {
            best = Some(found);
        }
    }
    best
}

/// Every place a pg_config can be.
fn candidates() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr/local", "pgsql"),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
    ] {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        folders.extend(named.map(|entry| entry.path().join("bin")));
    }
    folders.into_iter().map(|folder| folder.join("pg_config")).filter(|it| it.is_file()).collect()
}

/// The newest major of which a server is there, but something else is missing.
fn begun_major() -> Option<u16> {
    let entries = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    entries
        .filter(|entry| entry.path().join("bin/postgres").is_file())
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|major| PgConfig::MAJORS.contains(major))
        .max()
}
