//! Numbered values on their way from the I/O thread to the main thread, which is woken only for
//! what it waits for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::eventfd::EventFd;

use crate::io_thread::IoThread;

struct State<T> {
    arrived: Vec<(u64, T)>,
    /// What the main thread sleeps for.
    wanted: Wanted,
    /// The sender is gone: nothing more will arrive.
    ended: bool,
}

/// Which value the main thread waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// None: it does not sleep.
    Nothing,
    /// Whichever comes first.
    Any,
    /// The value of this number.
    Number(u64),
}

type Shared<T> = Arc<Mutex<State<T>>>;

pub(crate) fn new<T>(io: &'static IoThread) -> (Sender<T>, Receiver<T>) {
    let state = State { arrived: Vec::new(), wanted: Wanted::Nothing, ended: false };
    let shared = Arc::new(Mutex::new(state));
    (Sender { shared: Arc::clone(&shared), bell: io.bell() }, Receiver { shared, io })
}

/// The I/O thread's end.
pub struct Sender<T> {
    shared: Shared<T>,
    bell: &'static EventFd,
}

impl<T> Sender<T> {
    /// Hands over a value.
    pub fn send(&self, number: u64, value: T) {
        let mut state = lock(&self.shared);
        state.arrived.push((number, value));
        let awaited = match state.wanted {
            Wanted::Nothing => false,
            Wanted::Any => true,
            Wanted::Number(wanted) => wanted == number,
        };
        if awaited {
            state.wanted = Wanted::Nothing;
            drop(state);
            self.ring();
        }
    }

    fn ring(&self) {
        // Fails only when the counter is full, and then the descriptor is readable anyway.
        let _ = self.bell.write(1);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        lock(&self.shared).ended = true;
        self.ring();
    }
}

/// The main thread's end.
pub struct Receiver<T> {
    shared: Shared<T>,
    io: &'static IoThread,
}

impl<T> Receiver<T> {
    /// Waits for what is `wanted`, and takes everything that has arrived with it. Nothing, when the
    /// sender is gone.
    ///
    /// An interrupt ends the wait by unwinding, with PostgreSQL's own error.
    #[must_use]
    pub fn wait(&self, wanted: Wanted) -> Vec<(u64, T)> {
        loop {
            let mut state = lock(&self.shared);
            let is_there = match wanted {
                Wanted::Nothing => true,
                Wanted::Any => !state.arrived.is_empty(),
                Wanted::Number(number) => state.arrived.iter().any(|(n, _)| *n == number),
            };
            if is_there || state.ended {
                state.wanted = Wanted::Nothing;
                return std::mem::take(&mut state.arrived);
            }
            state.wanted = wanted;
            drop(state);
            self.io.wait_for_news();
        }
    }
}

/// A thread that panicked in between left the state as it was: it is still usable.
fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, State<T>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
