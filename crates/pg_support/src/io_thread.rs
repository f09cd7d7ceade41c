//! The I/O thread of a backend: network traffic goes on there while the main thread waits on its
//! latch, so that an interrupt is acted upon at once and nothing polls.
//!
//! No PostgreSQL code runs on the thread, and none of PostgreSQL's signal handlers.

use std::ffi::CStr;
use std::future::Future;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, PoisonError};

use lambda_client::io_thread;
use nix::sys::eventfd::{EfdFlags, EventFd};
use pgrx::pg_sys;

use crate::queue::{self, Receiver, Sender};
use crate::wait::WaitSet;

/// A thread that runs futures for the main thread, until it is stopped.
pub struct IoThread {
    thread: io_thread::IoThread,
    /// Readable when a future has finished.
    finished: &'static EventFd,
    wait: WaitSet,
}

impl IoThread {
    /// Starts the thread. `wait_event` is the name that `pg_stat_activity` shows while the main
    /// thread waits for it.
    ///
    /// # Errors
    /// The system's error when a thread or a descriptor cannot be had.
    pub fn start(wait_event: &'static CStr) -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let finished = EventFd::from_value_and_flags(0, flags)?;
        // Leaked: a backend has one for its life, and the wait set refers to it.
        let finished: &'static EventFd = Box::leak(Box::new(finished));
        let thread = io_thread::IoThread::start()?;
        Ok(Self { thread, finished, wait: WaitSet::new(finished.as_fd(), wait_event) })
    }

    /// Ends the thread and drops its futures; a second call does nothing.
    pub fn stop(&self) {
        self.thread.stop();
    }

    /// Starts `future` on the thread. Dropping the task drops the future.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Task {
        Task(self.thread.handle().spawn(future).abort_handle())
    }

    /// A queue from the thread to the main thread.
    #[must_use]
    pub fn queue<T: Send>(&'static self) -> (Sender<T>, Receiver<T>) {
        queue::new(self)
    }

    /// Waits until something has happened on the thread: the caller looks whether it was for it.
    /// An interrupt ends the wait by unwinding, with PostgreSQL's own error.
    pub(crate) fn wait_for_news(&self) {
        self.wait.until_readable();
        // Nothing to read is no error: the caller looks, finds nothing and waits again.
        let _ = self.finished.read();
    }

    /// What wakes the main thread.
    pub(crate) fn bell(&self) -> &'static EventFd {
        self.finished
    }

    /// Runs `future` on the thread and waits for its result.
    ///
    /// An interrupt ends the wait by unwinding, with PostgreSQL's own error; the future is then
    /// dropped.
    ///
    /// # Errors
    /// When the future panicked or the thread has been stopped.
    pub fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Panicked> {
        let slot = Arc::new(Mutex::new(None));
        let task = self.spawn({
            let announce = Announce { slot: Arc::clone(&slot), finished: self.finished };
            async move { announce.finish(future.await) }
        });
        loop {
            self.wait_for_news();
            // A wake-up of an earlier, abandoned future finds the slot empty.
            if let Some(result) = slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
                drop(task);
                return result;
            }
        }
    }
}

/// The future ended without a result: it panicked, or the thread was stopped.
#[derive(Clone, Copy, Debug)]
pub struct Panicked;

type Slot<T> = Arc<Mutex<Option<Result<T, Panicked>>>>;

/// Tells the main thread that a future has ended, in whatever way.
struct Announce<T> {
    slot: Slot<T>,
    finished: &'static EventFd,
}

impl<T> Announce<T> {
    fn finish(self, value: T) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Ok(value));
    }
}

impl<T> Drop for Announce<T> {
    fn drop(&mut self) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert(Err(Panicked));
        drop(slot);
        // Fails only when the counter is full, and then the descriptor is readable anyway.
        let _ = self.finished.write(1);
    }
}

/// A future that runs on the thread, until this is dropped.
pub struct Task(tokio::task::AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Calls `callback` when this backend exits, before the C library's own clean-up.
pub fn at_backend_exit(callback: unsafe extern "C-unwind" fn(i32, pg_sys::Datum)) {
    // SAFETY: PostgreSQL keeps the function pointer, which is a constant of this library, and a
    // loaded library is never unloaded.
    unsafe { pg_sys::on_proc_exit(Some(callback), pg_sys::Datum::from(0)) };
}
