//! `cargo xtask package`: everything that is shipped, from one commit.

mod built;
mod compression;
mod crates;
mod deb;
mod debian_packages;
mod docker;
mod judge;
mod licences;
mod materials;
mod notices;
mod pgxn;
mod reproducible;
mod source;
mod tarball;
#[cfg(test)]
mod tests;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use e2e::{PgConfig, Profile, Workspace};

use self::built::Built;
use self::notices::Notices;
use self::source::Source;
use crate::Server;
use crate::build;
use crate::packages::Need;
use crate::progress::{self, Steps};
use crate::setup::{self, Purpose};

pub use self::built::stripped;
pub use self::crates::{Crate, Known};

/// The arguments of `cargo xtask package`.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    server: Server,
    /// Where to write [default: target/packages]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Makes everything again from a clone in another folder, and compares: twice the time
    #[arg(long)]
    check_reproducible: bool,
}

/// Compiles, packs, checks, and says what was made.
pub fn run(options: &Options) -> Result<ExitCode> {
    let begin = Instant::now();
    let pg_config = setup::prepare(&options.server, Purpose::Build)?;
    setup::programs(&[Need::DpkgDev, Need::Lintian])?;
    let workspace = build::workspace(Profile::Dist)?;
    let source = Source::of(&workspace)?;
    if source.is_changed && options.check_reproducible {
        bail!("files differ from the commit, which is what a clone gives: commit them first");
    }
    if source.is_changed {
        eprintln!("warning: files differ from the commit; these packages are for trials only");
    }
    let output = options.output.clone().unwrap_or_else(|| workspace.target.join("packages"));
    let made = make(&workspace, &pg_config, &source, &output)?;
    progress::stage("checking them");
    judge::packages(&made)?;
    if options.check_reproducible {
        reproducible::check(&workspace, &pg_config, &made)?;
    }
    for file in &made.files {
        println!("{}", file.display());
    }
    eprintln!("made in {}", progress::seconds(begin.elapsed()));
    Ok(ExitCode::SUCCESS)
}

/// What was made, and of what.
pub struct Made {
    /// The packages, and the folder for Docker.
    pub files: Vec<PathBuf>,
    /// What is inside.
    pub built: Built,
    /// What must not be inside: paths of this machine.
    pub private: Vec<String>,
}

fn make(
    workspace: &Workspace,
    pg_config: &PgConfig,
    source: &Source,
    output: &Path,
) -> Result<Made> {
    built::compile(workspace, pg_config)?;
    progress::stage("packing");
    let notices = Notices::gather(source, pg_config)?;
    let built = Built::read(workspace, pg_config)?;
    let files = pack(source, &built, &notices, output)?;
    Ok(Made { files, built, private: built::private_paths(workspace)? })
}

/// Writes every package into `folder`, in place of those that are there.
fn pack(source: &Source, built: &Built, notices: &Notices, folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut steps = Steps::default();
    steps.begin("Debian packages");
    let mut files = vec![
        debian_packages::extension(built, notices)?.write(source, folder)?,
        debian_packages::command(built, notices)?.write(source, folder)?,
    ];
    steps.begin("tarball");
    let tarball = tarball::write(source, built, notices, folder)?;
    steps.begin("PGXN distribution");
    let pgxn = pgxn::write(source, folder)?;
    steps.begin("folder for Docker");
    let docker = docker::write(source, built.major, &files, notices, folder)?;
    files.extend([tarball, pgxn, docker]);
    Ok(files)
}
