//! The thread that starts every child.

use std::io;

use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::parent_death::die_with_parent;

/// Starts child processes from one thread that lives as long as the service.
///
/// The kernel ties a child to the *thread* that forked it, not to the process. A worker thread of
/// the async runtime may end at any time and would take its children along.
#[derive(Clone, Debug)]
pub struct Spawner {
    jobs: std::sync::mpsc::Sender<Job>,
}

#[derive(Debug)]
struct Job {
    command: Command,
    reply: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    /// Starts the thread. Must be called inside the async runtime that will watch the children.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Handle::current();
        let (jobs, inbox) = std::sync::mpsc::channel::<Job>();
        std::thread::Builder::new().name("spawner".to_owned()).spawn(move || {
            let _inside = runtime.enter();
            for mut job in inbox {
                // A caller that has gone away drops the child, which kills it.
                let _ = job.reply.send(job.command.spawn());
            }
        })?;
        Ok(Self { jobs })
    }

    /// Starts a process in a group of its own that dies with the service.
    pub async fn spawn(&self, mut command: Command) -> io::Result<Child> {
        command.process_group(0).kill_on_drop(true);
        die_with_parent(&mut command);
        let (reply, answer) = oneshot::channel();
        let gone = || io::Error::other("the spawner thread has ended");
        self.jobs.send(Job { command, reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
