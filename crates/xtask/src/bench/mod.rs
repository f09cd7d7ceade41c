//! `cargo xtask bench`: figures, and whether they hold.

mod calls;
mod cancel;
mod figure;
mod figures;
mod fresh;
mod lab;
mod library;
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
use e2e::{Lifetime, Playground, Profile, Workspace};

use crate::Server;
use crate::build;
use crate::progress::{self, Steps};
use crate::setup::{self, Purpose};
use crate::up::{self, Started};

use self::figure::Figure;
use self::lab::Lab;
use self::local::Race;
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

/// What figures are measured on, built for release.
pub struct Bench {
    /// Dropped first: it runs inside the playground's folder.
    lab: OnceCell<Lab>,
    /// A cluster and a local service; none if no figure needs a database.
    playground: Option<Playground>,
    race: OnceCell<Race>,
    /// The build.
    pub workspace: Workspace,
}

impl Bench {
    fn new(server: &Server, needs_database: bool) -> Result<Self> {
        let (lab, race) = (OnceCell::new(), OnceCell::new());
        if !needs_database {
            setup::provide_python()?;
            setup::provide_node()?;
            let workspace = build::workspace(Profile::Release)?;
            build::local_service(&workspace)?;
            return Ok(Self { lab, playground: None, race, workspace });
        }
        let Started { playground, pg_config } =
            up::playground(Purpose::Bench, server, Profile::Release, Lifetime::Owner)?;
        let workspace = playground.workspace().clone();
        build::examples(&workspace, &pg_config)?;
        Ok(Self { lab, playground: Some(playground), race, workspace })
    }

    fn playground(&self) -> Result<&Playground> {
        self.playground.as_ref().context("no database was started")
    }

    /// The local service and its peers, measured by the first figure that asks.
    fn race(&self) -> Result<&Race> {
        if let Some(race) = self.race.get() {
            return Ok(race);
        }
        let race = Race::run(&self.workspace)?;
        Ok(self.race.get_or_init(|| race))
    }

    /// The echo endpoint and its cluster, started by the first figure that asks for them.
    fn lab(&self) -> Result<&Lab> {
        if let Some(lab) = self.lab.get() {
            return Ok(lab);
        }
        let lab = Lab::open(self.playground()?)?;
        Ok(self.lab.get_or_init(|| lab))
    }
}

/// Measures the figures, one after the other, on a release build.
pub fn run(options: &Options) -> Result<ExitCode> {
    let name = options.name.as_deref();
    let (on_database, alone) = (matching(figures::FIGURES, name), matching(local::FIGURES, name));
    let needs_database = !on_database.is_empty();
    let chosen = [on_database, alone].concat();
    if chosen.is_empty() {
        let all = figures::FIGURES.iter().chain(local::FIGURES).map(|figure| figure.name);
        let all: Vec<_> = all.collect();
        bail!("no figure has {:?} in its name; there are: {}", name.unwrap_or(""), all.join(", "));
    }
    let bench = Bench::new(&options.server, needs_database)?;

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
    let report = Report { setting: report::setting(bench.playground.as_ref()), rows };
    print!("{report}");
    if let Some(file) = &options.json {
        std::fs::write(file, report.json()?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The figures with this in their names.
fn matching<'a>(figures: &'a [Figure], name: Option<&str>) -> Vec<&'a Figure> {
    figures.iter().filter(|figure| name.is_none_or(|name| figure.name.contains(name))).collect()
}
