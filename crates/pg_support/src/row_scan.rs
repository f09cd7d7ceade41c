//! Rows of a function in FROM are passed on as the function gives them.
//!
//! PostgreSQL's own scan of a function stores every row before it shows the first: with `LIMIT` or
//! a cursor, calls would be made for rows that nobody wants. This module replaces that scan, for
//! functions that name [`support`] as their support function, by one that asks for a row when it
//! needs one. Everything else of PostgreSQL's scan is kept, most of all that rows which are asked
//! for again are not computed again.

mod execution;
#[cfg(feature = "pg13")]
mod parameters;
mod plan;

use std::ffi::c_void;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use pgrx::prelude::*;

use crate::arguments::Arguments;

/// The support function, as this database has it.
static SUPPORT: AtomicU32 = AtomicU32::new(0);

/// The hook that was there before ours.
static PREVIOUS: OnceLock<pg_sys::set_rel_pathlist_hook_type> = OnceLock::new();

/// The body of the support function. PostgreSQL calls it while it plans a statement with one of its
/// functions, which is also what loads the library in time.
#[must_use]
pub fn support(call: &Arguments) -> pg_sys::Datum {
    // SAFETY: PostgreSQL sets the function's lookup information before a call.
    let own = unsafe { (*(*call.call()).flinfo).fn_oid };
    SUPPORT.store(own.to_u32(), Ordering::Relaxed);
    PREVIOUS.get_or_init(|| {
        // SAFETY: the variable is PostgreSQL's place for hooks, on the main thread; a loaded library
        // is never unloaded.
        unsafe { (&raw mut pg_sys::set_rel_pathlist_hook).replace(Some(consider)) }
    });
    // No answer to whatever the question was.
    pg_sys::Datum::from(0)
}

/// Called when the scans of a relation have been collected.
#[pg_guard]
unsafe extern "C-unwind" fn consider(
    root: *mut pg_sys::PlannerInfo,
    relation: *mut pg_sys::RelOptInfo,
    index: pg_sys::Index,
    entry: *mut pg_sys::RangeTblEntry,
) {
    if let Some(Some(previous)) = PREVIOUS.get() {
        // SAFETY: the arguments are passed on; an error of the other hook is caught at this border.
        unsafe {
            pg_sys::ffi::pg_guard_ffi_boundary(|| previous(root, relation, index, entry));
        }
    }
    // SAFETY: PostgreSQL passes a relation that is being planned, and its entry.
    unsafe {
        if let Some(function) = function_of(entry)
            && plan::can_replace(root, relation, entry)
        {
            plan::replace(relation, function);
        }
    }
}

/// The call of one of our functions that is all of an item of FROM.
///
/// # Safety
/// `entry` is a live entry of a range table.
unsafe fn function_of(entry: *mut pg_sys::RangeTblEntry) -> Option<*mut pg_sys::FuncExpr> {
    // SAFETY: promised by the caller; an entry of this kind has a list of functions.
    unsafe {
        if (*entry).rtekind != pg_sys::RTEKind::RTE_FUNCTION || (*entry).funcordinality {
            return None;
        }
        let [function] = list::<pg_sys::RangeTblFunction>((*entry).functions) else { return None };
        let call = (**function).funcexpr.cast::<pg_sys::FuncExpr>();
        if (*call).xpr.type_ != pg_sys::NodeTag::T_FuncExpr || !(*call).funcretset {
            return None;
        }
        let support = pg_sys::get_func_support((*call).funcid).to_u32();
        (support != 0 && support == SUPPORT.load(Ordering::Relaxed)).then_some(call)
    }
}

/// A list of pointers as a slice.
///
/// # Safety
/// The list is null, or holds pointers to `T`, and lives as long as the slice is used.
pub(crate) unsafe fn list<'a, T>(list: *mut pg_sys::List) -> &'a [*mut T] {
    if list.is_null() {
        return &[];
    }
    // SAFETY: promised by the caller; a cell is a union of the size of a pointer.
    unsafe {
        let length = usize::try_from((*list).length).unwrap_or(0);
        std::slice::from_raw_parts((*list).elements.cast(), length)
    }
}

/// A new list of one pointer.
///
/// # Safety
/// `item` is a node.
unsafe fn list_of(item: *mut c_void) -> *mut pg_sys::List {
    // SAFETY: appending to the empty list makes a new one in the current memory context.
    unsafe { pg_sys::lappend(std::ptr::null_mut(), item) }
}

/// A table of callbacks, which PostgreSQL only reads.
struct Methods<T>(T);

// SAFETY: the tables hold pointers to functions and to constants.
unsafe impl<T> Sync for Methods<T> {}

/// What EXPLAIN calls the scan.
const NAME: &std::ffi::CStr = c"Row By Row Function Scan";
