//! PostgreSQL's memory contexts.

use std::ffi::{CStr, c_void};

use pgrx::pg_sys;

/// A memory context. Dropping it frees nothing: its parent does.
#[derive(Clone, Copy)]
pub struct Memory(pg_sys::MemoryContext);

impl Memory {
    /// A new context within `parent`.
    pub(crate) fn create(parent: pg_sys::MemoryContext, name: &'static CStr) -> Self {
        // SAFETY: the parent is live, and the name is a constant, which PostgreSQL keeps.
        let context = unsafe {
            pg_sys::AllocSetContextCreateInternal(
                parent,
                name.as_ptr(),
                pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            )
        };
        Self(context)
    }

    /// A new context within this one.
    pub(crate) fn child(&self, name: &'static CStr) -> Self {
        Self::create(self.0, name)
    }

    /// A context that is PostgreSQL's.
    pub(crate) fn borrowed(context: pg_sys::MemoryContext) -> Self {
        Self(context)
    }

    /// PostgreSQL's own pointer.
    pub(crate) fn as_raw(self) -> pg_sys::MemoryContext {
        self.0
    }

    /// Runs `body` with this context as the current one.
    pub(crate) fn run<T>(self, body: impl FnOnce() -> T) -> T {
        let _back = Back(switch_to(self.0));
        body()
    }

    /// Frees what was allocated in it.
    pub(crate) fn reset(self) {
        // SAFETY: the context is live, and nobody keeps pointers into it, as its owner promises by
        // resetting it.
        unsafe { pg_sys::MemoryContextReset(self.0) };
    }

    /// Frees it.
    pub(crate) fn delete(self) {
        // SAFETY: as for `reset`, and it is not the current context.
        unsafe { pg_sys::MemoryContextDelete(self.0) };
    }
}

/// Restores the context that was current before, also when an error unwinds.
struct Back(pg_sys::MemoryContext);

impl Drop for Back {
    fn drop(&mut self) {
        switch_to(self.0);
    }
}

fn switch_to(context: pg_sys::MemoryContext) -> pg_sys::MemoryContext {
    // SAFETY: PostgreSQL's own way to switch is to write this variable.
    unsafe { (&raw mut pg_sys::CurrentMemoryContext).replace(context) }
}

/// Has `callback` called with `argument` when `context` is reset or deleted.
///
/// # Safety
/// `callback` may be called with `argument` at that time; it must not raise an error.
pub(crate) unsafe fn on_reset(
    context: pg_sys::MemoryContext,
    callback: unsafe extern "C-unwind" fn(*mut c_void),
    argument: *mut c_void,
) {
    // SAFETY: the entry is allocated in the context itself, so it lives until it is used.
    unsafe {
        let size = std::mem::size_of::<pg_sys::MemoryContextCallback>();
        let entry: *mut pg_sys::MemoryContextCallback =
            pg_sys::MemoryContextAllocZero(context, size).cast();
        (*entry).func = Some(callback);
        (*entry).arg = argument;
        pg_sys::MemoryContextRegisterResetCallback(context, entry);
    }
}
