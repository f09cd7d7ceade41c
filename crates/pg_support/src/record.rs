//! The row that a function with OUT arguments returns.

use std::ffi::CString;

use pgrx::pg_sys;

use crate::arguments::Arguments;
use crate::encoding::from_utf8;

/// Columns of a result, added in the order of the OUT arguments.
#[derive(Default)]
pub struct Record {
    values: Vec<pg_sys::Datum>,
    nulls: Vec<bool>,
}

impl Record {
    /// A row without columns.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value of the column's type, or NULL.
    fn value(mut self, value: Option<pg_sys::Datum>) -> Self {
        self.values.push(value.unwrap_or(pg_sys::Datum::from(0)));
        self.nulls.push(value.is_none());
        self
    }

    /// Adds an `int`.
    #[must_use]
    pub fn int(self, value: i32) -> Self {
        self.value(Some(pg_sys::Datum::from(value)))
    }

    /// Adds a `bigint`.
    #[must_use]
    pub fn bigint(self, value: u64) -> Self {
        self.value(Some(pg_sys::Datum::from(i64::try_from(value).unwrap_or(i64::MAX))))
    }

    /// Adds a `double precision`.
    #[must_use]
    pub fn double(self, value: f64) -> Self {
        // Passed by value, as on every 64-bit server.
        self.value(Some(pg_sys::Datum::from(value.to_bits())))
    }

    /// Adds an `oid`.
    #[must_use]
    pub fn oid(self, value: Option<u32>) -> Self {
        self.value(value.map(pg_sys::Datum::from))
    }

    /// Adds a `timestamptz`, in microseconds since 2000.
    #[must_use]
    pub fn timestamptz(self, value: Option<i64>) -> Self {
        self.value(value.map(pg_sys::Datum::from))
    }

    /// Adds a `text`, or a `json` that is known to be valid: the two are stored alike.
    #[must_use]
    pub fn text(self, value: Option<&str>) -> Self {
        self.value(value.map(|value| text_datum(&from_utf8(value))))
    }

    /// Adds a `jsonb`. PostgreSQL's own error is raised for what `jsonb` cannot hold, such as
    /// `\u0000`.
    #[must_use]
    pub fn jsonb(self, value: Option<&str>) -> Self {
        self.value(value.map(|value| jsonb_datum(&from_utf8(value))))
    }

    /// Adds an `int` or NULL.
    #[must_use]
    pub fn optional_int(self, value: Option<i32>) -> Self {
        self.value(value.map(pg_sys::Datum::from))
    }

    /// Adds a `jsonb` if `is_jsonb`, else a `json`.
    #[must_use]
    pub fn json_or_jsonb(self, value: Option<&str>, is_jsonb: bool) -> Self {
        if is_jsonb { self.jsonb(value) } else { self.text(value) }
    }

    /// The row as the result of the call whose arguments these are.
    #[must_use]
    pub fn into_datum(self, call: &Arguments) -> pg_sys::Datum {
        self.into_row(&Columns::of(call))
    }

    /// The row as a value of the type that `columns` describes. It has as many columns, of the
    /// types of the methods used: a mistake there is one of the program.
    #[must_use]
    pub fn into_row(mut self, columns: &Columns) -> pg_sys::Datum {
        // SAFETY: the description is live, and the arrays have a value for each of its columns.
        // The tuple is allocated in the current memory context, as a function's result must be.
        unsafe {
            let (values, nulls) = (self.values.as_mut_ptr(), self.nulls.as_mut_ptr());
            let tuple = pg_sys::heap_form_tuple(columns.0, values, nulls);
            pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data)
        }
    }

    /// Values and which of them are NULL, as PostgreSQL takes them.
    pub(crate) fn into_columns(self) -> (Vec<pg_sys::Datum>, Vec<bool>) {
        (self.values, self.nulls)
    }
}

/// The columns of a function's result, in the memory context that was current when they were asked
/// for.
pub struct Columns(pg_sys::TupleDesc);

impl Columns {
    /// Those of the function that is being called.
    #[must_use]
    pub fn of(call: &Arguments) -> Self {
        // SAFETY: the call is live, and its function is declared with OUT arguments or as a table,
        // so its result type is a row, whose description is newly made.
        unsafe {
            let mut columns = std::ptr::null_mut();
            pg_sys::get_call_result_type(call.call(), std::ptr::null_mut(), &raw mut columns);
            Self(pg_sys::BlessTupleDesc(columns))
        }
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
