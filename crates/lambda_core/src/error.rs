//! Everything that can go wrong with a call.

use std::borrow::Cow;
use std::time::Duration;

use crate::text::cut;

/// Bytes of a caller's value that an error repeats.
const SHOWN_VALUE_BYTES: usize = 200;

/// Bytes of a function's error payload that an error repeats. AWS's own errors carry the payload
/// whole; a payload beyond this is no error text, and would go to the server log too.
const SHOWN_PAYLOAD_BYTES: usize = 65_536;

/// An argument that is missing or breaks a rule.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ArgumentError {
    /// One line that names the argument.
    pub message: String,
    /// The value and the rule; empty for a missing value.
    pub detail: String,
    /// What is allowed.
    pub hint: Cow<'static, str>,
    /// Whether the value was NULL where none is allowed.
    pub is_null: bool,
}

impl ArgumentError {
    /// An argument that must not be NULL.
    #[must_use]
    pub fn null(argument: &str) -> Self {
        Self {
            message: format!("argument \"{argument}\" must not be null"),
            detail: String::new(),
            hint: Cow::Borrowed(""),
            is_null: true,
        }
    }

    /// An argument whose value breaks a rule; `rule` continues a sentence that begins with it.
    #[must_use]
    pub fn invalid(argument: &str, value: &str, rule: &str) -> Self {
        Self {
            message: format!("invalid value for argument \"{argument}\""),
            detail: format!("\"{}\" {rule}.", cut(value, SHOWN_VALUE_BYTES)),
            hint: Cow::Borrowed(""),
            is_null: false,
        }
    }

    /// Adds what is allowed instead.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Stage {
    /// Looking for the region and the credentials.
    #[default]
    Credentials,
    /// Opening a connection.
    Connection,
    /// A request was sent: the function may be running.
    Answer,
}

/// Why a checked call has no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InvokeError {
    /// The function raised, timed out or crashed (`X-Amz-Function-Error`).
    #[error("\"{function}\" returned error \"{kind}\", details: \"{}\".", shown_payload(.payload))]
    Function {
        /// The function, as the caller named it.
        function: String,
        /// `Unhandled` or `Handled`.
        kind: String,
        /// The error payload.
        payload: String,
        /// The service's id of the request.
        request_id: Option<String>,
    },

    /// The function's answer cannot be given to SQL.
    #[error("\"{function}\" returned {problem}: \"{excerpt}\".")]
    Answer {
        /// The function, as the caller named it.
        function: String,
        /// What is wrong with it.
        problem: String,
        /// Its first 200 bytes.
        excerpt: String,
        /// The service's id of the request.
        request_id: Option<String>,
    },

    /// The function's answer is larger than the caller takes; the rest of it was not read.
    #[error("\"{function}\" returned an answer of more than {limit} bytes: \"{excerpt}\".")]
    AnswerTooLarge {
        /// The function, as the caller named it.
        function: String,
        /// What the caller takes, in bytes; at most what the service can send.
        limit: usize,
        /// Its first 200 bytes.
        excerpt: String,
        /// The service's id of the request.
        request_id: Option<String>,
    },

    /// The function's answer has no result for each row of its batch.
    #[error("\"{function}\" returned {problem}: \"{excerpt}\".")]
    Batch {
        /// The function, as the caller named it.
        function: String,
        /// What is wrong with it.
        problem: String,
        /// Its first 200 bytes.
        excerpt: String,
        /// The service's id of the request.
        request_id: Option<String>,
    },

    /// The function is not one that may be called; nothing was sent.
    #[error("\"{function}\" is not among the functions that may be called")]
    NotAllowed {
        /// The function, as the caller named it.
        function: String,
        /// What it was resolved to: one sentence without a full stop.
        resolved: String,
    },

    /// No connection: DNS, TCP or TLS.
    #[error("Unable to connect to endpoint")]
    Connect {
        /// Scheme, host and port.
        endpoint: String,
        /// The last cause, in the words of the system or the TLS library.
        cause: String,
    },

    /// No answer within the budget of the call.
    #[error("Request timed out after {} ms", .after.as_millis())]
    Timeout {
        /// The budget.
        after: Duration,
        /// What was waited for.
        stage: Stage,
    },

    /// The connection ended after the request was sent and before its answer was complete.
    #[error("Connection closed before the response was complete")]
    Interrupted {
        /// The cause, in the words of the HTTP library.
        cause: String,
    },

    /// The service refused the request.
    #[error("{message}")]
    Service {
        /// HTTP status.
        status: u16,
        /// The error's code, such as `ResourceNotFoundException`.
        code: String,
        /// The service's own message.
        message: String,
        /// The service's id of the request.
        request_id: Option<String>,
        /// `Retry-After`.
        retry_after: Option<Duration>,
    },

    /// The payload is larger than the service takes; nothing was sent.
    #[error("Request must be smaller than {limit} bytes for the InvokeFunction operation")]
    PayloadTooLarge {
        /// The payload's bytes.
        size: usize,
        /// The service's limit.
        limit: usize,
    },

    /// No credentials were found, or those found cannot be used.
    #[error("{0}")]
    Credentials(String),

    /// No region was given and none could be found.
    #[error("No AWS Region is configured")]
    NoRegion,

    /// The configured endpoint cannot be used.
    #[error("{0}")]
    Endpoint(String),

    /// The client itself could not be set up or failed; says what and why.
    #[error("{0}")]
    Client(String),
}

