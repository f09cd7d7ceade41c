//! The test programs, built by one cargo and run several at a time: most of what they do is wait, for
//! functions that sleep and servers that start.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::tally::Tally;
use crate::build;
use crate::interrupt;
use crate::progress;

/// Those that take longest come first, so that none of them is waited for alone at the end.
const LONG: [&str; 9] = [
    "xtask",
    "e2e many",
    "e2e proof",
    "e2e faults",
    "e2e examples",
    "sqlambda events",
    "e2e mariadb",
    "e2e client",
    "sqlambda page",
];

/// What a test program exits with when it has run all tests, and some have failed.
const TESTS_FAILED: i32 = 101;

/// How many failed tests of a program are tried again: more are no accident.
const FEW: usize = 3;

/// The package of the end-to-end tests.
const END_TO_END: &str = "e2e";
/// The one of its groups that uses no PostgreSQL.
const MARIADB: &str = "mariadb";

/// A test program.
#[derive(Debug)]
pub struct Program {
    /// Such as `e2e sql`: the package's folder, and the target if that is called otherwise.
    pub name: String,
    /// Whether what it does depends on the PostgreSQL.
    pub uses_postgres: bool,
    executable: PathBuf,
    /// The folder of its package, in which cargo runs it, too.
    folder: PathBuf,
}

/// Has `cargo test` build what it would run.
pub fn build(mut cargo: Command) -> Result<Vec<Program>> {
    cargo.arg("--no-run");
    let mut programs = Vec::new();
    for artifact in build::artifacts(cargo)? {
        programs.extend(Program::of(&artifact)?);
    }
    let place = |program: &Program| LONG.iter().position(|&name| name == program.name);
    programs.sort_by_key(|program| place(program).unwrap_or(LONG.len()));
    Ok(programs)
}

/// What became of a program.
#[derive(Debug)]
pub struct Ended {
    /// Of the program.
    pub uses_postgres: bool,
    /// Its tests, added up; a program that could not run them is one of the failures.
    pub tally: Tally,
    /// Whether all is well.
    pub succeeded: bool,
}

impl Ended {
    /// One that exited like this and printed this.
    pub fn of(status: ExitStatus, output: &str, uses_postgres: bool) -> Self {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.count(line));
        let succeeded = status.success();
        if !succeeded && (tally.failures.is_empty() || status.code() != Some(TESTS_FAILED)) {
            // A signal ended it, or it could not begin: whatever else it would have run is not told.
            tally.failed += 1;
            tally.failures.push(status.to_string());
        }
        Self { uses_postgres, tally, succeeded }
    }

    /// Names what it is the end of with each test that is told of.
    pub fn name(&mut self, name: &str) {
        let Tally { failures, unsteady, .. } = &mut self.tally;
        for test in failures.iter_mut().chain(unsteady) {
            *test = format!("{name}: {test}");
        }
    }
}

/// What all programs are told.
pub struct Way<'a> {
    /// The tests to run: those with this in their names.
    pub name: Option<&'a str>,
    /// More arguments, such as `--nocapture`.
    pub arguments: &'a [String],
    /// Variables of their environment.
    pub environment: Vec<(&'static str, PathBuf)>,
}

