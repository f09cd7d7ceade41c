//! What is alive now and must end when this process is told to: processes and folders.
//!
//! `Drop` covers normal ends, errors and panics. A signal unwinds nothing, so its handler asks here.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// How long a process may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a signal is meant for one process or for all of its group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Group {
    /// The process knows how to end what it started.
    One,
    /// The process leads a group that must end with it.
    All,
}

#[derive(Clone, Copy, Debug)]
struct Process {
    pid: Pid,
    signal: Signal,
    group: Group,
}

#[derive(Default)]
struct Live {
    processes: Vec<Process>,
    folders: Vec<PathBuf>,
}

static LIVE: Mutex<Live> = Mutex::new(Live { processes: Vec::new(), folders: Vec::new() });

fn live() -> MutexGuard<'static, Live> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process that [`end_everything`] ends; forgotten when this is dropped.
#[derive(Debug)]
pub struct Tracked(Pid);

/// Has [`end_everything`] end the process `pid` by `signal`.
pub fn track(pid: u32, signal: Signal, group: Group) -> Tracked {
    let pid = Pid::from_raw(pid.cast_signed());
    live().processes.push(Process { pid, signal, group });
    Tracked(pid)
}

impl Drop for Tracked {
    fn drop(&mut self) {
        live().processes.retain(|process| process.pid != self.0);
    }
}

/// Has [`end_everything`] remove `folder` once the processes have ended.
pub(crate) fn track_folder(folder: &Path) {
    live().folders.push(folder.to_owned());
}

/// The folder is gone, or somebody else's now.
pub(crate) fn forget_folder(folder: &Path) {
    live().folders.retain(|tracked| tracked != folder);
}

/// Ends every tracked process and removes every tracked folder. For signal handlers' threads:
/// the caller is about to exit.
pub fn end_everything() {
    // Newest first: a test run goes before the servers that it uses.
    let (mut processes, folders) = {
        let mut live = live();
        live.processes.reverse();
        (std::mem::take(&mut live.processes), std::mem::take(&mut live.folders))
    };
    for process in &processes {
        send(process, process.signal);
    }
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        processes.retain(|process| is_running(process.pid));
        if processes.is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    for process in &processes {
        send(process, Signal::SIGKILL);
    }
    for folder in folders {
        // Nobody is left to tell: the process ends next.
        let _ = std::fs::remove_dir_all(folder);
    }
}

fn send(process: &Process, signal: Signal) {
    // An error means that it has ended already.
    let _ = match process.group {
        Group::One => signal::kill(process.pid, signal),
        Group::All => signal::killpg(process.pid, signal),
    };
}

/// Our own child: waiting for it is the only way to tell a zombie from a running process.
fn is_running(pid: Pid) -> bool {
    matches!(waitpid(pid, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive))
}
