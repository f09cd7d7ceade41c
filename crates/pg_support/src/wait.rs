//! Waiting for a file descriptor without missing an interrupt.

use std::os::fd::{AsRawFd as _, BorrowedFd};

use pgrx::pg_sys;

/// What a backend waits for: its latch, the postmaster's death, and one file descriptor.
///
/// Made once and kept, because making one for each wait takes longer than the wait's own calls.
pub(crate) struct WaitSet {
    events: *mut pg_sys::WaitEventSet,
    name: WaitEvent,
}

// SAFETY: the set is only used through `until_readable`, whose PostgreSQL calls assert that they
// are made on the main thread.
unsafe impl Send for WaitSet {}
// SAFETY: as for Send.
unsafe impl Sync for WaitSet {}

impl WaitSet {
    /// A set for the life of the backend. `fd` must stay open as long: it is borrowed from an owner
    /// that is never dropped.
    pub(crate) fn new(fd: BorrowedFd<'static>, name: &'static std::ffi::CStr) -> Self {
        // SAFETY: called on the main thread of a backend, whose latch is set up before any SQL runs
        // and stays the same until it exits. The set lives in the top memory context, as long as
        // the process, and the descriptor as long as that.
        let events = unsafe {
            #[cfg(pre_pg17)]
            let events = pg_sys::CreateWaitEventSet(pg_sys::TopMemoryContext, 3);
            #[cfg(not(pre_pg17))]
            let events = pg_sys::CreateWaitEventSet(std::ptr::null_mut(), 3);
            let add = |kind: u32, fd: i32, latch: *mut pg_sys::Latch| {
                pg_sys::AddWaitEventToSet(events, kind, fd, latch, std::ptr::null_mut());
            };
            add(pg_sys::WL_LATCH_SET, NO_SOCKET, pg_sys::MyLatch);
            add(pg_sys::WL_EXIT_ON_PM_DEATH, NO_SOCKET, std::ptr::null_mut());
            add(pg_sys::WL_SOCKET_READABLE, fd.as_raw_fd(), std::ptr::null_mut());
            events
        };
        Self { events, name: WaitEvent::new(name) }
    }

    /// Waits until the descriptor is readable. Cancel, `statement_timeout` and terminate end the
    /// wait at once, with PostgreSQL's own error, by unwinding; the postmaster's death ends the
    /// process.
    pub(crate) fn until_readable(&self) {
        loop {
            let mut event = std::mem::MaybeUninit::<pg_sys::WaitEvent>::uninit();
            // SAFETY: the set is live, and there is room for the one event that is asked for.
            let happened = unsafe {
                pg_sys::WaitEventSetWait(self.events, -1, event.as_mut_ptr(), 1, self.name.number())
            };
            if happened == 0 {
                continue;
            }
            // SAFETY: one event happened, so it was written.
            let happened = unsafe { event.assume_init() }.events;
            if happened & pg_sys::WL_LATCH_SET == 0 {
                return;
            }
            // SAFETY: the backend's own latch, on the main thread. It is reset before the interrupt
            // flags are looked at, so a signal that arrives in between sets it again.
            unsafe { pg_sys::ResetLatch(pg_sys::MyLatch) };
            pgrx::check_for_interrupts!();
        }
    }
}

const NO_SOCKET: i32 = -1;

/// What `pg_stat_activity.wait_event` shows during a wait: a name of our own from PostgreSQL 17
/// on, `Extension` before.
struct WaitEvent {
    #[cfg_attr(pre_pg17, expect(dead_code, reason = "older servers have no names of our own"))]
    name: &'static std::ffi::CStr,
    #[cfg(not(pre_pg17))]
    number: std::sync::OnceLock<u32>,
}

impl WaitEvent {
    fn new(name: &'static std::ffi::CStr) -> Self {
        Self {
            name,
            #[cfg(not(pre_pg17))]
            number: std::sync::OnceLock::new(),
        }
    }

    #[cfg(pre_pg17)]
    #[expect(clippy::unused_self, reason = "newer servers ask for a number by name")]
    fn number(&self) -> u32 {
        pg_sys::PG_WAIT_EXTENSION
    }

    /// Registered at first use: a library that is preloaded initialises before shared memory.
    #[cfg(not(pre_pg17))]
    fn number(&self) -> u32 {
        // SAFETY: the name is a NUL-terminated constant, which PostgreSQL copies; called from a
        // backend, where shared memory is attached.
        *self.number.get_or_init(|| unsafe { pg_sys::WaitEventExtensionNew(self.name.as_ptr()) })
    }
}
