//! Between the database's encoding and UTF-8, which is what travels.

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int};

use pgrx::pg_sys;

const UTF8: c_int = pg_sys::pg_enc::PG_UTF8 as c_int;
const SQL_ASCII: c_int = pg_sys::pg_enc::PG_SQL_ASCII as c_int;

fn database_encoding() -> c_int {
    // SAFETY: reads a variable that is set before any SQL runs.
    unsafe { pg_sys::GetDatabaseEncoding() }
}

/// `bytes`, which are in the database's encoding, as UTF-8.
///
/// Raises PostgreSQL's own error (22021) when the bytes of an `SQL_ASCII` database are no UTF-8.
pub(crate) fn to_utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    if database_encoding() == UTF8 {
        return Cow::Borrowed(bytes);
    }
    let converted = convert(bytes, |text, length| {
        // SAFETY: `text` is readable for `length` bytes; the result is `text` itself or a
        // NUL-terminated text in the current memory context.
        unsafe { pg_sys::pg_server_to_any(text, length, UTF8) }
    });
    Cow::Owned(converted)
}

/// `text` in the database's encoding.
///
/// Raises PostgreSQL's own error (22P05) when a character does not exist there.
pub(crate) fn from_utf8(text: &str) -> Cow<'_, [u8]> {
    if matches!(database_encoding(), UTF8 | SQL_ASCII) {
        return Cow::Borrowed(text.as_bytes());
    }
    Cow::Owned(convert(text.as_bytes(), |text, length| {
        // SAFETY: as in `to_utf8`.
        unsafe { pg_sys::pg_any_to_server(text, length, UTF8) }
    }))
}

/// Text for an error report, which must never fail: what the database's encoding may lack is
/// written as JSON writes it, `\u00e9`, and so is NUL, which would end the text.
#[must_use]
pub fn for_report(text: &str) -> String {
    let text = &text.replace('\0', "\\u0000");
    if text.is_ascii() || matches!(database_encoding(), UTF8 | SQL_ASCII) {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut units = [0_u16; 2];
    for character in text.chars() {
        if character.is_ascii() {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut units) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    }
    escaped
}

fn convert(bytes: &[u8], conversion: impl FnOnce(*const c_char, c_int) -> *mut c_char) -> Vec<u8> {
    // No datum is longer than 1 GB, so the length fits.
    let length = c_int::try_from(bytes.len()).unwrap_or(c_int::MAX);
    let source = bytes.as_ptr().cast::<c_char>();
    let result = conversion(source, length);
    if result.cast_const() == source {
        return bytes.to_vec();
    }
    // SAFETY: a result that is not the source itself is a NUL-terminated text.
    unsafe { CStr::from_ptr(result) }.to_bytes().to_vec()
}
