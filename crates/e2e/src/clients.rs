//! The AWS CLI and scripts for boto3: many runs, one import (`clients.py`).

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, ensure};

/// The programs in `folder`, and the process that does their work. It ends with this one, whose end
/// closes its standard input.
struct Clients {
    folder: PathBuf,
    _process: Child,
}

/// The folder of `aws`, `python` and `python3` that do what those of `programs` do, an environment with both
/// the AWS CLI and boto3: runs of this process share what they import.
///
/// The first caller's `programs` are taken. The latter take a file or `-c`, and no other options.
pub fn ready_clients(programs: &Path) -> Result<&'static Path> {
    static CLIENTS: OnceLock<Result<Clients, String>> = OnceLock::new();
    let started = CLIENTS.get_or_init(|| start(programs).map_err(|error| format!("{error:#}")));
    started.as_ref().map(|it| it.folder.as_path()).map_err(|error| anyhow::anyhow!("{error}"))
}

fn start(programs: &Path) -> Result<Clients> {
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
    Ok(Clients { folder, _process: process })
}
