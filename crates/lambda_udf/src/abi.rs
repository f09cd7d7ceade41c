//! What the server calls: for each SQL function `NAME_init` once a statement, `NAME` for each row,
//! and `NAME_deinit`. Sources: MariaDB's and MySQL's `mysql_com.h`, `udf_registration_types.h`.

use std::any::Any;
use std::ffi::{c_char, c_int, c_uchar, c_uint, c_ulong, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use crate::arguments::Row;
use crate::failure::{Failure, UDF_MESSAGE_BYTES};
use crate::functions::{Function, Statement};
use crate::server::Server;

/// `UDF_INIT`: what the server and the function agree on for a statement.
#[repr(C)]
#[derive(Debug)]
pub struct UdfInit {
    /// 1 if the result can be NULL. A `bool` in MySQL, a `char` in MariaDB.
    pub maybe_null: c_uchar,
    /// Decimals of a real result.
    pub decimals: c_uint,
    /// Longest result in bytes.
    pub max_length: c_ulong,
    /// The function's own.
    pub ptr: *mut c_char,
    /// 1 if equal arguments give an equal result, so that one call serves all rows.
    pub const_item: c_uchar,
    /// Of MySQL's character set service.
    pub extension: *mut c_void,
}

/// `UDF_ARGS`: the arguments of a row; in `NAME_init` only those that are constant.
#[repr(C)]
#[derive(Debug)]
pub struct UdfArgs {
    /// How many.
    pub arg_count: c_uint,
    /// `enum Item_result` of each.
    pub arg_type: *mut c_int,
    /// Bytes of each; null for SQL NULL.
    pub args: *mut *mut c_char,
    /// Length in bytes of each.
    pub lengths: *mut c_ulong,
    /// Whether each can be NULL.
    pub maybe_null: *mut c_char,
    /// The expression's text of each.
    pub attributes: *mut *mut c_char,
    /// Length in bytes of each attribute.
    pub attribute_lengths: *mut c_ulong,
    /// Of MySQL's character set service.
    pub extension: *mut c_void,
}

/// `STRING_RESULT` of `enum Item_result`.
pub(crate) const STRING_RESULT: c_int = 0;

/// The longest result: 6 MB of payload and what `lambda_invoke` puts around it. It makes the
/// result's type a MEDIUMTEXT.
const MAX_RESULT_BYTES: c_ulong = 16_777_215;

/// Declares the three C functions of each SQL function.
macro_rules! sql_functions {
    ($($(#[$doc:meta])* $name:ident, $init:ident, $deinit:ident => $function:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// Called by the server, for each row of a statement whose `_init` succeeded.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            init: *mut UdfInit,
            args: *mut UdfArgs,
            _buffer: *mut c_char,
            length: *mut c_ulong,
            is_null: *mut c_uchar,
            error: *mut c_uchar,
        ) -> *const c_char {
            // SAFETY: promised by the caller.
            unsafe { run_row(init, args, length, is_null, error) }
        }

        #[doc = concat!("Begins a statement that calls `", stringify!($name), "`.")]
        ///
        /// # Safety
        /// Called by the server, with room for 512 bytes behind `message`.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $init(
            init: *mut UdfInit,
            args: *mut UdfArgs,
            message: *mut c_char,
        ) -> bool {
            // SAFETY: promised by the caller.
            unsafe { begin_statement($function, stringify!($name), init, args, message) }
        }

        #[doc = concat!("Ends a statement that calls `", stringify!($name), "`.")]
        ///
        /// # Safety
        /// Called by the server, once after an `_init` that succeeded.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $deinit(init: *mut UdfInit) {
            // SAFETY: promised by the caller.
            unsafe { end_statement(init) }
        }
    )*};
}

