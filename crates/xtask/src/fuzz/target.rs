//! One target: its program, its inputs, what it said.

use std::fmt::{self, Display, Formatter};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::Workspace;

use crate::command;

/// How long an input may take, in seconds: longer than any does by far, on a machine that does much
/// else.
const TIMEOUT: u32 = 30;

/// A program with a fuzzer in it.
pub struct Target {
    /// That of its file in `fuzz/fuzz_targets`.
    pub name: String,
    program: PathBuf,
    /// The inputs that are in the repository.
    kept: PathBuf,
    /// A folder for what is found: inputs that reached new code, those that failed, the log.
    found: PathBuf,
}

impl Target {
    /// The target of this name, built as `program`.
    pub fn new(workspace: &Workspace, name: &str, program: PathBuf) -> Self {
        let kept = workspace.root.join("fuzz/corpus").join(name);
        let found = workspace.target.join("fuzz").join(name);
        Self { name: name.to_owned(), program, kept, found }
    }

    /// Looks for inputs that break it for this long, beginning with the known ones.
    pub fn try_for(&self, duration: Duration) -> Result<Ended> {
        fs::create_dir_all(self.inputs())
            .with_context(|| format!("cannot make {}", self.inputs().display()))?;
        let log = self.found.join("log");
        // It takes all it gets: the tests that run beside it go first.
        let mut fuzzer = Command::new("nice");
        fuzzer
            .args(["-n", "10"])
            .arg(&self.program)
            .arg(format!("-max_total_time={}", duration.as_secs()))
            .arg(format!("-timeout={TIMEOUT}"))
            .arg(format!("-artifact_prefix={}/", self.found.display()))
            // New inputs go to the first.
            .args([&self.inputs(), &self.kept])
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?);
        let succeeded = command::status(fuzzer)?.success();
        // Inputs, which are no text, may be in what is said.
        let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        Ok(Ended { name: self.name.clone(), succeeded, said, log })
    }

    /// Runs it on one input, its output on ours; whether it holds.
    pub fn try_one(&self, input: &Path) -> Result<bool> {
        let mut program = Command::new(&self.program);
        program.arg(format!("-timeout={TIMEOUT}")).arg(input);
        Ok(command::status(program)?.success())
    }

    /// Adds to the kept inputs what of the found ones reaches code that they do not.
    pub fn keep(&self) -> Result<()> {
        let count = || anyhow::Ok(fs::read_dir(&self.kept)?.count());
        let before = count()?;
        let mut merge = Command::new(&self.program);
        merge.arg("-merge=1").args([&self.kept, &self.inputs()]);
        command::quietly(&mut merge)?;
        eprintln!("    {}: {before} inputs, now {}", self.name, count()?);
        Ok(())
    }

    /// The inputs that reached new code, of all runs in this target folder.
    fn inputs(&self) -> PathBuf {
        self.found.join("inputs")
    }
}

/// A fuzzer that has ended, and what it said.
pub struct Ended {
    name: String,
    succeeded: bool,
    said: String,
    log: PathBuf,
}

impl Ended {
    /// Whether it tried inputs, and all of them held.
    pub fn held(&self) -> bool {
        self.succeeded && self.tried().is_some()
    }

    /// How many inputs it tried.
    fn tried(&self) -> Option<&str> {
        self.word_after("Done ")
    }

    /// The word after the last `beginning` in what it said.
    fn word_after(&self, beginning: &str) -> Option<&str> {
        self.said.rsplit_once(beginning)?.1.split_whitespace().next()
    }
}

impl Display for Ended {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, log, .. } = self;
        if let Some(tried) = self.tried().filter(|_| self.succeeded) {
            return writeln!(f, "fuzz target {name}: {tried} inputs hold");
        }
        writeln!(f, "FAILED fuzz target {name}")?;
        let is_first =
            |line: &&str| line.contains("panicked at") || line.contains("ERROR: libFuzzer");
        let lines = self.said.lines().skip_while(|line| !is_first(line));
        lines.take(2).try_for_each(|line| writeln!(f, "  {line}"))?;
        let Some(input) = self.word_after("Test unit written to ") else {
            return writeln!(f, "  see {}", log.display());
        };
        writeln!(f, "  to see it again: cargo xtask fuzz {name} --input {input}")?;
        writeln!(f, "  once it holds, keep the input: cp {input} fuzz/corpus/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::Ended;

    #[test]
    fn a_failure_says_what_it_is_and_how_to_see_it_again() {
        let said = "#2 INITED\nthread '<unnamed>' panicked at a.rs:1:2:\noverflow\n\
                    ==7== ERROR: libFuzzer: deadly signal\n\
                    artifact_prefix='/t/'; Test unit written to /t/crash-1\nBase64: AA==\n";
        let failed = ended(false, said);
        assert!(!failed.held());
        assert_eq!(
            failed.to_string(),
            "FAILED fuzz target name\n  \
             thread '<unnamed>' panicked at a.rs:1:2:\n  \
             overflow\n  \
             to see it again: cargo xtask fuzz name --input /t/crash-1\n  \
             once it holds, keep the input: cp /t/crash-1 fuzz/corpus/name\n"
        );
    }

    #[test]
    fn a_fuzzer_that_tried_nothing_is_no_success() {
        assert!(!ended(true, "").held());
        let well = ended(true, "Done 812 runs in 3 second(s)\n");
        assert!(well.held());
        assert_eq!(well.to_string(), "fuzz target name: 812 inputs hold\n");
    }

    fn ended(succeeded: bool, said: &str) -> Ended {
        Ended { name: "name".into(), succeeded, said: said.into(), log: "/t/log".into() }
    }
}
