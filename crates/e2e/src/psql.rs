//! The real `psql`, as a person would run it.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use crate::cluster::Cluster;
use crate::template::SUPERUSER;

/// A `psql` to be run: never reads a start-up file, and has an environment of its own.
#[derive(Debug)]
pub struct Psql {
    command: Command,
    arguments: Vec<OsString>,
}

/// What a finished `psql` left.
#[derive(Clone, Debug)]
pub struct PsqlOutput {
    /// Its exit status: 3 for an error under `ON_ERROR_STOP`, else 0 even after errors in a script.
    pub status: ExitStatus,
    /// Results.
    pub stdout: String,
    /// Errors, warnings and notices.
    pub stderr: String,
}

impl Psql {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let mut command = Command::new(cluster.install().program("psql"));
        command
            .env_clear()
            .envs(cluster.install().environment())
            .env("LC_ALL", "C.UTF-8")
            .env("PGCLIENTENCODING", "UTF8")
            .env("PGHOST", cluster.socket_folder())
            .env("PGPORT", cluster.port().to_string())
            .env("PGUSER", SUPERUSER)
            .env("PGDATABASE", "postgres")
            .stdin(Stdio::null());
        Self { command, arguments: vec!["--no-psqlrc".into()] }
    }

    /// Connects to this database instead of `postgres`.
    #[must_use]
    pub fn database(mut self, name: &str) -> Self {
        self.command.env("PGDATABASE", name);
        self
    }

    /// Connects as this role instead of the superuser.
    #[must_use]
    pub fn role(mut self, name: &str) -> Self {
        self.command.env("PGUSER", name);
        self
    }

    /// Sets an environment variable of `psql`, such as `PGOPTIONS`.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Adds an argument of `psql`, such as `-a`.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable of `psql`, such as `VERBOSITY` to `verbose`.
    #[must_use]
    pub fn variable(self, name: &str, value: &str) -> Self {
        self.arg("-v").arg(format!("{name}={value}"))
    }

    /// Prints bare values, one row a line, columns separated by `|`.
    #[must_use]
    pub fn bare(self) -> Self {
        self.arg("-Atq")
    }

    /// Runs `sql` from standard input, as a script: `\gset` works, an error does not end it.
    pub fn run(mut self, sql: &str) -> Result<PsqlOutput> {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.into_command().spawn().context("cannot start psql")?;
        let mut stdin = child.stdin.take().context("psql has no standard input")?;
        // From a thread: psql may fill its output before it has read everything.
        let script = sql.to_owned();
        let writer = std::thread::spawn(move || {
            // psql may end before it has read all, by \q or an error: what it says shows why.
            let _ = stdin.write_all(script.as_bytes());
        });
        let output = child.wait_with_output().context("cannot wait for psql")?;
        // The thread cannot panic, and its work is done.
        let _ = writer.join();
        Ok(PsqlOutput {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs the script `file`.
    pub fn run_file(self, file: &Path) -> Result<PsqlOutput> {
        self.arg("-f").arg(file).run("")
    }

    /// The command itself, to be started and watched by the caller.
    pub fn into_command(mut self) -> Command {
        self.command.args(self.arguments);
        self.command
    }
}

impl PsqlOutput {
    /// The results; an error if `psql` failed or any statement did.
    pub fn stdout_if_ok(&self) -> Result<&str> {
        if !self.status.success() || self.stderr.contains("ERROR:  ") {
            bail!("psql failed ({}): {}", self.status, self.stderr.trim_end());
        }
        Ok(&self.stdout)
    }
}