sql_functions! {
    /// `lambda_sync(function, payload)`: Aurora MySQL's, answers the function's answer.
    lambda_sync, lambda_sync_init, lambda_sync_deinit => Function::LambdaSync;
    /// `lambda_async(function, payload)`: Aurora MySQL's, queues an event.
    lambda_async, lambda_async_init, lambda_async_deinit => Function::LambdaAsync;
    /// `awslambda_fn(fn_name, fn_args)`: the blog's, fails with the function's error payload.
    awslambda_fn, awslambda_fn_init, awslambda_fn_deinit => Function::AwslambdaFn;
    /// `awslambda_fn_async(fn_name, fn_args)`: the blog's, queues an event.
    awslambda_fn_async, awslambda_fn_async_init, awslambda_fn_async_deinit =>
        Function::AwslambdaFnAsync;
    /// `lambda_invoke(function, payload, options)`: everything that the Invoke API has.
    lambda_invoke, lambda_invoke_init, lambda_invoke_deinit => Function::LambdaInvoke;
}

/// # Safety
/// As for every `_init`.
unsafe fn begin_statement(
    function: Function,
    name: &str,
    init: *mut UdfInit,
    args: *mut UdfArgs,
    message: *mut c_char,
) -> bool {
    // SAFETY: the server passes two structures that are its own during the call.
    let (init, args) = unsafe { (&mut *init, &mut *args) };
    let begun = catch_unwind(AssertUnwindSafe(|| Statement::begin(function, init, args)))
        .unwrap_or_else(|panic| Err(Failure::panicked(panic.as_ref())));
    match begun {
        Ok(statement) => {
            init.maybe_null = 1;
            init.const_item = 0;
            init.max_length = MAX_RESULT_BYTES;
            init.ptr = Box::into_raw(Box::new(statement)).cast();
            false
        }
        Err(failure) => {
            let text = failure.for_init();
            // The server adds an error of its own, which is cut at 80 bytes: the first one counts.
            if let Some(server) = Server::find() {
                server.raise(&failure.of_statement(name));
            }
            debug_assert!(text.as_bytes_with_nul().len() <= UDF_MESSAGE_BYTES);
            // SAFETY: the text with its NUL is at most as long as the server's buffer.
            unsafe { ptr::copy_nonoverlapping(text.as_ptr(), message, text.count_bytes() + 1) };
            true
        }
    }
}

/// # Safety
/// As for every row function.
unsafe fn run_row(
    init: *mut UdfInit,
    args: *mut UdfArgs,
    length: *mut c_ulong,
    is_null: *mut c_uchar,
    error: *mut c_uchar,
) -> *const c_char {
    // SAFETY: `_init` put a statement there, which only this thread uses until `_deinit`.
    let statement = unsafe { &mut *(*init).ptr.cast::<Statement>() };
    // SAFETY: the server filled the arguments in for this call.
    let row = unsafe { Row::new(&*args) };
    let done = catch_unwind(AssertUnwindSafe(|| statement.run(&row)))
        .unwrap_or_else(|panic| Err(Failure::panicked(panic.as_ref())));
    match done {
        Ok(()) => {
            let text = statement.result();
            // SAFETY: the server passes a place for the length. A usize fits: they are as wide.
            unsafe { *length = text.len() as c_ulong };
            text.as_ptr().cast()
        }
        Err(failure) => {
            if let Some(server) = Server::find() {
                server.raise(&failure);
            }
            // SAFETY: the server passes places for both flags.
            unsafe { (*is_null, *error) = (1, 1) };
            ptr::null()
        }
    }
}

/// # Safety
/// As for every `_deinit`.
unsafe fn end_statement(init: *mut UdfInit) {
    // SAFETY: the pointer is `_init`'s, or null when the server calls without one.
    let statement = unsafe { std::mem::replace(&mut (*init).ptr, ptr::null_mut()) };
    if !statement.is_null() {
        // SAFETY: made by Box::into_raw in `_init`, and taken away just now.
        let statement = unsafe { Box::from_raw(statement.cast::<Statement>()) };
        // A panic here has nobody to tell, and nothing to undo.
        let _: Result<(), Box<dyn Any + Send>> = catch_unwind(AssertUnwindSafe(|| drop(statement)));
    }
}
