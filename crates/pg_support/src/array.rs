//! The elements of a `json[]` or `jsonb[]` argument, one at a time.

use pgrx::pg_sys;

use crate::arguments::{Arguments, with_json};
use crate::memory::Memory;

/// Elements in the order of storage, as `unnest` gives them, whatever the dimensions.
pub struct JsonArray {
    elements: pg_sys::ArrayIterator,
    is_jsonb: bool,
    /// For each element's text.
    scratch: Memory,
}

impl JsonArray {
    /// The array in the argument at `index`, an array of `jsonb` if `is_jsonb` and else of `json`;
    /// `None` for NULL. What is allocated lives in `memory`.
    #[must_use]
    pub fn of(call: &Arguments, index: usize, is_jsonb: bool, memory: &Memory) -> Option<Self> {
        let array = call.datum(index)?;
        let scratch = memory.child(c"aws_lambda element");
        let elements = memory.run(|| {
            // SAFETY: the argument is an array, whose value lives until the set of rows ends, as
            // `unnest` relies on too; if it is stored otherwise it is copied to `memory`.
            unsafe {
                let array = pg_sys::pg_detoast_datum(array.cast_mut_ptr());
                pg_sys::array_create_iterator(array.cast(), 0, std::ptr::null_mut())
            }
        });
        Some(Self { elements, is_jsonb, scratch })
    }

    /// Hands the next element to `take`, `None` for NULL. The result is `None` after the last one.
    pub fn next<T>(&mut self, take: impl FnOnce(Option<&[u8]>) -> T) -> Option<T> {
        let (mut value, mut is_null) = (pg_sys::Datum::from(0), false);
        // SAFETY: the iterator lives as long as `self`'s memory.
        if !unsafe { pg_sys::array_iterate(self.elements, &raw mut value, &raw mut is_null) } {
            return None;
        }
        if is_null {
            return Some(take(None));
        }
        let taken = self.scratch.run(|| with_json(value, self.is_jsonb, |text| take(Some(text))));
        self.scratch.reset();
        Some(taken)
    }
}
