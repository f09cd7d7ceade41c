//! Who calls, and from where.

use std::ffi::{CStr, c_char};

use pgrx::pg_sys;

use crate::encoding::to_utf8;

/// The setting `cluster_name`; empty unless somebody set it.
#[must_use]
pub fn cluster_name() -> String {
    // SAFETY: the name is a constant; the value is a NUL-terminated text, or null.
    unsafe { text(pg_sys::GetConfigOption(c"cluster_name".as_ptr(), true, false)) }
}

/// The user whose privileges count.
#[must_use]
pub fn user_name() -> String {
    // SAFETY: a statement is being run, so the user exists and the catalogs can be read.
    unsafe { text(pg_sys::GetUserNameFromId(pg_sys::GetUserId(), true)) }
}

/// The database.
#[must_use]
pub fn database_name() -> String {
    // SAFETY: a statement is being run, so there is a database and the catalogs can be read.
    unsafe { text(pg_sys::get_database_name(pg_sys::MyDatabaseId)) }
}

/// A number of the statement that is as good as unique: when it began, in microseconds since 2000.
#[must_use]
pub fn statement_number() -> i64 {
    // SAFETY: reads a variable of the backend.
    unsafe { pg_sys::GetCurrentStatementStartTimestamp() }
}

/// # Safety
/// A NUL-terminated text in the database's encoding, or null for none.
unsafe fn text(value: *const c_char) -> String {
    if value.is_null() {
        return String::new();
    }
    // SAFETY: promised by the caller.
    let bytes = unsafe { CStr::from_ptr(value) }.to_bytes();
    String::from_utf8_lossy(&to_utf8(bytes)).into_owned()
}
