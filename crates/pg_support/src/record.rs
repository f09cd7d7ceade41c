//! The row that a function with OUT arguments returns.

use std::ffi::CString;

use pgrx::pg_sys;

use crate::arguments::Arguments;
use crate::encoding::from_utf8;

/// Columns of a result, added in the order of the OUT arguments.
#[derive(Default)]
pub struct Record(Vec<Option<pg_sys::Datum>>);

impl Record {
    /// A row without columns.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an `int`.
    #[must_use]
    pub fn int(mut self, value: i32) -> Self {
        self.0.push(Some(pg_sys::Datum::from(value)));
        self
    }

    /// Adds a `bigint`.
    #[must_use]
    pub fn bigint(mut self, value: u64) -> Self {
        self.0.push(Some(pg_sys::Datum::from(i64::try_from(value).unwrap_or(i64::MAX))));
        self
    }

    /// Adds a `double precision`.
    #[must_use]
    pub fn double(mut self, value: f64) -> Self {
        // Passed by value, as on every 64-bit server.
        self.0.push(Some(pg_sys::Datum::from(value.to_bits())));
        self
    }

    /// Adds an `oid`.
    #[must_use]
    pub fn oid(mut self, value: Option<u32>) -> Self {
        self.0.push(value.map(pg_sys::Datum::from));
        self
    }

    /// Adds a `timestamptz`, in microseconds since 2000.
    #[must_use]
    pub fn timestamptz(mut self, value: Option<i64>) -> Self {
        self.0.push(value.map(pg_sys::Datum::from));
        self
    }

    /// Adds a `text`, or a `json` that is known to be valid: the two are stored alike.
    #[must_use]
    pub fn text(mut self, value: Option<&str>) -> Self {
        self.0.push(value.map(|value| text_datum(&from_utf8(value))));
        self
    }

    /// Adds a `jsonb`. PostgreSQL's own error is raised for what `jsonb` cannot hold, such as
    /// `\u0000`.
    #[must_use]
    pub fn jsonb(mut self, value: Option<&str>) -> Self {
        self.0.push(value.map(|value| jsonb_datum(&from_utf8(value))));
        self
    }

    /// The row as the result of the call whose arguments these are.
    #[must_use]
    pub fn into_datum(self, call: &Arguments) -> pg_sys::Datum {
        let (mut values, mut nulls) = self.into_columns();
        // SAFETY: the call is live; the function is declared with OUT arguments, so its result
        // type is a row with as many columns as were added, of the types of the methods used.
        // The tuple is allocated in the current memory context, as a function's result must be.
        unsafe {
            let mut columns = std::ptr::null_mut();
            pg_sys::get_call_result_type(call.call(), std::ptr::null_mut(), &raw mut columns);
            let columns = pg_sys::BlessTupleDesc(columns);
            let tuple = pg_sys::heap_form_tuple(columns, values.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data)
        }
    }

    /// Values and which of them are NULL, as PostgreSQL takes them.
    pub(crate) fn into_columns(self) -> (Vec<pg_sys::Datum>, Vec<bool>) {
        let nulls = self.0.iter().map(Option::is_none).collect();
        let values = self.0.into_iter().map(|value| value.unwrap_or(pg_sys::Datum::from(0)));
        (values.collect(), nulls)
    }
}

fn text_datum(bytes: &[u8]) -> pg_sys::Datum {
    let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    // SAFETY: copies `length` bytes out of a live slice.
    unsafe { pg_sys::cstring_to_text_with_len(bytes.as_ptr().cast(), length) }.into()
}

fn jsonb_datum(bytes: &[u8]) -> pg_sys::Datum {
    // JSON text holds no NUL byte: it has been checked, and JSON writes NUL as \u0000.
    let text = CString::new(bytes).unwrap_or_default();
    // SAFETY: `jsonb_in` takes one NUL-terminated text, which lives through the call.
    unsafe {
        pgrx::direct_function_call_as_datum(
            pg_sys::jsonb_in,
            &[Some(pg_sys::Datum::from(text.as_ptr()))],
        )
    }
    .unwrap_or(pg_sys::Datum::from(0))
}
