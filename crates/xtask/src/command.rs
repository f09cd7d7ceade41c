//! Runs programs whose output the user sees.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::interrupt;

/// Runs `command` to its end, its output on ours.
pub fn status(command: Command) -> Result<ExitStatus> {
    run(command, |child| child.wait())
}

/// Runs `command` to its end; an error if it fails.
pub fn succeed(command: Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = status(command)?;
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(())
}

/// Runs `command` to its end, its errors on ours, and gives what it prints; an error if it fails.
pub fn stdout(mut command: Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdout(Stdio::piped());
    let (status, output) = run(command, |child| {
        let mut output = String::new();
        if let Some(mut stdout) = child.stdout.take() {
            stdout.read_to_string(&mut output)?;
        }
        Ok((child.wait()?, output))
    })?;
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(output)
}

/// Runs `command` while `follow` watches it: whatever ends us ends it, too, with all it started.
pub fn run<T>(
    mut command: Command,
    follow: impl FnOnce(&mut Child) -> std::io::Result<T>,
) -> Result<T> {
    let name = command.get_program().to_string_lossy().into_owned();
    // A group of its own, which must not read from the terminal: cargo runs programs that would
    // stay behind if only cargo were told to end.
    command.process_group(0).stdin(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    let _tracked = e2e::track(child.id(), Signal::SIGTERM, e2e::Group::All);
    let followed = follow(&mut child).with_context(|| format!("cannot wait for {name}"));
    interrupt::wait_if_interrupted();
    followed
}

/// The output of a short command, if it succeeds.
pub fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether there is a program of this name in PATH. For what takes long to tell its version.
pub fn is_in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// What `command` prints; if it fails, the error has the last lines of what it said.
pub fn quietly(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {name}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let lines: Vec<_> = said.trim_end().lines().collect();
    let last = lines[lines.len().saturating_sub(10)..].join("\n");
    bail!("{name} failed, {}: {last}", output.status)
}
