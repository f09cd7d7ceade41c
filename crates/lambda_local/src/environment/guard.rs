//! The guard: a small process that outlives the service by a moment, and ends what it left behind.
//!
//! The kernel ends a function's process together with the service, but not what that process has
//! started. The guard knows every process group; when the service ends, in whatever way, the pipe
//! between them closes, and the guard ends them all.

use std::collections::HashSet;
use std::fmt::Display;
use std::io::{self, BufRead, PipeWriter, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The argument that makes the `sqlambda` command run [`watch`].
pub const GUARD_COMMAND: &str = "guard-processes";

/// The service's end of the pipe.
#[derive(Clone, Debug)]
pub struct Guard {
    pipe: Arc<Mutex<PipeWriter>>,
}

impl Guard {
    /// Starts the guard: this same program, with [`GUARD_COMMAND`].
    pub fn start() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        Command::new(std::env::current_exe()?)
            .arg(GUARD_COMMAND)
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Of a group of its own: Ctrl-C in a terminal goes to the service's group only.
            .process_group(0)
            .spawn()?;
        Ok(Self { pipe: Arc::new(Mutex::new(writer)) })
    }

    /// A process group has begun.
    pub(super) fn add(&self, group: Pid) {
        self.tell('+', group);
    }

    /// A process group has been ended.
    pub(super) fn remove(&self, group: Pid) {
        self.tell('-', group);
    }

    /// A folder that must not outlive the service.
    pub(crate) fn remove_at_end(&self, folder: &Path) {
        self.tell('=', folder.display());
    }

    fn tell(&self, sign: char, what: impl Display) {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a guard the service still works; it only leaves more behind when it is killed.
        let _ = pipe.write_all(format!("{sign}{what}\n").as_bytes());
    }
}

/// The guard's own work: follows the groups until the service has gone, then ends those left and
/// removes the service's temporary folder.
pub fn watch(orders: impl BufRead) {
    let mut groups = HashSet::new();
    let mut folders = Vec::new();
    for order in orders.lines().map_while(Result::ok) {
        let group = |number: &str| number.parse().ok().filter(|number| *number > 1);
        if let Some(group) = order.strip_prefix('+').and_then(group) {
            groups.insert(group);
        } else if let Some(group) = order.strip_prefix('-').and_then(group) {
            groups.remove(&group);
        } else if let Some(folder) = order.strip_prefix('=') {
            folders.push(folder.to_owned());
        }
    }
    for group in groups {
        // Most have ended together with the service.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    for folder in folders {
        // A service that ended well has removed it itself.
        let _ = std::fs::remove_dir_all(folder);
    }
}
