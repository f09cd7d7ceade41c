//! The real `mariadb` (or `mysql`) client, as a person would run it.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use crate::mariadb::MariaDb;

/// A client to be run: reads no option file, and has an environment of its own.
#[derive(Debug)]
pub struct MariaDbClient {
    command: Command,
    arguments: Vec<OsString>,
}

/// What a finished client left.
#[derive(Clone, Debug)]
pub struct MariaDbOutput {
    /// Its exit status: 1 after an error.
    pub status: ExitStatus,
    /// Results.
    pub stdout: String,
    /// Errors, `ERROR 1064 (42000) at line 1: ...`.
    pub stderr: String,
}

impl MariaDbClient {
    pub(crate) fn new(server: &MariaDb) -> Self {
        let mut command = server.install().client();
        command.env_clear().env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        command.arg("--no-defaults").arg("--socket").arg(server.socket());
        let arguments = ["--user=root", "--default-character-set=utf8mb4"];
        Self { command, arguments: arguments.map(OsString::from).to_vec() }
    }

    /// Makes this database the current one.
    #[must_use]
    pub fn database(self, name: &str) -> Self {
        self.arg(format!("--database={name}"))
    }

    /// Connects as this account, which has no password, instead of root.
    #[must_use]
    pub fn user(self, name: &str) -> Self {
        self.arg(format!("--user={name}"))
    }

    /// Adds an argument, such as `--force`. A later one wins.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Prints bare values, one row a line, columns separated by tabs.
    #[must_use]
    pub fn bare(self) -> Self {
        self.arg("--batch").arg("--raw").arg("--skip-column-names")
    }

    /// Runs `sql` from standard input, as a script; an error ends it, unless `--force` was given.
    pub fn run(mut self, sql: &str) -> Result<MariaDbOutput> {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.into_command().spawn().context("cannot start the client")?;
        let mut stdin = child.stdin.take().context("the client has no standard input")?;
        // From a thread: the client may fill its output before it has read everything.
        let script = sql.to_owned();
        let writer = std::thread::spawn(move || {
            // The client may end before it has read all, by an error: what it says shows why.
            let _ = stdin.write_all(script.as_bytes());
        });
        let output = child.wait_with_output().context("cannot wait for the client")?;
        // The thread cannot panic, and its work is done.
        let _ = writer.join();
        Ok(MariaDbOutput {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// The command itself, to be started and watched by the caller.
    pub fn into_command(mut self) -> Command {
        self.command.args(self.arguments);
        self.command
    }
}

impl MariaDbOutput {
    /// The results; an error if any statement failed.
    pub fn stdout_if_ok(&self) -> Result<&str> {
        if !self.status.success() || self.stderr.contains("ERROR ") {
            bail!("the client failed ({}): {}", self.status, self.stderr.trim_end());
        }
        Ok(&self.stdout)
    }
}
