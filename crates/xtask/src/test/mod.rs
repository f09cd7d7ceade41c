//! `cargo xtask test`: cargo's tests, with a playground for those that need one.

mod matrix;
mod programs;
mod tally;
mod work;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use e2e::{
    AwsServices, CLIENTS_VARIABLE, Clients, Example, Lifetime, OLDER_PG_CONFIG_VARIABLE,
    PLAYGROUND_VARIABLE, PgConfig, Playground, Profile,
};

use crate::Server;
use crate::build;
use crate::chroot;
use crate::command;
use crate::fuzz;
use crate::packages::Need;
use crate::pg;
use crate::progress::{self, Steps};
use crate::setup::{self, Purpose};
use crate::up::{self, Started};

use self::matrix::{Matrix, Outcome};
use self::programs::{Ended, Way};
use self::tally::Tally;
use self::work::Work;

/// The arguments of `cargo xtask test`.
#[derive(Args)]
pub struct Options {
    /// Runs only tests with this in their names
    name: Option<String>,
    /// The pg_config of the PostgreSQL to use [default: the newest one with server headers]
    #[arg(long, value_name = "PATH", env = "PG_CONFIG")]
    pg_config: Option<PathBuf>,
    /// Runs the tests that use PostgreSQL on each of these majors, such as 15,16,18, or on `all`; the
    /// others once
    #[arg(long, value_name = "MAJORS", value_parser = majors)]
    pg: Option<Majors>,
    /// Writes the outcome for each major into docs/majors.json and the table in README.md
    #[arg(long, requires = "pg", conflicts_with_all = ["name", "arguments"])]
    record: bool,
    /// What to tell the test programs, such as --nocapture
    #[arg(last = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Majors(Vec<u16>);

/// `15,16,18`, or `all`
fn majors(text: &str) -> Result<Majors, String> {
    if text == "all" {
        return Ok(Majors(PgConfig::MAJORS.collect()));
    }
    let mut majors = Vec::new();
    for part in text.split(',') {
        match part.trim().parse() {
            Ok(major) if PgConfig::MAJORS.contains(&major) => majors.push(major),
            _ => return Err(format!("{part:?} is no major from 13 to 18; write 15,16,18, or all")),
        }
    }
    Ok(Majors(majors))
}

/// Runs the tests, and sums up.
pub fn run(options: &Options) -> Result<ExitCode> {
    let begin = Instant::now();
    let outcomes = match &options.pg {
        Some(Majors(majors)) => on_majors(majors, options)?,
        None => vec![on_one(options)?],
    };
    let mut all = Tally::default();
    for Outcome { version, tally, .. } in &outcomes {
        for name in &tally.failures {
            println!("FAILED {name} ({version})");
        }
        for name in &tally.unsteady {
            println!("UNSTEADY {name} ({version}): failed beside others, passed by itself");
        }
        all += tally.clone();
    }
    for Outcome { version, tally, .. } in &outcomes {
        eprintln!("{tally} on {version}");
    }
    println!("{all}");
    eprintln!("in {}", progress::seconds(begin.elapsed()));
    if all.passed + all.failed == 0 {
        // A misspelt name must not look like a success.
        bail!("no test ran: is {:?} part of a test's name?", options.name.as_deref().unwrap_or(""));
    }
    let succeeded = outcomes.iter().all(|outcome| outcome.succeeded);
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the tests of one program that are ignored otherwise, with more variables in its environment.
pub fn ignored(started: &Started, program: &str, variables: &[(&str, &Path)]) -> Result<ExitCode> {
    let description = started.playground.folder().join("playground.json");
    started.playground.write(&description)?;
    progress::stage(&format!("cargo test --test {program}"));
    let mut tests = build::cargo_for(&started.pg_config, "test", Profile::Debug);
    tests.args(["--workspace", "--test", program, "--", "--ignored", "--nocapture"]);
    tests.env(PLAYGROUND_VARIABLE, &description).envs(variables.iter().copied());
    Ok(ExitCode::from(u8::from(!command::status(tests)?.success())))
}

/// All tests on one PostgreSQL.
fn on_one(options: &Options) -> Result<Outcome> {
    let server = Server::at(options.pg_config.clone());
    let session = Session::begin(&server, Purpose::Tests)?;
    let mut outcome = session.outcome("given");
    outcome.extend(session.test(true, options)?);
    Ok(outcome)
}

/// The tests that use PostgreSQL on each major, and the others once, beside those of the first.
fn on_majors(majors: &[u16], options: &Options) -> Result<Vec<Outcome>> {
    let mut matrix = options.record.then(Matrix::read).transpose()?;
    let mut any = Outcome { version: "any PostgreSQL".to_owned(), ..Outcome::default() };
    let mut outcomes = Vec::new();
    for (place, &major) in majors.iter().enumerate() {
        let origin = pg::provide(major)?.origin;
        let is_first = place == 0;
        let purpose = if is_first { Purpose::Tests } else { Purpose::BothDatabases };
        let mut session = Session::begin(&Server::of_major(major), purpose)?;
        if major > majors[0] {
            session.older = Some(pg::provide(majors[0])?.config.path);
        }
        let mut outcome = session.outcome(&origin);
        for ended in session.test(is_first, options)? {
            if ended.uses_postgres { &mut outcome } else { &mut any }.extend([ended]);
        }
        if let Some(matrix) = &mut matrix {
            matrix.record(major, &outcome)?;
        }
        outcomes.push(outcome);
    }
    outcomes.push(any);
    Ok(outcomes)
}

/// A playground to test on.
struct Session {
    playground: Playground,
    pg_config: PgConfig,
    /// The `pg_config` of an older PostgreSQL, which was tested before.
    older: Option<PathBuf>,
    /// The AWS CLI and boto3, for all programs.
    clients: Clients,
}

impl Session {
    fn begin(server: &Server, purpose: Purpose) -> Result<Self> {
        let Started { playground, pg_config } =
            up::playground(purpose, server, Profile::Debug, Lifetime::Owner)?;
        let clients = Clients::start(&prepare_examples(&playground)?)?;
        prepare_packages(pg_config.major)?;
        playground.write(&playground.folder().join("playground.json"))?;
        Ok(Self { playground, pg_config, older: None, clients })
    }

    /// Of no test yet.
    fn outcome(&self, origin: &str) -> Outcome {
        Outcome {
            version: self.pg_config.version.clone(),
            origin: origin.to_owned(),
            has_headers: self.pg_config.has_server_headers(),
            ..Outcome::default()
        }
    }

    /// Runs the test programs; what uses no PostgreSQL only if this `is_first`.
    fn test(&self, is_first: bool, options: &Options) -> Result<Vec<Ended>> {
        progress::stage(&format!("building the tests for {}", self.pg_config.version));
        let mut cargo = build::cargo_for(&self.pg_config, "test", Profile::Debug);
        cargo.args(["--workspace", "--tests"]);
        let mut programs = programs::build(cargo)?;
        programs.retain(|program| is_first || program.uses_postgres);
        let mut environment = vec![
            (PLAYGROUND_VARIABLE, self.description()),
            (CLIENTS_VARIABLE, self.clients.folder().to_owned()),
        ];
        environment.extend(setup::path_to_python().map(|path| ("PATH", path.into())));
        environment.extend(self.older.clone().map(|path| (OLDER_PG_CONFIG_VARIABLE, path)));
        let Options { name, arguments, .. } = options;
        let way = Way { name: name.as_deref(), arguments, environment };
        let documentation = || self.documentation(options);

        let mut work: Vec<_> =
            programs.into_iter().map(|program| Work::Tests(program, &way)).collect();
        if is_first {
            work.push(Work::Documentation(&documentation));
        }
        if is_first && name.is_none() {
            // At the end, when there are fewer tests that ask how long something took.
            work.extend(fuzz::for_a_minute()?.into_iter().map(Work::Fuzzing));
        }
        progress::stage(&format!("{} programs of tests, some at a time", work.len()));
        work::run(work)
    }

    /// Runs the examples in the documentation of the code.
    fn documentation(&self, options: &Options) -> Command {
        let mut cargo = build::cargo_for(&self.pg_config, "test", Profile::Debug);
        cargo.args(["--workspace", "--doc", "--no-fail-fast"]).args(&options.name);
        cargo.arg("--").args(&options.arguments).env(PLAYGROUND_VARIABLE, self.description());
        cargo
    }

    fn description(&self) -> PathBuf {
        self.playground.folder().join("playground.json")
    }
}

/// What the tests of the examples install when they are run by themselves; gives the folder of the AWS CLI and
/// of a Python with boto3.
fn prepare_examples(playground: &Playground) -> Result<PathBuf> {
    let workspace = playground.workspace();
    for name in Example::names(workspace)? {
        // One by one: two examples may have functions of the same name.
        up::prepare_functions(workspace, &[Example::functions(workspace, &name)?])?;
    }
    let mut steps = Steps::default();
    AwsServices::install(&mut |step| steps.begin(step))
}

/// What the tests of the packages use.
fn prepare_packages(major: u16) -> Result<()> {
    setup::programs(&[Need::DpkgDev, Need::Lintian])?;
    chroot::provide(major)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Majors, majors};

    #[test]
    fn majors_are_a_list_or_all() {
        assert_eq!(majors("15,16, 18"), Ok(Majors(vec![15, 16, 18])));
        assert_eq!(majors("all").unwrap().0.len(), 6);
        for wrong in ["", "12", "15,", "15;16", "every"] {
            assert!(majors(wrong).is_err(), "{wrong}");
        }
    }
}
