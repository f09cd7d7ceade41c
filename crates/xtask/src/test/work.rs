//! What `cargo xtask test` does at the same time: most of what tests do is wait, for functions that sleep
//! and servers that start.

use std::process::{Command, ExitStatus};

use anyhow::{Context as _, Result};

use super::programs::{self, Ended, Program, Way};
use super::tally::Tally;
use crate::fuzz;
use crate::jobs::{self, Job};

/// How much is done at a time. More would let the tests that ask how long something took see the others.
const AT_A_TIME: usize = 4;

/// One of the things to do.
pub enum Work<'a> {
    /// A test program.
    Tests(Program, &'a Way<'a>),
    /// The examples in the documentation of the code, which cargo builds and runs by itself.
    Documentation(&'a (dyn Fn() -> Command + Sync)),
    /// A fuzz target.
    Fuzzing(fuzz::Run),
}

/// Does all of it in this order, and then runs the tests that failed again. The output of a program that
/// had tests to run is shown when it has ended.
pub fn run(work: Vec<Work<'_>>) -> Result<Vec<Ended>> {
    let mut all = Vec::new();
    for (work, mut ended) in jobs::run(work, AT_A_TIME)? {
        if let Work::Tests(program, way) = &work {
            program.try_again(way, &mut ended)?;
        }
        ended.name(work.name());
        all.push(ended);
    }
    Ok(all)
}

impl Job for Work<'_> {
    type Outcome = Ended;

    fn name(&self) -> &str {
        match self {
            Self::Tests(program, _) => &program.name,
            Self::Documentation(_) => "the examples in the documentation of the code",
            Self::Fuzzing(run) => run.name(),
        }
    }

    fn run(&self) -> Result<(Ended, String)> {
        match self {
            Self::Tests(program, way) => {
                Ok(shown(program.run(way, way.name)?, program.uses_postgres))
            }
            Self::Documentation(cargo) => {
                let ran = programs::captured(cargo());
                Ok(shown(ran.with_context(|| format!("cannot run {}", self.name()))?, false))
            }
            Self::Fuzzing(run) => {
                let (found, shown) = run.run()?;
                let failures = if found.held() {
                    Vec::new()
                } else {
                    vec!["an input breaks this fuzz target".to_owned()]
                };
                // What holds is no test that passed: nobody has written down what it tries.
                let tally = Tally { failed: failures.len() as u64, failures, ..Tally::default() };
                Ok((Ended { uses_postgres: false, tally, succeeded: found.held() }, shown))
            }
        }
    }
}

/// What has become of tests, and their output; nothing if there were none to run.
fn shown((status, output): (ExitStatus, String), uses_postgres: bool) -> (Ended, String) {
    let ended = Ended::of(status, &output, uses_postgres);
    let shown = if ended.tally.is_empty() { String::new() } else { output };
    (ended, shown)
}
