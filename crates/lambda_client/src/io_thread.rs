//! The thread on which connections live, inside a process that belongs to a database.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Bytes of the thread's stack. TLS handshakes and the credential providers are the deepest users;
/// pages that are never touched cost nothing.
const STACK_BYTES: usize = 1 << 20;

/// After so many steps of futures in a row the timers are looked at. A call takes fewer between two
/// waits; only a peer that sends without end has them follow each other, and a step may then be
/// tens of milliseconds of reading.
const EVENT_INTERVAL: u32 = 8;

/// A thread that drives sockets, timers and spawned futures until it is stopped.
///
/// It takes none of the process's signals: all are blocked before it is made, and so in every
/// thread that it makes.
#[derive(Debug)]
pub struct IoThread {
    runtime: Handle,
    /// Until it is stopped: dropping the sender ends the thread.
    running: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl IoThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's error when a thread or a descriptor cannot be had.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .event_interval(EVENT_INTERVAL)
            .thread_name("lambda dns")
            .thread_stack_size(STACK_BYTES)
            .build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = with_signals_blocked(|| {
            std::thread::Builder::new().name("lambda io".to_owned()).stack_size(STACK_BYTES).spawn(
                move || {
                    // Ends with an error when the sender is dropped, which is the sign to stop.
                    let _ = runtime.block_on(stopped);
                    // A resolver that still waits for an answer must not hold the process up.
                    runtime.shutdown_background();
                },
            )
        })??;
        Ok(Self { runtime: handle, running: Mutex::new(Some((stop, thread))) })
    }

    /// What futures are spawned on the thread with.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.runtime
    }

    /// Ends the thread and drops its futures; a second call does nothing.
    pub fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, thread)) = running {
            drop(stop);
            // A panic of the thread is of no interest any more: it has ended either way.
            let _ = thread.join();
        }
    }
}

/// What a thread's own fault raises, in that thread: blocked, it would end the process without the
/// report that the database's handler writes. SIGFPE is not among them: Rust checks its divisions,
/// and PostgreSQL's handler for it raises an SQL error, which only its main thread may.
const FAULTS: [Signal; 4] = [Signal::SIGABRT, Signal::SIGBUS, Signal::SIGILL, Signal::SIGSEGV];

/// Runs `action` with every signal but faults blocked, so that the threads it makes, and every
/// thread that those make, never run a handler of the database: handlers assume its own threads.
///
/// # Errors
/// The system's error when the mask cannot be set.
pub fn with_signals_blocked<T>(action: impl FnOnce() -> T) -> io::Result<T> {
    let mut blocked = SigSet::all();
    for fault in FAULTS {
        blocked.remove(fault);
    }
    let before = blocked.thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let restore = RestoreMask(before);
    let result = action();
    drop(restore);
    Ok(result)
}

/// Also after a panic the thread is the database's again.
struct RestoreMask(SigSet);

impl Drop for RestoreMask {
    fn drop(&mut self) {
        // Fails only for a wrong argument, and this mask was in force before.
        let _ = self.0.thread_set_mask();
    }
}
