//! Reading the arguments of a row.

use std::slice;

use crate::abi::{STRING_RESULT, UdfArgs};
use crate::failure::Failure;

/// The arguments of one row, valid while the server's call lasts.
pub(crate) struct Row<'a>(&'a UdfArgs);

impl<'a> Row<'a> {
    /// The arguments in `args`.
    ///
    /// # Safety
    /// `args` is as the server passes it to a row function: `arg_count` elements in each array.
    pub(crate) unsafe fn new(args: &'a UdfArgs) -> Self {
        Self(args)
    }

    /// A text, or None for NULL. `name` and the rule go into the error when it is not UTF-8.
    pub(crate) fn text(&self, index: usize, name: &str) -> Result<Option<&'a str>, Failure> {
        let Some(bytes) = self.bytes(index) else { return Ok(None) };
        match str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(Failure::argument(format!(
                "invalid value for argument \"{name}\": it is not UTF-8 from byte {} on. Convert \
                 it: CONVERT(... USING utf8mb4).",
                error.valid_up_to() + 1
            ))),
        }
    }

    fn bytes(&self, index: usize) -> Option<&'a [u8]> {
        if index >= self.0.arg_count as usize {
            return None;
        }
        // SAFETY: `new` promises that many elements.
        let (start, length) = unsafe { (*self.0.args.add(index), *self.0.lengths.add(index)) };
        if start.is_null() {
            return None;
        }
        // SAFETY: an argument that is not NULL has that many bytes, until the server's call ends.
        Some(unsafe { slice::from_raw_parts(start.cast::<u8>(), usize::try_from(length).ok()?) })
    }
}

/// Checks that there are as many arguments as there are names, all of them strings.
///
/// # Errors
/// What the function takes.
pub(crate) fn check(args: &UdfArgs, signature: &str, names: &[&str]) -> Result<(), Failure> {
    let count = args.arg_count as usize;
    if count != names.len() {
        return Err(Failure::argument(format!(
            "it takes {} arguments, not {count}: {signature}",
            names.len()
        )));
    }
    for (index, name) in names.iter().enumerate() {
        // SAFETY: the server passes a type for each argument.
        let kind = unsafe { *args.arg_type.add(index) };
        if kind != STRING_RESULT {
            return Err(Failure::argument(format!(
                "argument \"{name}\" is a number, and must be a string: {signature}"
            )));
        }
    }
    Ok(())
}
