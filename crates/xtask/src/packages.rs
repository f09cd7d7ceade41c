//! Installs system packages by apt, or says how.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command;
use crate::progress;

/// The PostgreSQL major that is asked for first where none is installed.
const FAVOURITE_MAJOR: u16 = 15;

/// Something the build or the playground cannot do without.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// A server to run the playground on, and its headers; of this major where one is begun.
    Postgres(Option<u16>),
    /// libclang.
    Libclang,
    /// A python3 that can make virtual environments.
    PythonVenv,
    /// node and npm.
    Node,
    /// MariaDB's server and client.
    MariaDb,
    /// PgBouncer.
    PgBouncer,
    /// Chromium and its driver.
    Chromium,
    /// PL/Python for this major.
    PlPython(u16),
    /// The program that says which packages a binary needs.
    DpkgDev,
    /// Debian's checker of packages.
    Lintian,
    /// The program that makes a clean Debian.
    Debootstrap,
}

impl Need {
    /// Whether it is there, of those that are a program.
    pub fn is_program_there(self) -> bool {
        match self {
            Self::DpkgDev => command::is_in_path("dpkg-shlibdeps"),
            Self::Lintian => command::is_in_path("lintian"),
            Self::Debootstrap => Path::new("/usr/sbin/debootstrap").is_file(),
            _ => false,
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Postgres(_) => "a PostgreSQL from 13 to 18, with the headers for extensions",
            Self::Libclang => "libclang, to read PostgreSQL's headers",
            Self::PythonVenv => "a python3 with the module venv, to run functions in Python",
            Self::Node => "node and npm, to run functions in JavaScript",
            Self::MariaDb => "MariaDB's server and client, to test the functions for it",
            Self::PgBouncer => "PgBouncer, to test behind it",
            Self::Chromium => "Chromium and chromedriver, to test the page of sqlambda local",
            Self::PlPython(_) => "PL/Python, to compare with",
            Self::DpkgDev => "dpkg-shlibdeps, to make Debian packages",
            Self::Lintian => "lintian, to check Debian packages",
            Self::Debootstrap => "debootstrap, to install packages into a clean Debian",
        }
    }

    fn debian_packages(self) -> Vec<String> {
        match self {
            Self::Postgres(major) => {
                let major = major.unwrap_or_else(available_major);
                vec![format!("postgresql-{major}"), format!("postgresql-server-dev-{major}")]
            }
            Self::Libclang => vec!["libclang-dev".to_owned()],
            Self::PythonVenv => vec!["python3-venv".to_owned()],
            Self::Node => vec!["nodejs".to_owned(), "npm".to_owned()],
            // The programs alone: none of them starts a service.
            Self::MariaDb => {
                let suffix = mariadb_suffix();
                ["server", "client"].map(|part| format!("mariadb-{part}-core{suffix}")).to_vec()
            }
            Self::PgBouncer => vec!["pgbouncer".to_owned()],
            Self::Chromium => vec!["chromium".to_owned(), "chromium-driver".to_owned()],
            Self::PlPython(major) => vec![format!("postgresql-plpython3-{major}")],
            Self::DpkgDev => vec!["dpkg-dev".to_owned()],
            Self::Lintian => vec!["lintian".to_owned()],
            Self::Debootstrap => vec!["debootstrap".to_owned()],
        }
    }
}

/// Installs what is needed; without the right to, the error says which line would.
pub fn provide(needs: &[Need]) -> Result<()> {
    for need in needs {
        eprintln!("missing: {}", need.description());
    }
    if command::output("apt-get", &["--version"]).is_none() {
        bail!("{}", advice_without_apt());
    }
    let Some(become_root) = way_to_root() else {
        let packages = packages_of(needs).join(" ");
        bail!(
            "not root, and sudo would ask for a password. Run this, then the command again:\n\n  \
             sudo apt-get update && sudo apt-get install --yes {packages}\n"
        );
    };
    read_lists(become_root)?;
    // Only now: the lists just fetched decide which major there is.
    let packages = packages_of(needs);
    progress::stage(&format!("apt-get install {}", packages.join(" ")));
    let mut install = apt(become_root, &["install", "-q", "--yes", "--no-install-recommends"]);
    install.args(packages);
    command::succeed(install)
}

/// Has apt read its lists where it never has, as in a fresh image; without the right to, nothing.
pub fn read_lists_once() -> Result<()> {
    let targets = ["indextargets", "--format", "$(ORIGIN)", "Created-By: Packages"];
    let origins = command::output("apt-get", &targets).unwrap_or_default();
    match way_to_root() {
        Some(become_root) if origins.trim().is_empty() => read_lists(become_root),
        _ => Ok(()),
    }
}

fn read_lists(become_root: &[&str]) -> Result<()> {
    progress::stage("apt-get update");
    command::succeed(apt(become_root, &["update", "-q"]))
}

fn packages_of(needs: &[Need]) -> Vec<String> {
    needs.iter().flat_map(|need| need.debian_packages()).collect()
}

/// What to put before a command for it to run as root; None: nothing would help.
fn way_to_root() -> Option<&'static [&'static str]> {
    if nix::unistd::geteuid().is_root() {
        return Some(&[]);
    }
    command::output("sudo", &["-n", "true"]).map(|_| ["sudo", "-n"].as_slice())
}

fn apt(become_root: &[&str], arguments: &[&str]) -> Command {
    // By env, because sudo drops variables; the lock because another apt may be running.
    let mut line = become_root.to_vec();
    line.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    line.extend(["-o", "DPkg::Lock::Timeout=300"]);
    line.extend(arguments);
    let mut command = Command::new(line[0]);
    // What it says is progress: `cargo xtask pg` has a result to print.
    command.args(&line[1..]).stdout(std::io::stderr());
    command
}

/// The favourite major if this release of the distribution has it, else the release's own.
fn available_major() -> u16 {
    if is_offered(&format!("postgresql-{FAVOURITE_MAJOR}")) {
        return FAVOURITE_MAJOR;
    }
    // The package `postgresql` depends on the release's own major: version `17+278`.
    candidate_version("postgresql")
        .and_then(|version| version.split(['+', '.']).next()?.parse().ok())
        .unwrap_or(FAVOURITE_MAJOR)
}

/// Whether apt could install this package.
pub fn is_offered(package: &str) -> bool {
    candidate_version(package).is_some()
}

/// Older releases have the version in the packages' names.
fn mariadb_suffix() -> &'static str {
    let has = |suffix: &&str| is_offered(&format!("mariadb-server-core{suffix}"));
    ["", "-10.6", "-10.5"].into_iter().find(has).unwrap_or_default()
}

fn candidate_version(package: &str) -> Option<String> {
    let policy = command::output("apt-cache", &["policy", package])?;
    let line = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (line != "(none)").then(|| line.to_owned())
}

fn advice_without_apt() -> String {
    let hint = if cfg!(target_os = "macos") {
        "With Homebrew:\n\n  brew install postgresql@17 llvm python node\n"
    } else {
        "Install it with your system's packages; on Fedora:\n\n  sudo dnf install \
         postgresql-server postgresql-server-devel clang-libs python3 nodejs npm\n"
    };
    format!("this system has no apt-get. {hint}\nA PostgreSQL elsewhere: --pg-config PATH")
}
