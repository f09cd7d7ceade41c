//! What `cargo xtask test` does at the same time: most of what tests do is wait, for functions that sleep
//! and servers that start.

use std::process::Command;

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
        if let Work::Tests(program, way) = work {
            program.try_again(way, &mut ended)?;
            ended = program.name_in(ended);
        }
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
                let (status, output) = program.run(way, way.name)?;
                let ended = program.ended(status, &output);
                // Nothing if it had nothing to run.
                let shown = if ended.tally.is_empty() { String::new() } else { output };
                Ok((ended, shown))
            }
            Self::Documentation(cargo) => {
                let ran = programs::captured(cargo());
                let (status, output) =
                    ran.with_context(|| format!("cannot run {}", self.name()))?;
                let mut tally = Tally::default();
                output.lines().for_each(|line| tally.count(line));
                Ok((Ended { uses_postgres: false, tally, succeeded: status.success() }, output))
            }
            Self::Fuzzing(run) => {
                let (found, shown) = run.run()?;
                let failures = if found.held() { Vec::new() } else { vec![found.title()] };
                // What holds is no test that passed: nobody has written down what it tries.
                let tally = Tally { failed: failures.len() as u64, failures, ..Tally::default() };
                Ok((Ended { uses_postgres: false, tally, succeeded: found.held() }, shown))
            }
        }
    }
}