impl InvokeError {
    /// Whether the call failed in the function rather than on the way to it: AWS words the two
    /// differently (`lambda invocation failed` and `invoke API failed`).
    #[must_use]
    pub fn is_function_failure(&self) -> bool {
        matches!(
            self,
            Self::Function { .. }
                | Self::Answer { .. }
                | Self::AnswerTooLarge { .. }
                | Self::Batch { .. }
        )
    }

    /// What kind of failure it is, in one word: `Handled` or `Unhandled` for a function's own, the
    /// service's code for a refusal.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Function { kind, .. } => kind,
            Self::Answer { .. } => "InvalidAnswer",
            Self::AnswerTooLarge { .. } => "AnswerTooLarge",
            Self::Batch { .. } => "InvalidBatchAnswer",
            Self::NotAllowed { .. } => "NotAllowed",
            Self::Connect { .. } => "ConnectionFailed",
            Self::Timeout { .. } => "RequestTimeout",
            Self::Interrupted { .. } => "ConnectionClosed",
            Self::Service { code, .. } if code.is_empty() => "ServiceError",
            Self::Service { code, .. } => code,
            Self::PayloadTooLarge { .. } => "PayloadTooLarge",
            Self::Credentials(_) => "NoCredentials",
            Self::NoRegion => "NoRegion",
            Self::Endpoint(_) => "InvalidEndpoint",
            Self::Client(_) => "ClientError",
        }
    }

    /// The service's id of the request, when it gave one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Function { request_id, .. }
            | Self::Answer { request_id, .. }
            | Self::AnswerTooLarge { request_id, .. }
            | Self::Batch { request_id, .. }
            | Self::Service { request_id, .. } => request_id.as_deref(),
            _ => None,
        }
    }

    /// The HTTP status of the answer that says so; `None` when there was no answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Service { status, .. } => Some(*status),
            _ => self.is_function_failure().then_some(200),
        }
    }

    /// Whether the service refused the call because there are too many: it did not run.
    #[must_use]
    pub fn is_throttling(&self) -> bool {
        matches!(self, Self::Service { status: 429, .. })
    }

    /// Whether the function is known not to have run, and the same call may succeed if it is made
    /// again. Sources: the `Invoke` API's list of errors.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Connect { .. } => true,
            Self::Service { status: 429, .. } => true,
            Self::Service { code, .. } => matches!(
                code.as_str(),
                "ServiceException"
                    | "EC2ThrottledException"
                    | "ENINotReadyException"
                    | "ResourceNotReadyException"
                    | "SubnetIPAddressLimitReachedException"
                    | "ResourceConflictException"
                    | "SnapStartNotReadyException"
            ),
            _ => false,
        }
    }
}

fn shown_payload(payload: &str) -> Cow<'_, str> {
    if payload.len() <= SHOWN_PAYLOAD_BYTES {
        return Cow::Borrowed(payload);
    }
    let end = payload.floor_char_boundary(SHOWN_PAYLOAD_BYTES);
    Cow::Owned(format!("{}... ({} bytes in all)", &payload[..end], payload.len()))
}
