//! `cargo xtask`: everything one does with this workspace that is more than `cargo build`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

mod apt;
mod audit;
mod bench;
mod book;
mod build;
mod cache;
mod chroot;
mod command;
mod demo;
mod example;
mod fuzz;
mod install;
mod interrupt;
mod jobs;
mod libclang;
mod memcheck;
mod mysql;
mod package;
mod packages;
mod pg;
mod progress;
mod setup;
mod soak;
mod test;
mod tools;
mod transcript;
mod up;

/// Builds, tries, tests and installs sqlambda: SQL that calls AWS Lambda, on any PostgreSQL.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

const EXAMPLES: &str = "\
Start here:
  cargo xtask demo                 see SQL call Lambda functions, on this machine, in a minute
  cargo xtask example              see what it is for: the use cases in examples/
  cargo xtask up                   get a database and a local Lambda service to play with
  cargo xtask install --release    put the extensions into your own PostgreSQL

No AWS account, container or root is needed: databases and functions run as ordinary processes in
a temporary folder, on 127.0.0.1, and end with the command.";

#[derive(Subcommand)]
enum Task {
    /// Shows the sessions of Amazon's documentation, run here through psql
    ///
    /// Builds the extensions, starts a temporary PostgreSQL and a local Lambda service, and runs
    /// the statements of crates/xtask/demo/*.sql: each is printed with its answer, and checked.
    Demo(Server),
    /// Plays a use case: metrics, streams and tables that functions fill, step by step
    ///
    /// Starts a temporary PostgreSQL, a local Lambda service with the functions of examples/NAME and
    /// an emulation of the AWS services that they use, and runs what its README shows. On a terminal
    /// everything stays until Ctrl-C, to look around.
    Example(example::Options),
    /// Runs every test of the workspace
    ///
    /// The end-to-end tests use a playground that this command starts and ends. What comes after
    /// `--` goes to the test programs: `cargo xtask test cancel -- --nocapture`.
    Test(test::Options),
    /// Looks for inputs that break the parsers of foreign text and bytes, with libFuzzer
    ///
    /// The targets are in fuzz/fuzz_targets, the inputs that are kept in fuzz/corpus: `cargo test` runs
    /// those, and `cargo xtask test` ends with a minute of this. An input that breaks something is kept
    /// in target/fuzz, and the command fails.
    Fuzz(fuzz::Options),
    /// Runs sessions under valgrind: calls, errors, cancels
    ///
    /// Takes minutes. Fails when the extension reads or writes what is not its own, or loses memory
    /// that grows with the calls.
    Memcheck(Server),
    /// Checks every crate with clippy, warnings denied, on the build's own features
    Lint(Server),
    /// Starts a playground that stays: a temporary PostgreSQL with the extensions, a local Lambda
    /// service
    Up(Server),
    /// Ends the playground that `up` started
    Down,
    /// Builds the extensions and copies them into a PostgreSQL, or the functions into a MariaDB
    ///
    /// PostgreSQL: any major from 13 to 18, the one of --pg-config, or the newest on this machine
    /// that has server headers. With --mariadb or --mysql: the library for the server on this
    /// machine, or into --plugin-dir.
    Install(install::Options),
    /// Brings a PostgreSQL of any major from 13 to 18, and prints the path of its pg_config
    ///
    /// One that is installed is taken; any other is fetched, with server and headers, into the cache,
    /// where it changes nothing of your system. Other programs can use it, too:
    /// `export PG_CONFIG=$(cargo xtask pg 18)`.
    Pg(pg::Options),
    /// Makes what is shipped: Debian packages, a tarball, a PGXN distribution, a folder for Docker
    ///
    /// Builds for the PostgreSQL of --pg-config, or the newest on this machine that has server headers,
    /// and writes into target/packages. Where code has changed it takes ten minutes or more: libraries
    /// and programs are optimised as wholes.
    Package(package::Options),
    /// Checks the dependencies: licences, banned crates, sources, known vulnerabilities
    ///
    /// By the rules in deny.toml, with cargo-deny, and by the texts of licences in the crates, with
    /// cargo-about; both are compiled the first time: some minutes. The database of vulnerabilities is on
    /// GitHub; where that cannot be reached, this fails and says so.
    Audit(audit::Options),
    /// Makes a book of the pages in docs/, to read in a browser
    ///
    /// With mdBook, which is compiled the first time: some minutes.
    Book,
    /// Measures, and compares with the targets
    Bench(bench::Options),
    /// Makes very many calls of every kind through the local service, and looks for what they leave
    ///
    /// Answers, errors, timeouts, exits, answers and requests that are too large, and callers that hang
    /// up, on Python, Node and a bootstrap: at the end no process, descriptor or memory may be left.
    Soak(soak::Options),
}

/// Which PostgreSQL to use.
#[derive(Args, Clone, Debug, Default)]
pub struct Server {
    /// The pg_config of the PostgreSQL to use [default: the newest one with server headers]
    #[arg(long, value_name = "PATH", env = "PG_CONFIG")]
    pg_config: Option<PathBuf>,
    /// A PostgreSQL of this major, as `cargo xtask pg` brings it, whatever --pg-config says
    #[arg(long, value_name = "MAJOR", value_parser = clap::value_parser!(u16).range(13..=18))]
    pg: Option<u16>,
}

impl Server {
    /// The one of this `pg_config`, or any.
    pub fn at(pg_config: Option<PathBuf>) -> Self {
        Self { pg_config, pg: None }
    }

    /// The PostgreSQL of this major.
    pub fn of_major(major: u16) -> Self {
        Self { pg_config: None, pg: Some(major) }
    }

    /// The `pg_config` of the PostgreSQL that is asked for; None: any will do.
    pub fn pg_config(&self) -> Result<Option<PathBuf>> {
        match self.pg {
            Some(major) => Ok(Some(pg::provide(major)?.config.path)),
            None => Ok(self.pg_config.clone()),
        }
    }
}

fn main() -> ExitCode {
    let result = run(Cli::parse().task);
    interrupt::wait_if_interrupted();
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    interrupt::handle()?;
    match task {
        Task::Demo(server) => demo::run(&server),
        Task::Example(options) => example::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Memcheck(server) => memcheck::run(&server),
        Task::Lint(server) => build::lint(&server),
        Task::Up(server) => up::up(&server),
        Task::Down => up::down(),
        Task::Install(options) => install::run(&options),
        Task::Pg(options) => pg::run(&options),
        Task::Package(options) => package::run(&options),
        Task::Audit(options) => audit::run(&options),
        Task::Book => book::run(),
        Task::Bench(options) => bench::run(&options),
        Task::Soak(options) => soak::run(&options),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    /// The tests of the documentation cannot run the command that runs them.
    #[test]
    fn the_documentation_shows_what_help_prints() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/development.md");
        let page = std::fs::read_to_string(page).unwrap();
        let shown = page.split("$ cargo xtask --help\n").nth(1).unwrap();
        let shown = shown.split("```").next().unwrap();
        // As wide as where there is no terminal.
        let mut command = Cli::command().term_width(100);
        let help = command.try_get_matches_from_mut(["cargo xtask", "--help"]).unwrap_err();
        assert_eq!(shown, help.to_string());
    }
}
