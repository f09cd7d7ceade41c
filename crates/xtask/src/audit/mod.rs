//! `cargo xtask audit`: what cargo-deny finds in the dependencies, by deny.toml, and cargo-about in the
//! licences of those that are shipped, by about.toml.

mod about;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};
use clap::Args;
use e2e::Profile;

use crate::build;
use crate::command;
use crate::progress;
use crate::tools;

/// The arguments of `cargo xtask audit`.
#[derive(Args)]
pub struct Options {
    /// Does not look for known vulnerabilities, whose database is on GitHub
    #[arg(long)]
    offline: bool,
}

/// Checks licences, banned crates and sources, then known vulnerabilities. What could not be checked
/// is no success.
pub fn run(options: &Options) -> Result<ExitCode> {
    let workspace = build::workspace(Profile::Debug)?;
    let deny = tools::provide(&tools::DENY)?;
    progress::stage("licences, banned crates, sources");
    let mut rules = check(&deny, &workspace.root);
    // Where a crate comes from is said of vulnerabilities alone: there it says what to update.
    rules.args(["--hide-inclusion-graph", "licenses", "bans", "sources"]);
    let mut is_clean = command::status(rules)?.success();
    is_clean &= tells_the_licences(&workspace.root)?;
    if options.offline {
        eprintln!("known vulnerabilities were not looked for: --offline");
    } else {
        is_clean &= has_no_vulnerability(&deny, &workspace.root)?;
    }
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tells_the_licences(root: &Path) -> Result<bool> {
    let about = tools::provide(&tools::ABOUT)?;
    progress::stage(
        "what packages tell of licences, against the texts in the crates (some minutes)",
    );
    let problems = about::problems(&about, root)?;
    problems.iter().for_each(|problem| eprintln!("error: {problem}"));
    Ok(problems.is_empty())
}

fn has_no_vulnerability(deny: &Path, root: &Path) -> Result<bool> {
    progress::stage("known vulnerabilities, by the database of RustSec");
    let mut fetch = Command::new(deny);
    fetch.current_dir(root).args(["fetch", "db"]).stdin(Stdio::null());
    let fetched = fetch.output().context("cannot run cargo-deny")?;
    if !fetched.status.success() {
        let said = String::from_utf8_lossy(&fetched.stderr);
        eprintln!(
            "{}\nerror: known vulnerabilities were NOT looked for: their database, \
             https://github.com/RustSec/advisory-db, could not be fetched. Run this where GitHub can \
             be reached; --offline checks the rest alone",
            said.trim_end()
        );
        return Ok(false);
    }
    let mut advisories = check(deny, root);
    advisories.arg("advisories");
    Ok(command::status(advisories)?.success())
}

fn check(deny: &Path, root: &Path) -> Command {
    let mut command = Command::new(deny);
    command.current_dir(root).arg("check");
    command
}
