//! Settings that were set before the library that defines them was loaded. PostgreSQL keeps them as
//! placeholders, which anyone may set, and checks the right to set them only when they are defined.

use std::ffi::CStr;

use pgrx::pg_sys;
use pgrx::pg_sys::GucContext::PGC_SU_BACKEND;
use pgrx::pg_sys::GucSource::PGC_S_CLIENT;

/// Whether an ordinary user's connection options (`PGOPTIONS`) set the placeholder `name`.
///
/// Such a value does not survive the definition of a setting that is a superuser's, but it has
/// already kept out what `postgresql.conf`, `ALTER DATABASE` and `ALTER ROLE` say: options of the
/// connection come before them. The setting would then have its built-in default.
#[must_use]
pub fn is_from_ordinary_client(name: &CStr) -> bool {
    placeholder(name).is_some_and(|setting| {
        setting.reset_source == PGC_S_CLIENT && setting.reset_scontext != PGC_SU_BACKEND
    })
}

#[cfg(not(pre_pg16))]
fn placeholder(name: &CStr) -> Option<pg_sys::config_generic> {
    // SAFETY: looks a name up, creates nothing and raises nothing; PostgreSQL's setting is copied.
    unsafe { pg_sys::find_option(name.as_ptr(), false, true, 0).as_ref().copied() }
}

#[cfg(pre_pg16)]
fn placeholder(name: &CStr) -> Option<pg_sys::config_generic> {
    // SAFETY: PostgreSQL's own list of its settings, none of them null, each with a name. It is
    // only read, on the main thread, and the setting is copied.
    unsafe {
        let count = usize::try_from(pg_sys::GetNumConfigOptions()).unwrap_or(0);
        let all = std::slice::from_raw_parts(pg_sys::get_guc_variables(), count);
        let named = |setting: &pg_sys::config_generic| {
            CStr::from_ptr(setting.name).to_bytes().eq_ignore_ascii_case(name.to_bytes())
        };
        all.iter().map(|setting| **setting).find(named)
    }
}
