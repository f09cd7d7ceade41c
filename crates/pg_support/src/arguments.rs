//! The arguments of a SQL function, as owned UTF-8.

use std::ffi::{CStr, c_char};

use pgrx::pg_sys;

use crate::encoding::to_utf8;

/// The arguments of one call of a C function.
pub struct Arguments(pg_sys::FunctionCallInfo);

impl Arguments {
    /// The arguments of the call that `call` describes.
    ///
    /// # Safety
    /// `call` is what PostgreSQL passed to the function that is running now, and the SQL
    /// declaration gives each argument the type that its reader below is named for.
    #[must_use]
    pub unsafe fn new(call: pg_sys::FunctionCallInfo) -> Self {
        Self(call)
    }

    /// An argument of type `text` or `varchar`. `None` for NULL.
    #[must_use]
    pub fn text(&self, index: usize) -> Option<String> {
        self.datum(index).map(text_of)
    }

    /// An argument of type `int`.
    #[must_use]
    pub fn int(&self, index: usize) -> Option<i32> {
        // An `int` is in the lower half of its datum.
        #[expect(clippy::cast_possible_truncation, reason = "the upper half is no part of it")]
        self.datum(index).map(|datum| datum.value() as i32)
    }

    /// An argument of type `boolean`.
    #[must_use]
    pub fn bool(&self, index: usize) -> Option<bool> {
        self.datum(index).map(|datum| datum.value() & 0xff != 0)
    }

    /// An argument of type `json`, byte for byte.
    #[must_use]
    pub fn json(&self, index: usize) -> Option<Vec<u8>> {
        self.datum(index).map(|datum| to_utf8(varlena_bytes(datum).as_slice()).into_owned())
    }

    /// An argument of type `jsonb`, as PostgreSQL prints it.
    #[must_use]
    pub fn jsonb(&self, index: usize) -> Option<Vec<u8>> {
        self.datum(index).map(|datum| to_utf8(jsonb_text(datum).to_bytes()).into_owned())
    }

    /// An argument of pseudo-type `unknown`: an untyped literal.
    #[must_use]
    pub fn literal(&self, index: usize) -> Option<String> {
        // SAFETY: a datum of type `unknown` is a NUL-terminated text.
        let text = |datum: pg_sys::Datum| unsafe { CStr::from_ptr(datum.cast_mut_ptr::<c_char>()) };
        self.datum(index).map(|datum| utf8_string(to_utf8(text(datum).to_bytes()).into_owned()))
    }

    /// The first two fields of an argument whose type is a row of two texts. The outer `None` is
    /// a NULL argument.
    #[must_use]
    pub fn text_pair(&self, index: usize) -> Option<(Option<String>, Option<String>)> {
        let datum = self.datum(index)?;
        // SAFETY: a datum of a composite type is a varlena, possibly toasted; de-toasting gives a
        // HeapTupleHeader.
        let row = unsafe { pg_sys::pg_detoast_datum(datum.cast_mut_ptr()) };
        let field = |number: i16| {
            let mut is_null = false;
            // SAFETY: `row` is a whole tuple of a type with two columns, numbered from 1.
            let value = unsafe { pg_sys::GetAttributeByNum(row.cast(), number, &raw mut is_null) };
            (!is_null).then(|| text_of(value))
        };
        Some((field(1), field(2)))
    }

    /// The call, for building its result.
    pub(crate) fn call(&self) -> pg_sys::FunctionCallInfo {
        self.0
    }

    /// An argument of any type.
    pub(crate) fn datum(&self, index: usize) -> Option<pg_sys::Datum> {
        // SAFETY: `new`'s caller promised a live call; an index beyond its arguments gives None.
        let arguments = unsafe { (*self.0).args.as_slice((*self.0).nargs.unsigned_abs().into()) };
        let argument = arguments.get(index)?;
        (!argument.isnull).then_some(argument.value)
    }
}

fn text_of(datum: pg_sys::Datum) -> String {
    utf8_string(to_utf8(varlena_bytes(datum).as_slice()).into_owned())
}

/// Texts of a database are valid in its encoding, and `to_utf8` checks `SQL_ASCII`, so nothing is
/// replaced here.
fn utf8_string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Calls `then` with the text of a value of type `json`, or `jsonb` as PostgreSQL prints it. What
/// that allocates stays in the current memory context.
pub(crate) fn with_json<T>(
    datum: pg_sys::Datum,
    is_jsonb: bool,
    then: impl FnOnce(&[u8]) -> T,
) -> T {
    if is_jsonb {
        then(&to_utf8(jsonb_text(datum).to_bytes()))
    } else {
        then(&to_utf8(varlena_bytes(datum).as_slice()))
    }
}

/// A de-toasted varlena, freed when it is a copy.
struct Varlena {
    original: *mut pg_sys::varlena,
    plain: *mut pg_sys::varlena,
}

impl Varlena {
    fn as_slice(&self) -> &[u8] {
        // SAFETY: `plain` is a de-toasted varlena that lives as long as `self`: the argument
        // itself, or a copy that `drop` frees.
        unsafe {
            let length = pgrx::varsize_any_exhdr(self.plain);
            std::slice::from_raw_parts(pgrx::vardata_any(self.plain).cast(), length)
        }
    }
}

impl Drop for Varlena {
    fn drop(&mut self) {
        if self.plain != self.original {
            // SAFETY: a copy made by `pg_detoast_datum_packed`, and nothing borrows it any more.
            unsafe { pg_sys::pfree(self.plain.cast()) };
        }
    }
}

fn varlena_bytes(datum: pg_sys::Datum) -> Varlena {
    let original = datum.cast_mut_ptr();
    // SAFETY: only called for arguments declared with a varlena type.
    let plain = unsafe { pg_sys::pg_detoast_datum_packed(original) };
    Varlena { original, plain }
}

fn jsonb_text(datum: pg_sys::Datum) -> &'static CStr {
    // SAFETY: only called for arguments declared as `jsonb`: de-toasting gives a Jsonb, whose
    // container follows its length word. The text lives in the current memory context, which
    // outlasts the function call, and the caller copies it at once.
    unsafe {
        let jsonb: *mut pg_sys::Jsonb = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
        let length = pgrx::varsize_any_exhdr(jsonb.cast());
        let text = pg_sys::JsonbToCString(
            std::ptr::null_mut(),
            &raw mut (*jsonb).root,
            i32::try_from(length).unwrap_or(0),
        );
        CStr::from_ptr(text)
    }
}
