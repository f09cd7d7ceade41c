//! A clean Debian of a test's own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::command::quietly;

/// A clean Debian that may be changed: what is changed is gone when it is dropped.
pub struct Chroot {
    root: PathBuf,
    _place: Place,
}

/// What the changes are in.
enum Place {
    Layer { _holder: Holder },
    Copy { _folder: TempDir },
}

impl Chroot {
    /// A layer over `original`; where this machine allows none, a copy in a new folder in `parent`,
    /// whose name must be short: a server's socket is in it.
    pub fn of(original: &Path, parent: &Path) -> Self {
        Self::layer(original).unwrap_or_else(|| Self::copy(original, parent))
    }

    fn layer(original: &Path) -> Option<Self> {
        let holder = Holder::of_layer(original)?;
        // As the holder sees it, which needs not be in its namespace.
        let root = PathBuf::from(format!("/proc/{}/root{LAYER}", holder.0.id()));
        Some(Self { root, _place: Place::Layer { _holder: holder } })
    }

    fn copy(original: &Path, parent: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("d").tempdir_in(parent).unwrap();
        let mut copy = Command::new("cp");
        copy.args(["-a", "--reflink=auto", "-T"]).arg(original).arg(folder.path());
        quietly(&mut copy).unwrap();
        Self { root: folder.path().to_owned(), _place: Place::Copy { _folder: folder } }
    }

    /// Its folder, as seen from outside.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A program of its own, to be run in it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("/usr/sbin/chroot");
        command.arg(self.root()).arg(program);
        in_chroot(&mut command);
        command
    }

    /// The same, as the user of its servers.
    pub fn server_command(&self, program: &str) -> Command {
        let mut command = Command::new("/usr/sbin/chroot");
        command.arg("--userspec=postgres:postgres").arg(self.root()).arg(program);
        in_chroot(&mut command);
        command
    }
}

/// Where a layer is, for the process that holds it: a folder that every Linux has.
const LAYER: &str = "/mnt/root";

/// What that process does: changes are in memory, below the same folder.
const MOUNT: &str = "\
mount -t tmpfs -o mode=0755 tmpfs /mnt && mkdir /mnt/changes /mnt/work /mnt/root &&
mount -t overlay -o lowerdir=\"$1\",upperdir=/mnt/changes,workdir=/mnt/work overlay /mnt/root &&
echo mounted && exec cat";

/// A process with mounts of its own, which nobody else sees. They end with it, and it ends with this
/// one, whatever ends that: it reads from us.
struct Holder(Child);

impl Holder {
    /// None where mounting is not allowed, as in most containers.
    fn of_layer(original: &Path) -> Option<Self> {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--propagation", "private", "sh", "-c", MOUNT, "sh"]);
        unshare.arg(original).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut holder = Self(unshare.spawn().ok()?);
        let mut said = String::new();
        BufReader::new(holder.0.stdout.take()?).read_line(&mut said).ok()?;
        (said == "mounted\n").then_some(holder)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Nothing of this machine's environment.
fn in_chroot(command: &mut Command) {
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
    command.env("DEBIAN_FRONTEND", "noninteractive");
}
