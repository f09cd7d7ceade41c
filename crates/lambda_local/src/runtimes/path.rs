//! Finding programs, and running them for the set-up.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::RuntimeError;

/// The program of that name on `PATH`.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|candidate| is_executable(candidate))
}

/// Whether the path is a file that may be executed.
pub(crate) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// Runs a step of the set-up; its output is shown only when it fails.
pub(super) fn run(command: &mut Command, advice: &str) -> Result<String, RuntimeError> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        RuntimeError::new(format!("{shown} cannot be started: {error}; {advice}"))
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let from = said.char_indices().rev().nth(1_500).map_or(0, |(index, _)| index);
    Err(RuntimeError::new(format!(
        "{shown} failed ({}); {advice}. It said: {}",
        output.status,
        said[from..].trim()
    )))
}
