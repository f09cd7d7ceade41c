//! `cargo xtask bench`: figures, and whether they hold.

mod figure;
mod figures;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use e2e::{Lifetime, Profile};

use crate::Server;
use crate::progress::{self, Steps};
use crate::up::{self, Started};

use self::figure::Figure;
use self::report::{Report, Row};

/// The arguments of `cargo xtask bench`.
#[derive(Args)]
pub struct Options {
    /// Measures only figures with this in their names
    name: Option<String>,
    /// Writes the figures to FILE, as a list of {"figure","value","unit","target","holds"}
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

/// Measures the figures, one after the other, on a release build.
pub fn run(options: &Options) -> Result<ExitCode> {
    let chosen = choose(figures::FIGURES, options.name.as_deref())?;
    let Started { playground, .. } =
        up::playground(&options.server, Profile::Release, Lifetime::Owner)?;

    progress::stage("measuring");
    let mut rows = Vec::new();
    {
        let mut steps = Steps::default();
        for figure in chosen {
            steps.begin(figure.name);
            let value = (figure.run)(&playground).with_context(|| figure.name)?;
            rows.push(Row::new(figure, value));
        }
    }
    let report = Report { setting: report::setting(&playground), rows };
    print!("{report}");
    if let Some(file) = &options.json {
        std::fs::write(file, report.json()?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn choose<'a>(figures: &'a [Figure], name: Option<&str>) -> Result<Vec<&'a Figure>> {
    let is_chosen = |figure: &&Figure| name.is_none_or(|name| figure.name.contains(name));
    let chosen: Vec<_> = figures.iter().filter(is_chosen).collect();
    if chosen.is_empty() {
        let all: Vec<_> = figures.iter().map(|figure| figure.name).collect();
        bail!("no figure has {:?} in its name; there are: {}", name.unwrap_or(""), all.join(", "));
    }
    Ok(chosen)
}
