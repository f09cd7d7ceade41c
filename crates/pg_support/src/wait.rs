//! Waiting for a file descriptor without missing an interrupt.

use std::os::fd::AsRawFd;

use pgrx::pg_sys;

/// Waits until `fd` is readable. Cancel, `statement_timeout` and terminate end the wait at once,
/// with PostgreSQL's own error, by unwinding; the postmaster's death ends the process.
pub(crate) fn until_readable(fd: &impl AsRawFd, event: &WaitEvent) {
    let events = pg_sys::WL_LATCH_SET | pg_sys::WL_SOCKET_READABLE | pg_sys::WL_EXIT_ON_PM_DEATH;
    // SAFETY: MyLatch is this backend's own latch, set up before any SQL runs and valid until the
    // process ends; `fd` is open for the length of the borrow. Both calls are made on the main
    // thread, which pgrx asserts.
    let ready = unsafe {
        pg_sys::WaitLatchOrSocket(
            pg_sys::MyLatch,
            events as i32,
            fd.as_raw_fd(),
            -1,
            event.number(),
        )
    };
    if ready & pg_sys::WL_LATCH_SET as i32 != 0 {
        // SAFETY: as above. The latch is reset before the interrupt flags are looked at, so a
        // signal that arrives in between sets it again.
        unsafe { pg_sys::ResetLatch(pg_sys::MyLatch) };
        pgrx::check_for_interrupts!();
    }
}

/// What `pg_stat_activity.wait_event` shows during a wait: a name of our own from PostgreSQL 17
/// on, `Extension` before.
pub(crate) struct WaitEvent {
    #[cfg_attr(pre_pg17, expect(dead_code, reason = "older servers have no names of our own"))]
    name: &'static std::ffi::CStr,
    #[cfg(not(pre_pg17))]
    number: std::sync::OnceLock<u32>,
}

impl WaitEvent {
    pub(crate) fn new(name: &'static std::ffi::CStr) -> Self {
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
