//! One execution environment: a process, its Runtime API and its state.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, oneshot};

use super::child_env::{ChildIdentity, child_variables};
use super::event::{Event, Outcome};
use super::exit::ExitReason;
use super::logs::Logs;
use super::machine::{InvalidTransition, Machine, Next};
use super::memory;
use super::spawner::{Spawner, group_of};
use super::stream::Sink;
use crate::functions::{Function, RuntimeFamily};
use crate::runtimes::path::is_executable;
use crate::runtimes::{Launcher, RuntimeError};

/// How long the output of a process that has ended is still read.
const LAST_OUTPUT_TIME: Duration = Duration::from_secs(1);

/// Why an environment cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The runtime is missing on this machine.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The function's folder has no executable of that name.
    #[error("Couldn't find valid bootstrap(s): [{}]", .0.display())]
    NoBootstrap(PathBuf),
    /// The system refuses.
    #[error("fork/exec: {0}")]
    System(#[from] io::Error),
}

impl StartError {
    /// Whether the next start may go well: the machine is short of processes, descriptors or memory.
    /// What the function is made of is missing again the next time.
    pub(super) fn may_pass(&self) -> bool {
        use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};

        let Self::System(error) = self else { return false };
        let of_function = [NotFound, PermissionDenied, NotADirectory].contains(&error.kind());
        !of_function && error.raw_os_error() != Some(nix::libc::ENOEXEC)
    }
}

/// A running process of a function.
#[derive(Debug)]
pub struct Environment {
    machine: Mutex<Machine>,
    /// Rings when there is an event to take, or when there will be none.
    work: Notify,
    pub(super) logs: Logs,
    /// The process, which leads a process group of the same number.
    pub(super) pid: Pid,
    pub(super) started_at: Instant,
    /// The most memory it was seen to use, in KiB: it cannot be asked any more once it is dead.
    memory_peak: AtomicU64,
}

impl Environment {
    /// Starts a process of the function.
    pub(super) async fn start(
        function: &Function,
        launcher: &Launcher,
        mut identity: ChildIdentity,
        spawner: &Spawner,
    ) -> Result<Arc<Self>, StartError> {
        let started_at = Instant::now();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        identity.runtime_api = listener.local_addr()?.to_string();
        let (read_end, write_end) = std::io::pipe()?;
        let mut command = command(function, launcher)?;
        command
            .env_clear()
            .envs(child_variables(function, &identity, launcher.packages.as_deref()))
            .current_dir(&function.task_root)
            .stdin(Stdio::null())
            .stdout(write_end.try_clone()?)
            .stderr(write_end);
        let child = spawner.spawn(command).await?;
        let environment = Arc::new(Self {
            machine: Mutex::default(),
            work: Notify::new(),
            logs: Logs::new(&function.name, read_end.into())?,
            pid: group_of(&child).ok_or_else(|| io::Error::other("the process has no id"))?,
            started_at,
            memory_peak: AtomicU64::new(0),
        });
        tokio::spawn(Arc::clone(&environment).watch(child, listener, spawner.clone()));
        Ok(environment)
    }

    /// Serves the process until it has ended.
    async fn watch(self: Arc<Self>, mut child: Child, listener: TcpListener, spawner: Spawner) {
        let (end, ended) = oneshot::channel();
        let served = tokio::spawn(crate::runtime_api::serve(listener, Arc::clone(&self), ended));
        let mut pump = tokio::spawn({
            let environment = Arc::clone(&self);
            async move { environment.logs.pump().await }
        });
        let status = child.wait().await;
        self.kill_group();
        spawner.ended(self.pid);
        self.lock().no_more_events();
        self.work.notify_waiters();
        let _ = end.send(());
        let _ = served.await;
        self.lock().exited(status.map_or(ExitReason::Code(1), ExitReason::from));
        self.work.notify_waiters();
        // A descendant that left the group may hold the pipe open for ever.
        if tokio::time::timeout(LAST_OUTPUT_TIME, &mut pump).await.is_err() {
            pump.abort();
        }
    }

    /// Ends the process and everything it started in its group.
    pub(super) fn kill_group(&self) {
        // It may be gone already.
        let _ = killpg(self.pid, Signal::SIGKILL);
    }

