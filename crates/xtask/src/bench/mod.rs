//! `cargo xtask bench`: figures, and whether they hold.

mod calls;
mod cancel;
mod figure;
mod figures;
mod fresh;
mod lab;
mod local;
mod many;
mod mariadb;
mod memory;
mod peer;
mod report;

use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use e2e::{Lifetime, Playground, Profile};

use crate::Server;
use crate::build;
use crate::progress::{self, Steps};
use crate::setup::Purpose;
use crate::up::{self, Started};

use self::figure::Figure;
use self::lab::Lab;
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

/// What figures are measured on.
pub struct Bench {
    /// Dropped first: it runs inside the playground's folder.
    lab: OnceCell<Lab>,
    /// A cluster and a local service, built for release.
    playground: Playground,
}

impl Bench {
    /// The echo endpoint and its cluster, started by the first figure that asks for them.
    fn lab(&self) -> Result<&Lab> {
        if let Some(lab) = self.lab.get() {
            return Ok(lab);
        }
        let lab = Lab::open(&self.playground)?;
        Ok(self.lab.get_or_init(|| lab))
    }
}

/// Measures the figures, one after the other, on a release build.
pub fn run(options: &Options) -> Result<ExitCode> {
    let chosen = choose(figures::FIGURES, options.name.as_deref())?;
    let Started { playground, pg_config } =
        up::playground(Purpose::Bench, &options.server, Profile::Release, Lifetime::Owner)?;
    build::examples(playground.workspace(), &pg_config)?;
    let bench = Bench { lab: OnceCell::new(), playground };

    progress::stage("measuring");
    let mut rows = Vec::new();
    {
        let mut steps = Steps::default();
        for figure in chosen {
            steps.begin(figure.name);
            let value = (figure.run)(&bench).with_context(|| figure.name)?;
            rows.push(Row::new(figure, value));
        }
    }
    let report = Report { setting: report::setting(&bench.playground), rows };
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
