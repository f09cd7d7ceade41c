//! The folder in which a service keeps its functions.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// How many hexadecimal digits of its hash tell one project from another.
const HASH_DIGITS: usize = 12;

/// Where the state is.
#[derive(Debug)]
pub(crate) enum StateFolder {
    /// In a folder that stays.
    Kept(PathBuf),
    /// In one that goes when this is dropped.
    Temporary(tempfile::TempDir),
}

impl StateFolder {
    /// The folder that was asked for, else the user's own for these function folders.
    pub(crate) fn open(wanted: Option<PathBuf>, functions: &[PathBuf]) -> anyhow::Result<Self> {
        let path = match wanted {
            Some(path) => path,
            None => default_folder(functions).ok_or_else(|| {
                anyhow::anyhow!(
                    "no folder for the state (HOME is not set): name one with --state, or keep \
                     nothing with --ephemeral"
                )
            })?,
        };
        make(&path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        Ok(Self::Kept(path.canonicalize()?))
    }

    /// A folder of its own that goes with the service.
    pub(crate) fn temporary() -> io::Result<Self> {
        Ok(Self::Temporary(tempfile::Builder::new().prefix("sqlambda-").tempdir()?))
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// Makes a folder for its owner alone: functions' variables are often secret.
fn make(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// `~/.local/state/sqlambda/NAME-HASH`: one for each set of function folders.
fn default_folder(functions: &[PathBuf]) -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(base.join("sqlambda").join(project(functions)))
}

/// A name that people recognise, and a hash that tells projects of that name apart.
fn project(functions: &[PathBuf]) -> String {
    let mut folders: Vec<PathBuf> = functions
        .iter()
        .map(|folder| folder.canonicalize().unwrap_or_else(|_| folder.clone()))
        .collect();
    folders.sort();
    let name = folders.first().and_then(|folder| folder.file_name()).unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let name = if name.is_empty() { "default".to_owned() } else { name };
    let mut hash = Sha256::new();
    for folder in &folders {
        hash.update(folder.as_os_str().as_encoded_bytes());
        hash.update([0]);
    }
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name}-{}", &digits[..HASH_DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_of_folders_has_its_own() {
        let (one, two) = (PathBuf::from("/nowhere/a"), PathBuf::from("/elsewhere/a"));
        let of = |folders: &[&PathBuf]| {
            project(&folders.iter().map(|folder| (*folder).clone()).collect::<Vec<_>>())
        };
        assert!(of(&[&one]).starts_with("a-"));
        assert_ne!(of(&[&one]), of(&[&two]));
        assert_eq!(of(&[&one, &two]), of(&[&two, &one]));
        assert!(of(&[]).starts_with("default-"));
    }
}
