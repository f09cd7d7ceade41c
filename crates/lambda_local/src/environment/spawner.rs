//! The thread that starts every child.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::before_exec::{die_with_parent, limit_descriptors};
use super::guard::Guard;

/// Starts child processes from one thread that lives as long as the service.
///
/// The kernel ties a child to the *thread* that forked it, not to the process. A worker thread of
/// the async runtime may end at any time and would take its children along.
#[derive(Clone, Debug)]
pub struct Spawner {
    jobs: std::sync::mpsc::Sender<Job>,
    guard: Option<Guard>,
    groups: Arc<Mutex<Groups>>,
}

/// The process groups that run.
#[derive(Debug, Default)]
struct Groups {
    running: HashSet<Pid>,
    /// Whether there are to be no more.
    closed: bool,
}

#[derive(Debug)]
struct Job {
    command: Command,
    reply: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    /// Starts the thread. Must be called inside the async runtime that will watch the children.
    pub fn start(guard: Option<Guard>) -> io::Result<Self> {
        let runtime = tokio::runtime::Handle::current();
        let (jobs, inbox) = std::sync::mpsc::channel::<Job>();
        std::thread::Builder::new().name("spawner".to_owned()).spawn(move || {
            let _inside = runtime.enter();
            for mut job in inbox {
                // A caller that has gone away drops the child, which kills it.
                let _ = job.reply.send(job.command.spawn());
            }
        })?;
        Ok(Self { jobs, guard, groups: Arc::default() })
    }

    /// Starts a process in a group of its own that dies with the service.
    pub async fn spawn(&self, mut command: Command) -> io::Result<Child> {
        command.process_group(0).kill_on_drop(true);
        die_with_parent(&mut command);
        limit_descriptors(&mut command);
        let (reply, answer) = oneshot::channel();
        let gone = || io::Error::other("the spawner thread has ended");
        self.jobs.send(Job { command, reply }).map_err(|_| gone())?;
        let child = answer.await.map_err(|_| gone())??;
        let Some(group) = group_of(&child) else { return Ok(child) };
        let mut groups = self.groups();
        if groups.closed {
            // Dropping the child kills it.
            return Err(io::Error::other("the service is stopping"));
        }
        groups.running.insert(group);
        if let Some(guard) = &self.guard {
            guard.add(group);
        }
        drop(groups);
        Ok(child)
    }

    /// The group of a process was ended, and its number may be used again.
    pub(super) fn ended(&self, group: Pid) {
        self.groups().running.remove(&group);
        if let Some(guard) = &self.guard {
            guard.remove(group);
        }
    }

    /// Ends every process with all that it has started, and starts no more.
    pub fn end_all(&self) {
        let mut groups = self.groups();
        groups.closed = true;
        for group in &groups.running {
            // It may just have ended.
            let _ = killpg(*group, Signal::SIGKILL);
        }
    }

    /// Whether [`Self::end_all`] was called.
    pub fn has_ended(&self) -> bool {
        self.groups().closed
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The process group of a child, which it leads.
pub(super) fn group_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw)
}
