//! From what went wrong to an SQL error: its number and its text.

use std::any::Any;
use std::ffi::CString;

use lambda_core::{ArgumentError, InvokeError};

/// The server's buffer for a message, the NUL included (`MYSQL_ERRMSG_SIZE` of MariaDB and MySQL).
pub(crate) const UDF_MESSAGE_BYTES: usize = 512;

/// `ER_WRONG_ARGUMENTS`, SQLSTATE HY000.
const WRONG_ARGUMENTS: u32 = 1210;

/// `ER_CANT_INITIALIZE_UDF`, SQLSTATE HY000.
const CANT_INITIALIZE: u32 = 1123;

/// `ER_SPECIFIC_ACCESS_DENIED_ERROR`, SQLSTATE 42000.
const ACCESS_DENIED: u32 = 1227;

/// `ER_UNKNOWN_ERROR`, SQLSTATE HY000: what is wrong with the set-up rather than the call.
const UNKNOWN: u32 = 1105;

/// Aurora MySQL's number for what the Lambda API says. Source: "Enabling network communication
/// from Amazon Aurora MySQL to other AWS services". The server derives the SQLSTATE from it.
const LAMBDA_API: u32 = 1873;

/// Why a statement ends with an error.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of ours.
    Error {
        /// The number, as clients see it.
        number: u32,
        /// The whole message.
        message: String,
    },
    /// The statement was killed or timed out: the server has an error of its own for that.
    Killed,
}

impl Failure {
    /// A wrong argument.
    pub(crate) fn argument(message: String) -> Self {
        Self::Error { number: WRONG_ARGUMENTS, message }
    }

    /// A set-up that does not work.
    pub(crate) fn setup(message: String) -> Self {
        Self::Error { number: UNKNOWN, message }
    }

    /// A panic of ours, by its payload.
    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::bug(text.unwrap_or_default())
    }

    /// Something that cannot happen.
    pub(crate) fn bug(what: &str) -> Self {
        let what = lambda_core::cut(what, 200);
        Self::setup(format!("The client failed; please report this as a bug: {what}"))
    }

    /// A failed call, in Aurora MySQL's words where it has some.
    pub(crate) fn call(error: &InvokeError) -> Self {
        let text = match error {
            InvokeError::NotAllowed { .. } => {
                let message = format!("Access denied; {error} on this server");
                return Self::Error { number: ACCESS_DENIED, message };
            }
            InvokeError::Connect { endpoint, cause } => {
                format!("Network Connection. {error} ({endpoint}: {cause})")
            }
            InvokeError::Credentials(_) => format!("Missing Credentials: {error}"),
            InvokeError::Interrupted { cause } => format!(
                "{error} ({cause}). The function may have run: what was sent is not sent again"
            ),
            InvokeError::Service { status, code, .. } if code.is_empty() => {
                format!("{error} (HTTP status {status})")
            }
            InvokeError::Service { status, code, .. } => {
                format!("{error} ({code}, HTTP status {status})")
            }
            _ => error.to_string(),
        };
        Self::Error { number: LAMBDA_API, message: format!("Lambda API returned error: {text}") }
    }

    /// A failed call of the blog's functions: what the function itself raised is the message.
    pub(crate) fn blog_call(error: &InvokeError) -> Self {
        match error {
            InvokeError::Function { payload, .. } => {
                Self::Error { number: LAMBDA_API, message: payload.clone() }
            }
            _ => Self::call(error),
        }
    }

    /// The failure as one of beginning the statement, in the server's words but not cut at 80
    /// bytes as its own.
    pub(crate) fn of_statement(self, name: &str) -> Self {
        match self {
            Self::Killed => Self::Killed,
            Self::Error { message, .. } => Self::Error {
                number: CANT_INITIALIZE,
                message: format!("Can't initialize function '{name}'; {message}"),
            },
        }
    }

    /// The text for the buffer of an `_init` function.
    pub(crate) fn for_init(&self) -> CString {
        match self {
            Self::Killed => CString::default(),
            Self::Error { message, .. } => for_server(message),
        }
    }
}

impl From<ArgumentError> for Failure {
    fn from(error: ArgumentError) -> Self {
        let mut message = error.message;
        if !error.detail.is_empty() {
            message = format!("{message}: {}", error.detail);
        }
        if !error.hint.is_empty() {
            message = format!("{message} {}", error.hint);
        }
        Self::argument(message)
    }
}

/// A message as the server's buffer takes it: no NUL, and cut at a character boundary. The servers'
/// messages have characters of up to three bytes; MariaDB would end one at the first longer.
pub(crate) fn for_server(message: &str) -> CString {
    const DOTS: &str = "...";
    let limit = UDF_MESSAGE_BYTES - 1;
    let replace = |c| if c == '\0' || c > '\u{ffff}' { '?' } else { c };
    let mut text: String = message.chars().map(replace).collect();
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit - DOTS.len()));
        text.push_str(DOTS);
    }
    // There is no NUL left.
    CString::new(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Never longer than the buffer, never half a character, never an early end.
    #[test]
    fn messages_fit_the_buffer() {
        for character in ["a", "é", "漢", "🙂"] {
            for count in 120..520 {
                let message = for_server(&character.repeat(count));
                assert!(message.as_bytes_with_nul().len() <= UDF_MESSAGE_BYTES);
                let text = message.to_str().unwrap();
                let known = |c| character.contains(c) || c == '?';
                assert!(text.trim_end_matches('.').chars().all(known));
            }
        }
        assert_eq!(for_server("a\0b🙂c").to_str(), Ok("a?b?c"));
        assert_eq!(for_server(&"a".repeat(511)).as_bytes(), "a".repeat(511).as_bytes());
    }
}
