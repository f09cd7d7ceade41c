//! Starting, recognising and ending the processes of a playground.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;
use std::{io, thread};

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::child_setup;
use crate::live::{self, Group, Tracked};
use crate::waiting::answer_within;

/// How long a started process lives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lifetime {
    /// As long as the process that started it, at most.
    Owner,
    /// Longer, once it is released: it gets a session of its own, and is ended by [`ProcessId`].
    Detached,
}

/// A process that is recognised even after its number was given to another one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProcessId {
    /// The number.
    pub pid: u32,
    started: String,
}

impl ProcessId {
    /// Identifies the running process `pid`.
    pub fn of(pid: u32) -> Result<Self> {
        let started = start_mark(pid).with_context(|| format!("process {pid} is not running"))?;
        Ok(Self { pid, started })
    }

    /// Whether this very process still runs.
    pub fn is_running(&self) -> bool {
        start_mark(self.pid).as_ref() == Some(&self.started)
    }

    /// Ends the process by `first`, and by SIGKILL if it is still there after `patience`.
    pub fn end(&self, first: Signal, patience: Duration) -> Result<()> {
        for signal in [first, Signal::SIGKILL] {
            if !self.is_running() {
                return Ok(());
            }
            send(self.pid, signal)?;
            let ended = answer_within(patience, || (!self.is_running()).then_some(()));
            if ended.is_some() {
                return Ok(());
            }
        }
        bail!("process {} does not end", self.pid)
    }
}

/// What tells a process from a later one with the same number: when it started.
#[cfg(target_os = "linux")]
fn start_mark(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name, in parentheses, may hold anything: the fields start after the last ')'.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let (state, start_time) = (fields.first()?, fields.get(19)?);
    (*state != "Z").then(|| (*start_time).to_owned())
}

#[cfg(not(target_os = "linux"))]
fn start_mark(pid: u32) -> Option<String> {
    let answer =
        Command::new("ps").args(["-o", "stat=,lstart=", "-p"]).arg(pid.to_string()).output();
    let text = String::from_utf8(answer.ok()?.stdout).ok()?;
    let (state, started) = text.trim().split_once(' ')?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

/// A child process that is ended when this is dropped, unless it was released.
#[derive(Debug)]
pub(crate) struct Managed {
    child: Child,
    /// None: the process is meant to survive.
    tracked: Option<Tracked>,
    end_signal: Signal,
}

impl Managed {
    /// Starts `command`; `end_signal` is what makes it end in an orderly way.
    pub(crate) fn start(
        mut command: Command,
        lifetime: Lifetime,
        end_signal: Signal,
    ) -> Result<Self> {
        match lifetime {
            Lifetime::Owner => {
                // Not in our process group: a Ctrl-C is for us, and we end it in order.
                command.process_group(0);
                child_setup::ends_with_parent(&mut command, end_signal);
            }
            Lifetime::Detached => child_setup::in_own_session(&mut command),
        }
        let program = command.get_program().to_owned();
        let child = spawn_from_lasting_thread(command)
            .with_context(|| format!("cannot start {}", program.display()))?;
        let tracked = Some(live::track(child.id(), end_signal, Group::One));
        Ok(Self { child, tracked, end_signal })
    }

    /// From now on the process is not ended with this.
    pub(crate) fn release(mut self) {
        self.tracked = None;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends a signal, unless it has ended.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<()> {
        match self.exit_status() {
            Some(status) => bail!("process {} has ended: {status}", self.pid()),
            None => send(self.pid(), signal),
        }
    }

    /// Sends `signal` and waits for the end; after `patience` it is killed, which is an error.
    pub(crate) fn stop(&mut self, signal: Signal, patience: Duration) -> Result<ExitStatus> {
        if let Some(status) = self.exit_status() {
            return Ok(status);
        }
        send(self.pid(), signal)?;
        if let Some(status) = answer_within(patience, || self.exit_status()) {
            return Ok(status);
        }
        self.child.kill()?;
        self.child.wait()?;
        bail!("process {} did not end in {patience:?} after {signal}; killed", self.pid())
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        if self.tracked.is_some() {
            let signal = self.end_signal;
            // Stopped or killed: either way it has ended, and there is no one to tell.
            let _ = self.stop(signal, Duration::from_secs(10));
        }
    }
}

/// Sends `signal` to one process.
pub(crate) fn send(pid: u32, signal: Signal) -> Result<()> {
    signal::kill(Pid::from_raw(pid.cast_signed()), signal)
        .with_context(|| format!("cannot send {signal} to process {pid}"))
}

type Spawned = io::Result<Child>;

/// Starts processes from one thread that never ends.
///
/// The kernel's "tell me when my parent dies" is about the parent *thread*: a cluster that one test
/// thread makes and others share would die with the first test.
fn spawn_from_lasting_thread(command: Command) -> Result<Child> {
    static REQUESTS: LazyLock<Sender<(Command, Sender<Spawned>)>> = LazyLock::new(|| {
        let (requests, inbox) = mpsc::channel::<(Command, Sender<Spawned>)>();
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                // The asker waits for the answer; if it is gone, nobody needs the process.
                if let Err(mpsc::SendError(Ok(mut orphan))) = answer.send(command.spawn()) {
                    let _ = orphan.kill();
                }
            }
        });
        requests
    });
    let (answer, spawned) = mpsc::channel();
    REQUESTS
        .send((command, answer))
        .map_err(|_| anyhow!("the thread that starts processes has ended"))?;
    Ok(spawned.recv().context("the thread that starts processes has ended")??)
}
