//! The AWS CLI and scripts for boto3: many runs, one import (`clients.py`).

use std::env;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, OnceLock};

use anyhow::{Context as _, Result, ensure};

/// Names the folder of programs that another process has ready: [`ready_clients`] gives it then.
pub const CLIENTS_VARIABLE: &str = "SQLAMBDA_TEST_CLIENTS";

/// Programs that are ready, and the process that does their work. It ends with this one, whose end
/// closes its standard input.
#[derive(Debug)]
pub struct Clients {
    folder: PathBuf,
    _process: Child,
}

/// The folder of `aws`, `python` and `python3` that do what those of `programs` do, an environment with both
/// the AWS CLI and boto3: all runs share what they import.
///
/// The first caller's `programs` are taken, or those of [`CLIENTS_VARIABLE`]. `python` takes a file or
/// `-c`, and no other options.
pub fn ready_clients(programs: &Path) -> Result<&'static Path> {
    static GIVEN: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| env::var_os(CLIENTS_VARIABLE).map(PathBuf::from));
    static CLIENTS: OnceLock<Result<Clients, String>> = OnceLock::new();
    if let Some(folder) = GIVEN.as_deref() {
        return Ok(folder);
    }
    let start = || Clients::start(programs).map_err(|error| format!("{error:#}"));
    let started = CLIENTS.get_or_init(start);
    started.as_ref().map(Clients::folder).map_err(|error| anyhow::anyhow!("{error}"))
}

impl Clients {
    /// Makes those of the environment `programs` ready.
    pub fn start(programs: &Path) -> Result<Self> {
        // Removed by the process, at its end.
        let folder = tempfile::Builder::new().prefix("clients").tempdir()?.keep();
        let python = programs.join("python");
        let program = include_str!("client.py").replace("PYTHON", &python.to_string_lossy());
        for name in ["aws", "python", "python3"] {
            let file = folder.join(name);
            fs::write(&file, &program)?;
            fs::set_permissions(file, Permissions::from_mode(0o755))?;
        }
        let mut process = Command::new(&python)
            .args(["-c", include_str!("clients.py")])
            .arg(folder.join("socket"))
            .env_clear()
            .envs([("HOME", "/nonexistent"), ("PYTHONDONTWRITEBYTECODE", "1")])
            // A Ctrl+C is for this process, whose end ends it: it has a folder to remove.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", python.display()))?;
        let mut line = String::new();
        let stdout = process.stdout.take().context("its standard output is a pipe")?;
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(line == "ready\n", "what runs the clients has ended");
        Ok(Self { folder, _process: process })
    }

    /// The value of [`CLIENTS_VARIABLE`].
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
