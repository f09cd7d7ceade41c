//! The calls in flight, by process and function.

use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, Ordering::Relaxed};

use super::key::{FUNCTION_WORDS, Function, Key};
use super::text::SharedText;

/// How many processes with calls in flight are shown; those of further ones are not.
pub const SLOTS: usize = 1024;

/// Calls of one process to one function.
#[derive(Clone, Debug)]
pub struct InFlight {
    /// The process.
    pub pid: i32,
    /// The role.
    pub user: u32,
    /// The database.
    pub database: u32,
    /// The function.
    pub function: Function,
    /// How many.
    pub calls: u32,
    /// When the oldest of them began, in whatever the server counts time by.
    pub since: i64,
}

#[derive(Debug, Default)]
#[repr(C)]
struct Slot {
    user: AtomicU32,
    database: AtomicU32,
    function: SharedText<FUNCTION_WORDS>,
    calls: AtomicU32,
    since: AtomicI64,
}

/// Slots, each written by the process that owns it.
#[derive(Debug)]
#[repr(C)]
pub struct Activity {
    /// The process that owns each slot; 0 for none.
    owners: [AtomicI32; SLOTS],
    slots: [Slot; SLOTS],
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            owners: std::array::from_fn(|_| AtomicI32::new(0)),
            slots: std::array::from_fn(|_| Slot::default()),
        }
    }
}

impl Activity {
    /// A slot for the calls of the process `pid`; `None` when all are taken. Wants the lock shared.
    #[must_use]
    pub fn claim(&self, pid: i32, key: &Key) -> Option<usize> {
        // Each process begins elsewhere, and soon finds the slot that it had last.
        let start = pid.unsigned_abs() as usize % SLOTS;
        let claimed =
            |index: &usize| self.owners[*index].compare_exchange(0, pid, Relaxed, Relaxed).is_ok();
        let index = (start..SLOTS).chain(0..start).find(claimed)?;
        let slot = &self.slots[index];
        slot.user.store(key.user, Relaxed);
        slot.database.store(key.database, Relaxed);
        slot.function.store(key.text());
        Some(index)
    }

    /// Says how many calls are in flight, and since when. Wants the lock shared.
    pub fn set(&self, slot: usize, calls: usize, since: i64) {
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        self.slots[slot].calls.store(calls, Relaxed);
        self.slots[slot].since.store(since, Relaxed);
    }

    /// Gives a slot back. Wants the lock shared.
    pub fn release(&self, slot: usize) {
        self.owners[slot].store(0, Relaxed);
    }

    /// All calls in flight. Wants the lock exclusively: slots are written under the shared one.
    #[must_use]
    pub fn in_flight(&self) -> Vec<InFlight> {
        let pids = self.owners.iter().map(|owner| owner.load(Relaxed));
        let owned = pids.zip(&self.slots).filter(|(pid, _)| *pid != 0);
        owned.map(|(pid, slot)| slot.read(pid)).collect()
    }
}

impl Slot {
    fn read(&self, pid: i32) -> InFlight {
        InFlight {
            pid,
            user: self.user.load(Relaxed),
            database: self.database.load(Relaxed),
            function: Function::of_text(&self.function.load()),
            calls: self.calls.load(Relaxed),
            since: self.since.load(Relaxed),
        }
    }
}
