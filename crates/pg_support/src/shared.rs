//! One value in memory that all processes of the server share, behind a lock of PostgreSQL's.
//!
//! A library that is preloaded has it in the server's main segment. One that is not asks for a
//! segment by name, which PostgreSQL knows from 17 on; before, it has none.

use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use pgrx::prelude::*;

/// A value of the type `T`, which begins as all zeroes, under a name of its own.
pub struct SharedMemory<T> {
    name: &'static CStr,
    segment: AtomicPtr<Segment<T>>,
}

#[repr(C)]
struct Segment<T> {
    lock: pg_sys::LWLock,
    value: T,
}

/// What the hooks, which are functions without data, have to know.
struct Request {
    name: &'static CStr,
    bytes: usize,
    /// Tells the memory's owner where it is.
    place: Box<dyn Fn(*mut u8) + Send + Sync>,
}

/// A library has one value: this crate is linked into each library by itself.
static REQUEST: OnceLock<Request> = OnceLock::new();

impl<T: Sync> SharedMemory<T> {
    /// Names the value; nothing is reserved yet.
    ///
    /// # Safety
    /// All zeroes are a `T`, which holds no pointers and may be changed by other processes at any
    /// time: it is made of atomics. Nothing else on the server uses the name.
    #[must_use]
    pub const unsafe fn new(name: &'static CStr) -> Self {
        Self { name, segment: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// Reserves the memory if the library is being preloaded. To be called by `_PG_init`.
    pub fn reserve(&'static self) {
        let request = Request {
            name: self.name,
            bytes: size_of::<Segment<T>>(),
            place: Box::new(|place| self.segment.store(place.cast(), Ordering::Release)),
        };
        // SAFETY: a variable of PostgreSQL, on the main thread.
        let preloading = unsafe { pg_sys::process_shared_preload_libraries_in_progress };
        if REQUEST.set(request).is_ok() && preloading {
            hooks::install();
        }
    }

    /// Whether there is such memory on this server, or can be.
    pub fn is_available(&self) -> bool {
        cfg!(not(pre_pg17)) || !self.segment.load(Ordering::Acquire).is_null()
    }

    /// Runs `body` under the shared lock; `None` when there is no shared memory. `body` must be
    /// short, and nothing in it may raise or call PostgreSQL.
    pub fn read<R>(&self, body: impl FnOnce(&T) -> R) -> Option<R> {
        self.with(pg_sys::LWLockMode::LW_SHARED, body)
    }

    /// As [`Self::read`], under the exclusive lock.
    pub fn write<R>(&self, body: impl FnOnce(&T) -> R) -> Option<R> {
        self.with(pg_sys::LWLockMode::LW_EXCLUSIVE, body)
    }

    fn with<R>(&self, mode: pg_sys::LWLockMode::Type, body: impl FnOnce(&T) -> R) -> Option<R> {
        let segment = self.attach()?;
        // SAFETY: the segment was set up by `initialise`, and stays mapped as long as the process
        // lives: PostgreSQL pins what it gives by name. The value is all zeroes or what other
        // processes of this library made of it, which `new`'s caller says is a T. Between the two
        // calls no error is raised; a panic's error has PostgreSQL release the lock.
        unsafe {
            let lock = &raw mut (*segment).lock;
            pg_sys::LWLockAcquire(lock, mode);
            let result = body(&(*segment).value);
            pg_sys::LWLockRelease(lock);
            Some(result)
        }
    }

    fn attach(&self) -> Option<*mut Segment<T>> {
        let segment = self.segment.load(Ordering::Acquire);
        if !segment.is_null() {
            return Some(segment);
        }
        named_segment()?;
        let segment = self.segment.load(Ordering::Acquire);
        (!segment.is_null()).then_some(segment)
    }
}

/// Asks for the segment by name. PostgreSQL's own error is raised if there is no room for it.
#[cfg(not(pre_pg17))]
fn named_segment() -> Option<()> {
    let request = REQUEST.get()?;
    let mut found = false;
    // SAFETY: on the main thread of a backend; the name is a constant, and the function a guarded
    // one that writes no more than the bytes asked for.
    let place = unsafe {
        pg_sys::GetNamedDSMSegment(
            request.name.as_ptr(),
            request.bytes,
            Some(initialise),
            &raw mut found,
        )
    };
    // SAFETY: a segment of that name is one that `initialise` has set up, here or elsewhere.
    unsafe { register_tranche(place.cast(), request.name) };
    (request.place)(place.cast());
    Some(())
}

#[cfg(pre_pg17)]
fn named_segment() -> Option<()> {
    None
}

/// Makes a new segment ready, once, before anybody else can see it.
#[pg_guard]
unsafe extern "C-unwind" fn initialise(place: *mut std::ffi::c_void) {
    let Some(request) = REQUEST.get() else { return };
    // SAFETY: PostgreSQL gives the bytes that were asked for, aligned for anything; the lock stands
    // first in them.
    unsafe {
        place.cast::<u8>().write_bytes(0, request.bytes);
        pg_sys::LWLockInitialize(place.cast(), pg_sys::LWLockNewTrancheId());
    }
}

/// Tells this process the name of the lock, for `pg_stat_activity`.
///
/// # Safety
/// `lock` is at the beginning of a segment that is ready.
unsafe fn register_tranche(lock: *mut pg_sys::LWLock, name: &'static CStr) {
    // SAFETY: promised by the caller; the name is a constant.
    unsafe { pg_sys::LWLockRegisterTranche((*lock).tranche.into(), name.as_ptr()) };
}

mod hooks {
    use super::{REQUEST, initialise, register_tranche};
    use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
    use pgrx::prelude::*;
    use std::sync::OnceLock;

    type Hook = Option<unsafe extern "C-unwind" fn()>;

    static NEXT_STARTUP: OnceLock<Hook> = OnceLock::new();
    #[cfg(not(pre_pg15))]
    static NEXT_REQUEST: OnceLock<Hook> = OnceLock::new();

    /// Reserves the memory in the main segment, and has it set up when that exists.
    pub(super) fn install() {
        // SAFETY: PostgreSQL's variables for this purpose, in the postmaster, which has one thread;
        // what was there before is kept, and called first.
        unsafe {
            #[cfg(pre_pg15)]
            reserve();
            #[cfg(not(pre_pg15))]
            if NEXT_REQUEST.set(pg_sys::shmem_request_hook).is_ok() {
                pg_sys::shmem_request_hook = Some(on_request);
            }
            if NEXT_STARTUP.set(pg_sys::shmem_startup_hook).is_ok() {
                pg_sys::shmem_startup_hook = Some(on_startup);
            }
        }
    }

    fn call(next: &OnceLock<Hook>) {
        if let Some(Some(hook)) = next.get() {
            // SAFETY: another library's hook, called as PostgreSQL would call it.
            unsafe { pg_guard_ffi_boundary(|| hook()) };
        }
    }

    fn reserve() {
        if let Some(request) = REQUEST.get() {
            // SAFETY: called while PostgreSQL counts what the libraries ask for.
            unsafe { pg_sys::RequestAddinShmemSpace(request.bytes) };
        }
    }

    #[cfg(not(pre_pg15))]
    #[pg_guard]
    unsafe extern "C-unwind" fn on_request() {
        call(&NEXT_REQUEST);
        reserve();
    }

    /// Runs in the postmaster when the server starts, and again after a backend has crashed. All
    /// other processes are forked from it later, so that no lock is needed.
    #[pg_guard]
    unsafe extern "C-unwind" fn on_startup() {
        call(&NEXT_STARTUP);
        let Some(request) = REQUEST.get() else { return };
        let mut found = false;
        // SAFETY: main memory exists, and the bytes were reserved. What is new is set up.
        unsafe {
            let name = request.name.as_ptr();
            let place = pg_sys::ShmemInitStruct(name, request.bytes, &raw mut found);
            if !found {
                initialise(place);
            }
            register_tranche(place.cast(), request.name);
            (request.place)(place.cast());
        }
    }
}
