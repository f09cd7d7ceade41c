//! `cargo xtask test`: cargo's tests, with a playground for those that need one.

use std::io::{BufRead as _, BufReader, IsTerminal as _};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use e2e::{AwsServices, Example, Lifetime, PLAYGROUND_VARIABLE, Playground, Profile};

use crate::Server;
use crate::build;
use crate::command;
use crate::progress::{self, Steps};
use crate::setup::Purpose;
use crate::up::{self, Started};

/// The arguments of `cargo xtask test`.
#[derive(Args)]
pub struct Options {
    /// Runs only tests with this in their names
    name: Option<String>,
    #[command(flatten)]
    server: Server,
    /// What to tell the test programs, such as --nocapture
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Runs the tests, and sums up.
pub fn run(options: &Options) -> Result<ExitCode> {
    let begin = Instant::now();
    let Started { playground, pg_config } =
        up::playground(Purpose::EveryDatabase, &options.server, Profile::Debug, Lifetime::Owner)?;
    prepare_examples(&playground)?;
    let description = playground.folder().join("playground.json");
    playground.write(&description)?;

    progress::stage("cargo test --workspace");
    let mut tests = build::cargo_for(&pg_config, "test", Profile::Debug);
    tests.args(["--workspace", "--no-fail-fast"]).args(&options.name);
    tests.arg("--").args(&options.arguments).env(PLAYGROUND_VARIABLE, &description);
    let (status, tally) = follow(tests)?;

    progress::stage("ending the playground");
    drop(playground);
    for name in &tally.failures {
        println!("FAILED {name}");
    }
    let (passed, failed, ignored) = (tally.passed, tally.failed, tally.ignored);
    println!("{passed} passed, {failed} failed, {ignored} skipped");
    eprintln!("in {} on {}", progress::seconds(begin.elapsed()), pg_config.version);
    if passed + failed == 0 {
        // A misspelt name must not look like a success.
        bail!("no test ran: is {:?} part of a test's name?", options.name.as_deref().unwrap_or(""));
    }
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the tests of the examples install when they are run by themselves.
fn prepare_examples(playground: &Playground) -> Result<()> {
    let workspace = playground.workspace();
    for name in Example::names(workspace)? {
        // One by one: two examples may have functions of the same name.
        up::prepare_functions(workspace, &[Example::functions(workspace, &name)?])?;
    }
    let mut steps = Steps::default();
    AwsServices::install(&mut |step| steps.begin(step))?;
    Ok(())
}

/// What the result lines of all test programs add up to.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    failures: Vec<String>,
}

/// Runs the tests, passing on what they print while counting the results.
fn follow(mut tests: Command) -> Result<(ExitStatus, Tally)> {
    tests.stdout(Stdio::piped());
    if std::io::stderr().is_terminal() {
        tests.env("CARGO_TERM_COLOR", "always");
    }
    command::run(tests, |child| {
        let mut tally = Tally::default();
        let output = child.stdout.take().context("no output").map_err(std::io::Error::other)?;
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            let text = String::from_utf8_lossy(&line);
            println!("{text}");
            tally.count(&text);
        }
        Ok((child.wait()?, tally))
    })
}

impl Tally {
    fn count(&mut self, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += number_before(result, " passed");
            self.failed += number_before(result, " failed");
            self.ignored += number_before(result, " ignored");
        } else if let Some(name) = line.strip_prefix("test ")
            && let Some(name) = name.strip_suffix(" ... FAILED")
        {
            self.failures.push(name.to_owned());
        }
    }
}

fn number_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn result_lines_add_up() {
        let mut tally = Tally::default();
        tally.count("test a::b ... ok");
        tally.count("test a::c ... FAILED");
        let rest = "0 measured; 0 filtered out; finished in 0.00s";
        tally.count(&format!("test result: FAILED. 1 passed; 1 failed; 2 ignored; {rest}"));
        tally.count(&format!("test result: ok. 10 passed; 0 failed; 0 ignored; {rest}"));
        let failures = vec!["a::c".to_owned()];
        assert_eq!(tally, Tally { passed: 11, failed: 1, ignored: 2, failures });
    }
}
