//! Character sets: MySQL converts arguments to UTF-8 for a function that asks, through its service
//! `mysql_udf_metadata`. MariaDB has no such way; there an argument arrives in the character set of
//! its expression.

use std::ffi::{c_char, c_int, c_uint, c_void};

use crate::abi::{UdfArgs, UdfInit};
use crate::server::{cast, symbol};

/// `s_mysql_registry`, as far as it is used (registry.h).
#[repr(C)]
struct Registry {
    acquire: unsafe extern "C" fn(*const c_char, *mut *mut c_void) -> c_int,
    acquire_related: unsafe extern "C" fn(*const c_char, *mut c_void, *mut *mut c_void) -> c_int,
    release: unsafe extern "C" fn(*mut c_void) -> c_int,
}

/// `s_mysql_mysql_udf_metadata` (udf_metadata.h). Its functions answer 0 for success.
#[repr(C)]
struct Metadata {
    argument_get:
        unsafe extern "C" fn(*mut UdfArgs, *const c_char, c_uint, *mut *mut c_void) -> c_int,
    result_get: unsafe extern "C" fn(*mut UdfInit, *const c_char, *mut *mut c_void) -> c_int,
    argument_set: unsafe extern "C" fn(*mut UdfArgs, *const c_char, c_uint, *mut c_void) -> c_int,
    result_set: unsafe extern "C" fn(*mut UdfInit, *const c_char, *mut c_void) -> c_int,
}

/// Asks for arguments in UTF-8 and says that the result is, where the server can be asked.
pub(crate) fn use_utf8(init: &mut UdfInit, args: &mut UdfArgs) {
    // SAFETY: the symbols are MySQL's functions of these types (sql/server_component); the registry
    // and the service live as long as the server, and are handed back below.
    unsafe {
        let (Some(acquire), Some(release)) = (
            symbol(c"_Z29mysql_plugin_registry_acquirev"),
            symbol(c"_Z29mysql_plugin_registry_releasePK16s_mysql_registry"),
        ) else {
            return;
        };
        let acquire: unsafe extern "C" fn() -> *const Registry = cast(acquire);
        let release: unsafe extern "C" fn(*const Registry) -> c_int = cast(release);
        let registry = acquire();
        let Some(services) = registry.as_ref() else { return };
        let mut service = std::ptr::null_mut();
        if (services.acquire)(c"mysql_udf_metadata".as_ptr(), &raw mut service) == 0 {
            set_all(&*service.cast::<Metadata>(), init, args);
            (services.release)(service);
        }
        release(registry);
    }
}

/// # Safety
/// `metadata` is the server's service.
unsafe fn set_all(metadata: &Metadata, init: &mut UdfInit, args: &mut UdfArgs) {
    let (kind, utf8) = (c"charset".as_ptr(), c"utf8mb4".as_ptr().cast_mut().cast());
    for index in 0..args.arg_count {
        // SAFETY: both texts are constants, and the server only reads them. A failure leaves the
        // argument as it comes, and what is not UTF-8 is found when it is read.
        unsafe { (metadata.argument_set)(args, kind, index, utf8) };
    }
    // SAFETY: as above.
    unsafe { (metadata.result_set)(init, kind, utf8) };
}