impl Program {
    /// The one that an artifact of cargo's is, if it is one.
    fn of(artifact: &Value) -> Result<Option<Self>> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if artifact["profile"]["test"] != true {
            return Ok(None);
        }
        let (Some(executable), Some(manifest)) =
            (text(&artifact["executable"]), text(&artifact["manifest_path"]))
        else {
            return Ok(None);
        };
        let target = text(&artifact["target"]["name"]).context("every target has a name")?;
        let folder = Path::new(&manifest).parent().context("it is in a folder")?.to_owned();
        let package = folder.file_name().unwrap_or_default().to_string_lossy();
        let name = if package == *target { target } else { format!("{package} {target}") };
        let uses_postgres = name.strip_prefix(END_TO_END).is_some_and(|group| {
            artifact["target"]["kind"][0] == "test" && group.trim_start() != MARIADB
        });
        Ok(Some(Self { name, uses_postgres, executable: executable.into(), folder }))
    }

    /// Runs the tests that `filters` select to their end.
    pub fn run<'a>(
        &self,
        way: &Way<'_>,
        filters: impl IntoIterator<Item = &'a str>,
    ) -> Result<(ExitStatus, String)> {
        let mut command = Command::new(&self.executable);
        command.args(filters).args(way.arguments);
        command.envs(way.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.folder);
        captured(command).with_context(|| format!("cannot run the tests of {}", self.name))
    }

    /// Runs each test that failed by itself, if they are few: beside others it may have run out of
    /// patience. One that passes then is told of, too.
    pub fn try_again(&self, way: &Way<'_>, ended: &mut Ended) -> Result<()> {
        if ended.succeeded || ended.tally.failures.len() > FEW {
            return Ok(());
        }
        for name in std::mem::take(&mut ended.tally.failures) {
            progress::stage(&format!("{}: {name} failed; again, by itself", self.name));
            let (status, output) = self.run(way, ["--exact", &name])?;
            println!("{}", output.trim());
            let again = Ended::of(status, &output, self.uses_postgres).tally;
            if again.passed == 1 && again.failed == 0 {
                ended.tally.passed += 1;
                ended.tally.failed -= 1;
                ended.tally.unsteady.push(name);
            } else {
                ended.tally.failures.push(name);
            }
        }
        ended.succeeded = ended.tally.failures.is_empty();
        Ok(())
    }
}

/// Runs `command` to its end, and gives all that it and what it started print, in one text.
pub fn captured(mut command: Command) -> Result<(ExitStatus, String)> {
    let (mut reader, writer) = std::io::pipe()?;
    command.process_group(0).stdin(Stdio::null());
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // It holds our ends of the pipe, which is read until nobody can write any more.
    drop(command);
    let _tracked = e2e::track(child.id(), Signal::SIGTERM, e2e::Group::All);
    let mut output = Vec::new();
    std::io::copy(&mut reader, &mut output)?;
    let status = child.wait()?;
    interrupt::wait_if_interrupted();
    Ok((status, String::from_utf8_lossy(&output).into_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::{Ended, Program};

    /// Or its failed test would be run again alone, and pass for all that were never run.
    #[test]
    fn a_program_that_crashed_has_failed_whatever_its_tests_say() {
        let failures = |status| {
            let status = ExitStatus::from_raw(status);
            Ended::of(status, "test a::b ... FAILED", true).tally.failures
        };
        let (exited, aborted) = (101 << 8, 6);
        assert_eq!(failures(exited), ["a::b"]);
        assert_eq!(failures(aborted).len(), 2);
    }

    #[test]
    fn test_programs_are_told_from_other_artifacts() {
        let artifact = |text| Program::of(&serde_json::from_str(text).unwrap()).unwrap();
        for other in [
            r#"{"reason":"compiler-artifact","profile":{"test":false},"executable":null}"#,
            r#"{"profile":{"test":false},"executable":"/t/xtask","target":{"name":"xtask"}}"#,
            r#"{"reason":"build-finished","success":true}"#,
        ] {
            assert!(artifact(other).is_none(), "{other}");
        }
        let found = [
            r#"{"profile":{"test":true},"executable":"/t/sql-1","manifest_path":"/w/e2e/Cargo.toml","target":{"name":"sql","kind":["test"]}}"#,
            r#"{"profile":{"test":true},"executable":"/t/mariadb-1","manifest_path":"/w/e2e/Cargo.toml","target":{"name":"mariadb","kind":["test"]}}"#,
            r#"{"profile":{"test":true},"executable":"/t/e2e-1","manifest_path":"/w/e2e/Cargo.toml","target":{"name":"e2e","kind":["lib"]}}"#,
            r#"{"profile":{"test":true},"executable":"/t/xtask-1","manifest_path":"/w/xtask/Cargo.toml","target":{"name":"xtask","kind":["bin"]}}"#,
        ]
        .map(|text| artifact(text).unwrap());
        let told = found.each_ref().map(|program| (program.name.as_str(), program.uses_postgres));
        let expected =
            [("e2e sql", true), ("e2e mariadb", false), ("e2e", false), ("xtask", false)];
        assert_eq!(told, expected);
        assert!(found[0].folder.ends_with("e2e") && found[3].executable.ends_with("xtask-1"));
    }
}
