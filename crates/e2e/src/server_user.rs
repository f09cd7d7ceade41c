//! Whom PostgreSQL runs as: it refuses to run as root.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::{self, Gid, Uid, User};

/// The user of the server processes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ServerUser {
    /// We are an ordinary user: so are the servers.
    Ourselves,
    /// We are root: an account that owns nothing else here.
    Other(Uid, Gid),
}

impl ServerUser {
    /// The user to run servers as.
    pub(crate) fn choose() -> Result<Self> {
        if !unistd::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name).context("cannot look up a user")? {
                return Ok(Self::Other(user.uid, user.gid));
            }
        }
        bail!("PostgreSQL does not run as root, and there is no user postgres or nobody")
    }

    /// Makes `command` run as this user. The standard library also empties the list of groups.
    pub(crate) fn apply(self, command: &mut Command) {
        if let Self::Other(uid, gid) = self {
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
    }

    /// Hands a file or folder to this user.
    pub(crate) fn own(self, path: &Path) -> Result<()> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other(uid, gid) => unistd::chown(path, Some(uid), Some(gid))
                .with_context(|| format!("cannot change the owner of {}", path.display())),
        }
    }
}
