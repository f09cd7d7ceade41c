//! What the library asks of the server that loaded it.
//!
//! No header of a server is used: one library serves MariaDB and MySQL, whose exported functions
//! are looked up by name. MySQL's are C++ and have mangled names.

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::sync::OnceLock;

use crate::failure::{Failure, for_server};

/// The server's functions.
pub(crate) struct Server {
    raise: Raise,
    current_session: unsafe extern "C" fn() -> *mut c_void,
    is_killed: unsafe extern "C" fn(*const c_void) -> c_int,
    kill_error: KillError,
}

/// How a killed statement gets the server's own error.
enum KillError {
    /// `my_error(number, flags, ...)` with what `THD::killed_errno()` says.
    MariaDb(
        unsafe extern "C" fn(*mut c_void) -> c_uint,
        unsafe extern "C" fn(c_uint, c_ulong, ...),
    ),
    /// `THD::send_kill_message()`.
    MySql(unsafe extern "C" fn(*const c_void)),
    /// The server exports neither: a number and a text for all.
    Unknown,
}

/// `my_printf_error(number, format, flags, ...)`: `myf` is a long in MariaDB and an int in MySQL.
enum Raise {
    MariaDb(unsafe extern "C" fn(c_uint, *const c_char, c_ulong, ...)),
    MySql(unsafe extern "C" fn(c_uint, *const c_char, c_int, ...)),
}

/// The session that a server's thread works for.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    thd: *mut c_void,
    server: &'static Server,
}

impl Server {
    /// The server around us; None when it lacks something that calls cannot do without.
    pub(crate) fn find() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        SERVER.get_or_init(Self::look_up).as_ref()
    }

    fn look_up() -> Option<Self> {
        // SAFETY: each name belongs to one function, whose type is that of the servers' sources:
        // my_sys.h, sql_class.h and plugin.h.
        unsafe {
            let raise = match symbol(c"my_printf_error") {
                Some(function) => Raise::MariaDb(cast(function)),
                None => Raise::MySql(cast(symbol(c"_Z15my_printf_errorjPKciz")?)),
            };
            let current_session =
                symbol(c"_current_thd").or_else(|| symbol(c"_Z19thd_get_current_thdv"))?;
            // MariaDB's `thd_killed` is blind to what is not a hard kill: `max_statement_time`.
            let is_killed = symbol(c"thd_kill_level").or_else(|| symbol(c"thd_killed"))?;
            Some(Self {
                raise,
                current_session: cast(current_session),
                is_killed: cast(is_killed),
                kill_error: KillError::look_up(),
            })
        }
    }

    /// The session of this thread.
    pub(crate) fn session(&'static self) -> Session {
        // SAFETY: takes nothing; the server answers for the calling thread.
        Session { thd: unsafe { (self.current_session)() }, server: self }
    }

    /// Gives the running statement its error.
    pub(crate) fn raise(&'static self, failure: &Failure) {
        match failure {
            Failure::Killed => self.session().send_kill_message(),
            Failure::Error { number, message } => self.print_error(*number, message),
        }
    }

    fn print_error(&self, number: u32, message: &str) {
        let message = for_server(message);
        // The text is never a format of its own.
        let format = c"%s".as_ptr();
        // SAFETY: the format takes one NUL-terminated text, which the server copies.
        unsafe {
            match self.raise {
                Raise::MariaDb(raise) => raise(number, format, 0, message.as_ptr()),
                Raise::MySql(raise) => raise(number, format, 0, message.as_ptr()),
            }
        }
    }
}

impl Session {
    /// Whether the statement was killed, has timed out, or the server shuts down. On the session's
    /// own thread only.
    pub(crate) fn is_killed(self) -> bool {
        // SAFETY: the session is this thread's own, and lives longer than its statement.
        unsafe { (self.server.is_killed)(self.thd) != 0 }
    }

    /// The server's own error for what killed the statement.
    fn send_kill_message(self) {
        match self.server.kill_error {
            // SAFETY: as for `is_killed`. None of the errors takes an argument.
            KillError::MariaDb(number, my_error) => unsafe { my_error(number(self.thd), 0) },
            // SAFETY: as for `is_killed`.
            KillError::MySql(send) => unsafe { send(self.thd) },
            // ER_QUERY_INTERRUPTED
            KillError::Unknown => self.server.print_error(1317, "Query execution was interrupted"),
        }
    }
}

impl KillError {
    fn look_up() -> Self {
        // SAFETY: as in `Server::look_up`; a C++ method takes its object first.
        unsafe {
            if let Some(send) = symbol(c"_ZNK3THD17send_kill_messageEv") {
                return Self::MySql(cast(send));
            }
            match (symbol(c"_ZN3THD12killed_errnoEv"), symbol(c"my_error")) {
                (Some(number), Some(my_error)) => Self::MariaDb(cast(number), cast(my_error)),
                _ => Self::Unknown,
            }
        }
    }
}

/// An exported symbol of the server or of a library that it is linked with.
pub(crate) fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name is NUL-terminated.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// A symbol as the function that it is.
///
/// # Safety
/// `F` is the function pointer type of what is found at `function`.
pub(crate) unsafe fn cast<F: Copy>(function: *mut c_void) -> F {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: promised by the caller; both are one pointer.
    unsafe { std::mem::transmute_copy(&function) }
}
