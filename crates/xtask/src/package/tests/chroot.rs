//! A clean Debian of a test's own.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::command::quietly;

/// A copy of the clean Debian, removed when it is dropped.
pub struct Chroot {
    folder: TempDir,
}

impl Chroot {
    /// Copies it into a new folder in `parent`, whose name must be short: a server's socket is in it.
    pub fn copy(original: &Path, parent: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("d").tempdir_in(parent).unwrap();
        quietly(
            Command::new("cp")
                .args(["-a", "--reflink=auto", "-T"])
                .arg(original)
                .arg(folder.path()),
        )
        .unwrap();
        Self { folder }
    }

    /// Its folder, as seen from outside.
    pub fn root(&self) -> &Path {
        self.folder.path()
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

/// Nothing of this machine's environment.
fn in_chroot(command: &mut Command) {
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
    command.env("DEBIAN_FRONTEND", "noninteractive");
}
