//! What is packed: a commit of the repository.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use e2e::Workspace;

use super::compression::Compression;
use super::tree::Tree;

/// The sources of a package.
#[derive(Clone)]
pub struct Source {
    /// The version of every crate, such as `0.1.0`.
    pub version: &'static str,
    /// Seconds since 1970: the time of everything in a package.
    pub time: u64,
    /// The files of the repository; no links. They are read once: whoever edits them meanwhile
    /// cannot make one package differ from another.
    pub files: Tree,
    /// Whether they differ from the commit.
    pub is_changed: bool,
    /// How packages of it are compressed.
    pub compression: Compression,
}

impl Source {
    /// Asks git about the workspace.
    ///
    /// The time is `SOURCE_DATE_EPOCH` (<https://reproducible-builds.org/specs/source-date-epoch/>),
    /// or else that of the last commit.
    pub fn of(workspace: &Workspace) -> Result<Self> {
        let root = &workspace.root;
        let time = match env::var("SOURCE_DATE_EPOCH") {
            Ok(time) => time,
            Err(_) => git(root, &["log", "-1", "--format=%ct"])?,
        };
        let time = time.trim().parse().with_context(|| {
            format!("SOURCE_DATE_EPOCH is {time:?}: it must be seconds since 1970")
        })?;
        let is_changed = !git(root, &["status", "--porcelain", "--untracked-files=no"])?.is_empty();
        let listed = git(root, &["ls-files", "-z"])?;
        let mut files = Tree::default();
        for path in listed.split('\0').filter(|path| is_plain_file(&root.join(path))) {
            files.copy(&root.join(path), path)?;
        }
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            time,
            files,
            is_changed,
            compression: Compression::SMALLEST,
        })
    }

    /// The text of a file of the repository.
    pub fn read(&self, path: &str) -> Result<String> {
        let content = self.files.content(path);
        let content = content.with_context(|| format!("the repository has no {path}"))?;
        String::from_utf8(content.to_vec()).with_context(|| format!("{path} is no text"))
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
