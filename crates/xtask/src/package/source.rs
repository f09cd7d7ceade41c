//! What is packed: a commit of the repository.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use e2e::Workspace;

/// The sources of a package.
#[derive(Clone)]
pub struct Source {
    /// The folder of the workspace.
    pub root: PathBuf,
    /// The version of every crate, such as `0.1.0`.
    pub version: &'static str,
    /// Seconds since 1970: the time of everything in a package.
    pub time: u64,
    /// The files of the repository, relative to `root`; no links.
    pub files: Vec<PathBuf>,
    /// Whether they differ from the commit.
    pub is_changed: bool,
    /// How hard xz tries, 0 to 9.
    pub compression: u8,
}

impl Source {
    /// Asks git about the workspace.
    ///
    /// The time is `SOURCE_DATE_EPOCH` (<https://reproducible-builds.org/specs/source-date-epoch/>),
    /// or else that of the last commit.
    pub fn of(workspace: &Workspace) -> Result<Self> {
        let root = workspace.root.clone();
        let time = match env::var("SOURCE_DATE_EPOCH") {
            Ok(time) => time,
            Err(_) => git(&root, &["log", "-1", "--format=%ct"])?,
        };
        let time = time.trim().parse().with_context(|| {
            format!("SOURCE_DATE_EPOCH is {time:?}: it must be seconds since 1970")
        })?;
        let is_changed =
            !git(&root, &["status", "--porcelain", "--untracked-files=no"])?.is_empty();
        let listed = git(&root, &["ls-files", "-z"])?;
        let files = listed.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
        let files = files.filter(|path| is_plain_file(&root.join(path))).collect();
        Ok(Self {
            root,
            version: env!("CARGO_PKG_VERSION"),
            time,
            files,
            is_changed,
            compression: 9,
        })
    }

    /// The text of a file of the repository.
    pub fn read(&self, path: &str) -> Result<String> {
        let path = self.root.join(path);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }
}

fn is_plain_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_file())
}

fn git(root: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output();
    let output = output.context("cannot run git, which says what belongs to a package")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("packages are made from a clone of the repository; git says: {}", said.trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
