//! A MySQL to test on: Debian has one in its suite unstable only.
//!
//! Its packages and all that they depend on, down to the C library, are unpacked into the cache and
//! run from there by their own dynamic linker. Nothing is installed, and no root is needed.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use e2e::MariaDbInstall;

use crate::command;
use crate::progress::{self, Steps};

const PACKAGES: [&str; 2] = ["mysql-server-core", "mysql-client-core"];

/// Debian's keys, as the package `debian-archive-keyring` installs them.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/usr/share/keyrings/debian-archive-keyring.gpg",
];

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
    let folder = cache_folder()?.join("mysql");
    let root = folder.join("root");
    // Written last: without it, the folder was left by a crash or an interrupt.
    let marker = folder.join(".complete");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    if !marker.is_file() {
        progress::stage("fetching a MySQL to test on, from Debian unstable");
        let mut steps = Steps::default();
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        fetch(&folder.join("apt"), &mut steps)?;
        steps.begin("unpacking it");
        unpack(&folder.join("apt/archives"), &root)?;
        fs::remove_dir_all(folder.join("apt"))?;
        File::create(&marker)?;
    }
    MariaDbInstall::unpacked_mysql(&root)
        .with_context(|| format!("the MySQL in {} does not run: remove it", folder.display()))
}

/// Root's own cache is closed to the account that servers run as.
fn cache_folder() -> Result<PathBuf> {
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

/// Downloads the packages with an apt of its own: its lists, its sources, and nothing installed.
fn fetch(folder: &Path, steps: &mut Steps) -> Result<()> {
    steps.begin("reading the list of packages");
    for name in ["lists/partial", "archives/partial"] {
        fs::create_dir_all(folder.join(name))?;
    }
    fs::write(folder.join("status"), "")?;
    fs::write(folder.join("sources.list"), source()?)?;
    run(apt(folder).arg("update"))?;
    steps.begin("downloading MySQL and its libraries");
    run(apt(folder).args(["install", "--yes", "--download-only"]).args(PACKAGES))
}

/// The suite unstable on the mirror that this machine takes its own packages from.
fn source() -> Result<String> {
    let format = "$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)";
    let arguments = ["indextargets", "--format", format, "Created-By: Packages"];
    let targets = command::output("apt-get", &arguments).context("this system has no apt-get")?;
    let mirror = targets.lines().find_map(|line| line.strip_prefix("Debian Debian main "));
    let mirror = mirror.context("this machine takes no packages from a mirror of Debian")?;
    let keyring = KEYRINGS.iter().find(|path| Path::new(path).is_file());
    let keyring = keyring.context("Debian's keys are missing: debian-archive-keyring")?;
    Ok(format!("deb [signed-by={keyring}] {} unstable main\n", mirror.trim()))
}

fn apt(folder: &Path) -> Command {
    let mut command = Command::new("apt-get");
    let mut option = |name: &str, value: &Path| {
        let mut text = OsString::from(format!("-o{name}="));
        text.push(value);
        command.arg(text);
    };
    option("Dir::Etc::sourcelist", &folder.join("sources.list"));
    option("Dir::Etc::sourceparts", Path::new("-"));
    option("Dir::State::lists", &folder.join("lists"));
    // No package counts as installed, so that all are downloaded.
    option("Dir::State::status", &folder.join("status"));
    option("Dir::Cache", folder);
    option("Dir::Cache::archives", &folder.join("archives"));
    option("Acquire::Languages", Path::new("none"));
    option("APT::Install-Recommends", Path::new("false"));
    // The account of apt's downloads could not write there.
    option("APT::Sandbox::User", Path::new("root"));
    option("Debug::NoLocking", Path::new("true"));
    command.arg("-q");
    command
}

fn unpack(archives: &Path, root: &Path) -> Result<()> {
    fs::create_dir_all(root)?;
    for entry in fs::read_dir(archives)? {
        let package = entry?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(root))?;
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.trim_end().lines().last().unwrap_or_default();
    bail!("{name} failed, {}: {last}", output.status)
}
