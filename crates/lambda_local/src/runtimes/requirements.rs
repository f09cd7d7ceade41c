//! The packages of a Python function's `requirements.txt`, as `sam build` would add them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::path::run;
use super::{RuntimeError, cache};

/// The file's name.
const FILE_NAME: &str = "requirements.txt";

/// Digits of the hash in a folder's name; two files with the same ones need 2^64 others.
const HASH_DIGITS: usize = 32;

/// The interpreter that packages are installed for.
pub(super) struct Python<'a> {
    pub program: &'a Path,
    pub minor: u32,
}

/// The folder with the packages that the `requirements.txt` in `task_root` asks for; nothing if
/// there is no such file.
///
/// The folder belongs to the file's content and the version of Python: functions that ask for the
/// same share it, and a changed file gets another.
pub(super) fn installed(
    cache: &Path,
    python: &Python<'_>,
    task_root: &Path,
) -> Result<Option<PathBuf>, RuntimeError> {
    let path = task_root.join(FILE_NAME);
    let about = |problem: &str| RuntimeError::new(format!("{}: {problem}", path.display()));
    let content = match std::fs::read(&path) {
        Ok(content) => content,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(about(&error.to_string())),
    };
    let install = |folder: &Path| {
        tracing::info!("installing the packages of {}", path.display());
        run(
            Command::new(python.program)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .arg("--target")
                .arg(folder)
                .args(["--requirement", FILE_NAME])
                // Where paths in the file start from.
                .current_dir(task_root),
            "pip must reach a package index that has these packages",
        )
        .map(drop)
    };
    cache::installed(cache, &folder_name(python.minor, &content), install)
        .map(Some)
        .map_err(|error| about(&error.to_string()))
}

fn folder_name(minor: u32, content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("packages-python3.{minor}-{}", &digits[..HASH_DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_the_content_and_the_version() {
        let names = [folder_name(11, b"a"), folder_name(12, b"a"), folder_name(11, b"b")];
        assert_eq!(names[0], "packages-python3.11-ca978112ca1bbdcafac231b39a23dc4d");
        assert!(names[0] != names[1] && names[0] != names[2], "{names:?}");
    }

    #[test]
    fn a_function_without_the_file_needs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let python = Python { program: Path::new("/nowhere/python"), minor: 11 };
        assert_eq!(installed(folder.path(), &python, folder.path()).unwrap(), None);
    }
}