    /// Takes the environment down; it gets no more calls.
    pub(super) fn stop(&self) {
        self.memory_peak_kib();
        self.lock().stop();
        self.work.notify_waiters();
        self.kill_group();
    }

    /// The most memory the process has used so far, in KiB.
    pub(super) fn memory_peak_kib(&self) -> u64 {
        let now = memory::peak_kib(self.pid).unwrap_or(0);
        self.memory_peak.fetch_max(now, Ordering::Relaxed).max(now)
    }

    /// The memory that the process and its children use now, in KiB.
    pub(super) fn memory_kib(&self) -> u64 {
        let now = memory::resident_kib(self.pid);
        self.memory_peak.fetch_max(now, Ordering::Relaxed);
        now
    }

    /// Gives the process a call. The first channel will hold how it ended, the second when the
    /// runtime took it.
    pub(super) fn assign(
        &self,
        event: Arc<Event>,
    ) -> (oneshot::Receiver<Outcome>, oneshot::Receiver<Instant>) {
        let (reply, outcome) = oneshot::channel();
        let (delivered, at) = oneshot::channel();
        self.lock().assign(event, reply, delivered);
        self.work.notify_waiters();
        (outcome, at)
    }

    /// The state, for a look or a change.
    pub(super) fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state now, and whenever it may have changed, until it shows what is looked for.
    async fn until<T>(&self, mut look: impl FnMut(&mut Machine) -> Option<T>) -> T {
        loop {
            // Listen before looking, or a change in between would not wake this call.
            let work = self.work.notified();
            tokio::pin!(work);
            work.as_mut().enable();
            let seen = look(&mut self.lock());
            if let Some(seen) = seen {
                return seen;
            }
            work.await;
        }
    }

    /// Runtime API: waits for the next event, or for the reason why there is none.
    pub(crate) async fn next(&self) -> Next {
        self.until(|machine| match machine.next(Instant::now()) {
            Next::Wait => None,
            next => Some(next),
        })
        .await
    }

    /// Runtime API: whether the process ends within this time.
    pub(crate) async fn ends_within(&self, time: Duration) -> bool {
        let ending = self.until(|machine| machine.is_ending().then_some(()));
        tokio::time::timeout(time, ending).await.is_ok()
    }

    /// Runtime API: whether an answer is on its way to its caller bit by bit.
    pub(crate) fn is_streaming(&self) -> bool {
        self.lock().is_streaming()
    }

    /// Runtime API: the answer to the call `id` begins. Returns where it goes when it is streamed.
    pub(crate) fn begin(
        &self,
        id: &str,
        state: &'static str,
        streamed: bool,
    ) -> Result<Option<Sink>, InvalidTransition> {
        self.lock().begin(id, state, streamed)
    }

    /// Runtime API: the call `id` has ended.
    pub(crate) fn finish(&self, id: &str, outcome: Outcome) -> Result<(), InvalidTransition> {
        self.lock().finish(id, outcome)
    }

    /// Runtime API: the runtime could not initialise.
    pub(crate) fn init_error(&self, body: Bytes) -> Result<(), InvalidTransition> {
        self.lock().init_error(body)
    }
}

fn command(function: &Function, launcher: &Launcher) -> Result<Command, StartError> {
    if function.runtime.family() == RuntimeFamily::Provided {
        let bootstrap = function.task_root.join(&launcher.program);
        if !is_executable(&bootstrap) {
            return Err(StartError::NoBootstrap(bootstrap));
        }
        return Ok(Command::new(bootstrap));
    }
    let mut command = Command::new(&launcher.program);
    command.args(&launcher.arguments);
    if launcher.handler_argument {
        command.arg(&function.handler);
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use nix::libc::{EAGAIN, EMFILE, ENOENT, ENOEXEC, ENOMEM};

    use super::*;

    #[test]
    fn a_start_is_worth_another_try_if_the_machine_was_short_of_something() {
        let may_pass = |code| StartError::System(io::Error::from_raw_os_error(code)).may_pass();
        assert!([EAGAIN, EMFILE, ENOMEM].into_iter().all(may_pass));
        assert!(![ENOENT, ENOEXEC].into_iter().any(may_pass));
        assert!(!StartError::NoBootstrap(PathBuf::new()).may_pass());
    }
}
