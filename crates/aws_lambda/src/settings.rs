//! The extension's settings (`SET aws_lambda...`), each with the reason for its default.

use std::ffi::{CStr, CString, c_char, c_void};
use std::time::Duration;

use lambda_client::CallOptions;
use lambda_core::{Endpoint, Region};
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};

use crate::limits;

/// RDS's default: a connection inside one region takes a few milliseconds, so a second means that
/// packets are dropped.
static CONNECT_TIMEOUT_MS: GucSetting<i32> = GucSetting::<i32>::new(1000);

/// RDS's default, and the default timeout of a new Lambda function.
static REQUEST_TIMEOUT_MS: GucSetting<i32> = GucSetting::<i32>::new(3000);

/// Empty: the region's own endpoint. Superusers only, because it decides where requests signed
/// with the server's credentials go.
static ENDPOINT_OVERRIDE: GucSetting<Option<CString>> =
    GucSetting::<Option<CString>>::new(Some(c""));

/// Empty: the AWS default chain.
static REGION: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

/// The default of AWS's own SDKs: one try and two more.
static MAX_ATTEMPTS: GucSetting<i32> = GucSetting::<i32>::new(3);

/// The longest that a Lambda function may run.
const LONGEST_MS: i32 = 900_000;

/// Defines the settings. A value that was set before the library was loaded is checked now.
pub(crate) fn define() {
    limits::check_client();
    define_int(
        c"aws_lambda.connect_timeout_ms",
        c"Limit for opening a connection to AWS Lambda, in milliseconds.",
        c"Covers DNS, TCP and TLS of one connection.",
        &CONNECT_TIMEOUT_MS,
        LONGEST_MS,
        GucContext::Userset,
    );
    define_int(
        c"aws_lambda.request_timeout_ms",
        c"Limit for one call of a Lambda function, in milliseconds.",
        c"Covers the whole call: connection, the function's own time, retries and their waits.",
        &REQUEST_TIMEOUT_MS,
        LONGEST_MS,
        GucContext::Userset,
    );
    define_int(
        c"aws_lambda.max_attempts",
        c"How often a call that is known not to have run the function may be tried.",
        c"Retries happen inside aws_lambda.request_timeout_ms.",
        &MAX_ATTEMPTS,
        10,
        GucContext::Userset,
    );
    define_text(
        c"aws_lambda.endpoint_override",
        c"URL of the Lambda service; empty means the region's own endpoint.",
        c"For VPC endpoints, proxies and local services: http(s)://host[:port][/path].",
        &ENDPOINT_OVERRIDE,
        (GucContext::Suset, GucFlags::default()),
        check_endpoint,
    );
    define_text(
        c"aws_lambda.region",
        c"AWS Region of functions that are named without one; empty means the AWS default chain.",
        c"The default chain is AWS_REGION, the profile, the instance metadata.",
        &REGION,
        (GucContext::Userset, GucFlags::default()),
        check_region,
    );
    limits::define();
    reserve_prefix();
}

/// The settings in force, for a call whose arguments name `region` or none.
pub(crate) fn call_options(region: Option<Region>) -> CallOptions {
    CallOptions {
        region: region.or_else(|| text(&REGION)?.parse().ok()),
        endpoint: text(&ENDPOINT_OVERRIDE).and_then(|url| Endpoint::parse(&url).ok()),
        connect_timeout: milliseconds(&CONNECT_TIMEOUT_MS),
        request_timeout: milliseconds(&REQUEST_TIMEOUT_MS),
        max_attempts: MAX_ATTEMPTS.get().unsigned_abs(),
        allowed_functions: limits::allowed_functions(),
        max_response_bytes: limits::max_response_bytes(),
    }
}

fn milliseconds(setting: &GucSetting<i32>) -> Duration {
    Duration::from_millis(setting.get().unsigned_abs().into())
}

/// A text setting; `None` when it is empty. The check hooks have let only good values through.
pub(crate) fn text(setting: &GucSetting<Option<CString>>) -> Option<String> {
    setting.get()?.into_string().ok().filter(|text| !text.is_empty())
}

pub(crate) fn define_int(
    name: &'static CStr,
    short: &'static CStr,
    long: &'static CStr,
    setting: &'static GucSetting<i32>,
    max: i32,
    context: GucContext,
) {
    // No unit: the names say milliseconds, and SHOW prints the plain number as on RDS.
    let flags = GucFlags::default();
    GucRegistry::define_int_guc(name, short, long, setting, 1, max, context, flags);
}

pub(crate) fn define_text(
    name: &'static CStr,
    short: &'static CStr,
    long: &'static CStr,
    setting: &'static GucSetting<Option<CString>>,
    (context, flags): (GucContext, GucFlags),
    check: CheckHook,
) {
    // SAFETY: the hook is a guarded function that neither raises nor keeps its arguments.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            name,
            short,
            long,
            setting,
            context,
            flags,
            Some(check),
            None,
            None,
        );
    }
}

pub(crate) type CheckHook = unsafe extern "C-unwind" fn(
    *mut *mut c_char,
    *mut *mut c_void,
    pg_sys::GucSource::Type,
) -> bool;

#[pg_guard]
unsafe extern "C-unwind" fn check_endpoint(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL passes the new value.
    let value = unsafe { new_value(value) };
    accept(value.is_empty(), Endpoint::parse(value).map(drop))
}

#[pg_guard]
unsafe extern "C-unwind" fn check_region(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL passes the new value.
    let value = unsafe { new_value(value) };
    let rule = "A Region looks like us-east-1 or eu-central-1.";
    accept(value.is_empty(), if Region::is_valid(value) { Ok(()) } else { Err(rule) })
}

/// The value that a check hook is asked about. Bytes that are not UTF-8 can be no good value.
///
/// # Safety
/// `value` points to a NUL-terminated text or to null, as PostgreSQL calls its check hooks.
pub(crate) unsafe fn new_value<'a>(value: *mut *mut c_char) -> &'a str {
    // SAFETY: promised by the caller.
    let text = unsafe { (*value).as_ref().map(|start| CStr::from_ptr(start)) };
    text.map_or("", |text| text.to_str().unwrap_or("\u{fffd}"))
}

/// A check hook's verdict; the rule becomes the error's DETAIL.
pub(crate) fn accept(is_empty: bool, verdict: Result<(), &str>) -> bool {
    let rule = match verdict {
        Err(rule) if !is_empty => rule,
        _ => return true,
    };
    let detail = CString::new(capitalised(rule)).unwrap_or_default();
    // SAFETY: the variable is PostgreSQL's way to take a detail from a check hook, reset before
    // each; the text is copied into the current memory context, which outlives the report.
    unsafe { pg_sys::GUC_check_errdetail_string = pg_sys::pstrdup(detail.as_ptr()) };
    false
}

fn capitalised(rule: &str) -> String {
    let mut sentence = rule.trim_end_matches('.').to_owned();
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence.push('.');
    sentence
}

/// From here on an unknown `aws_lambda.` setting is an error rather than a silent placeholder; before
/// 15, those that are set already are warned of.
fn reserve_prefix() {
    // SAFETY: the prefix is a NUL-terminated constant.
    unsafe {
        #[cfg(any(feature = "pg13", feature = "pg14"))]
        pg_sys::EmitWarningsOnPlaceholders(c"aws_lambda".as_ptr());
        #[cfg(not(any(feature = "pg13", feature = "pg14")))]
        pg_sys::MarkGUCPrefixReserved(c"aws_lambda".as_ptr());
    }
}
