//! Limits that only a superuser sets, for the cluster, a database or a role.

use std::ffi::{CStr, CString, c_char, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lambda_core::AllowedFunctions;
use lambda_core::limits::ANSWER_BYTES;
use pg_support::placeholder;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucSetting, PgLogLevel, PgSqlErrorCode, function_name};

use crate::settings::{accept, define_int, define_text, new_value, text};

/// Empty: every function, as on Amazon's databases. The policy of the server's credentials is the
/// limit that a database cannot have for each of its roles.
static ALLOWED_FUNCTIONS: GucSetting<Option<CString>> =
    GucSetting::<Option<CString>>::new(Some(c""));

/// As many connections as a backend keeps idle: more would be opened anew by each statement.
static MAX_CONCURRENCY: GucSetting<i32> = GucSetting::<i32>::new(128);

/// The default concurrency of an AWS account, all of it.
const MOST_CONCURRENCY: i32 = 1000;

/// What the service can send.
static MAX_RESPONSE_BYTES: GucSetting<i32> = GucSetting::<i32>::new(MOST_RESPONSE_BYTES);
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "6 MB")]
const MOST_RESPONSE_BYTES: i32 = ANSWER_BYTES as i32;

const NAMES: [&CStr; 3] = [
    c"aws_lambda.allowed_functions",
    c"aws_lambda.max_concurrency",
    c"aws_lambda.max_response_bytes",
];

/// While the settings are defined, values that were set before are checked.
static DEFINING: AtomicBool = AtomicBool::new(false);

/// Raises when an ordinary user's connection options have put a limit out of force. The library is
/// then not loaded, and the session calls nothing: with a preloaded library PostgreSQL itself
/// refuses such a connection. To be called before any setting is defined, because the next attempt
/// to load the library begins anew.
pub(crate) fn check_client() {
    if let Some(name) = NAMES.into_iter().find(|name| placeholder::is_from_ordinary_client(name)) {
        let message = format!("permission denied to set parameter \"{}\"", name.to_string_lossy());
        let code = PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE;
        ErrorReport::new(code, message, function_name!())
            .set_detail("The options of this connection set it.")
            .set_hint("Connect without that option.")
            .report(PgLogLevel::ERROR);
    }
}

/// Defines the limits.
pub(crate) fn define() {
    DEFINING.store(true, Ordering::Relaxed);
    define_text(
        NAMES[0],
        c"Functions that may be called, as patterns with *; empty means all.",
        c"Separated by commas: name, account:function:name or an ARN, each with an optional qualifier.",
        &ALLOWED_FUNCTIONS,
        // Whoever may not set it does not need to know what else there is.
        (GucContext::Suset, GucFlags::SUPERUSER_ONLY),
        check_allowed,
    );
    DEFINING.store(false, Ordering::Relaxed);
    define_int(
        NAMES[1],
        c"Limit for the calls that one statement has in flight.",
        c"Caps the argument of the same name.",
        &MAX_CONCURRENCY,
        MOST_CONCURRENCY,
        GucContext::Suset,
    );
    define_int(
        NAMES[2],
        c"Limit for the answer of a function, in bytes.",
        c"No more is read: a larger answer is an error.",
        &MAX_RESPONSE_BYTES,
        MOST_RESPONSE_BYTES,
        GucContext::Suset,
    );
}

/// The functions that may be called now; `None` for all. A list that cannot be read allows nothing.
pub(crate) fn allowed_functions() -> Option<Arc<AllowedFunctions>> {
    type Read = (String, Option<Arc<AllowedFunctions>>);
    static READ: Mutex<Option<Read>> = Mutex::new(None);
    let list = patterns()?;
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((text, allowed)) = read.as_ref()
        && *text == list
    {
        return allowed.clone();
    }
    let allowed = AllowedFunctions::parse(&list)
        .unwrap_or_else(|_| Some(AllowedFunctions::nothing()))
        .map(Arc::new);
    *read = Some((list, allowed.clone()));
    allowed
}

/// The list as it was set; `None` when it is empty.
pub(crate) fn patterns() -> Option<String> {
    text(&ALLOWED_FUNCTIONS)
}

/// The most calls that one statement may have in flight.
pub(crate) fn max_concurrency() -> usize {
    usize::try_from(MAX_CONCURRENCY.get()).unwrap_or(1)
}

/// The largest answer that is read, in bytes.
pub(crate) fn max_response_bytes() -> usize {
    usize::try_from(MAX_RESPONSE_BYTES.get()).unwrap_or(ANSWER_BYTES)
}

#[pg_guard]
unsafe extern "C-unwind" fn check_allowed(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL passes the new value.
    let value = unsafe { new_value(value) };
    let verdict = AllowedFunctions::parse(value).map(drop).map_err(|error| error.to_string());
    if verdict.is_err() && DEFINING.load(Ordering::Relaxed) {
        // A superuser's list from before the library was loaded. Refused, it would leave the
        // default, which allows everything; kept, it allows nothing. It is not shown: the warning
        // goes to whoever calls first.
        let message = "the patterns of aws_lambda.allowed_functions cannot be read";
        let code = PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE;
        ErrorReport::new(code, message, function_name!())
            .set_detail("No function may be called until a superuser corrects them.")
            .report(PgLogLevel::WARNING);
        return true;
    }
    accept(value.is_empty(), verdict.as_ref().copied().map_err(String::as_str))
}
