//! The temporary folders of a playground.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::sys::statvfs::statvfs;

use crate::live;
use crate::process::Lifetime;

/// How their names begin.
const PREFIX: &str = "sqlambda-";
/// Where Linux has a file system in memory.
const MEMORY: &str = "/dev/shm";
/// How many bytes must be free in it: twice what the data of all tests come to.
const ROOM: u128 = 6 << 30;

/// The temporary folder of a playground, and that of its servers' data.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// In memory, where a thousand files of a cluster are copied in a tenth of the time; otherwise in
    /// `path`. Only data: programs may not run there.
    pub(crate) data: PathBuf,
    owned: bool,
}

impl Folder {
    /// Makes the folders. In memory only for one who ends them: forgotten there, they would be missed.
    pub(crate) fn create(lifetime: Lifetime) -> Result<Self> {
        // Root's server runs as another user, who may not be let into root's own folders.
        let parent = if nix::unistd::geteuid().is_root() { "/tmp".into() } else { env::temp_dir() };
        let path = make(&parent)?;
        let data = match lifetime {
            Lifetime::Owner if has_room(Path::new(MEMORY)) => make(Path::new(MEMORY))?,
            _ => path.join("data"),
        };
        fs::create_dir_all(&data)?;
        Ok(Self { path, data, owned: true })
    }

    /// Those that somebody else has made.
    pub(crate) fn of_another(path: PathBuf, data: PathBuf) -> Self {
        Self { path, data, owned: false }
    }

    /// From now on they are not removed with this.
    pub(crate) fn keep(&mut self) {
        self.owned = false;
        live::forget_folder(&self.path);
        live::forget_folder(&self.data);
    }

    /// Removes those that were kept, whose data are in `path`.
    pub(crate) fn remove(&self) -> Result<()> {
        // They come from a file that anyone could have edited: remove only what looks like ours.
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(PREFIX) || !self.path.join("pg").is_dir() {
            bail!("{} is no playground's folder: not removed", self.path.display());
        }
        fs::remove_dir_all(&self.path)
            .with_context(|| format!("cannot remove {}", self.path.display()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.owned {
            for folder in [&self.data, &self.path] {
                // A leftover in the temporary folder harms nobody.
                let _ = fs::remove_dir_all(folder);
                live::forget_folder(folder);
            }
        }
    }
}

fn make(parent: &Path) -> Result<PathBuf> {
    let path = tempfile::Builder::new()
        .prefix(PREFIX)
        .tempdir_in(parent)
        .with_context(|| format!("cannot make a folder in {}", parent.display()))?
        .keep();
    live::track_folder(&path);
    fs::set_permissions(&path, Permissions::from_mode(0o755))?;
    Ok(path)
}

fn has_room(folder: &Path) -> bool {
    let free = |it: nix::sys::statvfs::Statvfs| {
        u128::from(it.blocks_available()) * u128::from(it.fragment_size())
    };
    statvfs(folder).is_ok_and(|it| free(it) >= ROOM)
}
