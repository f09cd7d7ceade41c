//! What is asked of the service.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::allowed::{AllowedFunctions, Resolved};
use crate::error::{ArgumentError, InvokeError};
use crate::limits::{
    ASYNCHRONOUS_PAYLOAD_BYTES, CLIENT_CONTEXT_BASE64_BYTES, SYNCHRONOUS_PAYLOAD_BYTES,
};
use crate::name::FunctionName;
use crate::region::Region;

/// RFC 3986's unreserved characters stay as they are; AWS encodes all others in a path or query.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How the function is run (`X-Amz-Invocation-Type`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum InvocationType {
    /// Synchronously; the answer is the function's.
    #[default]
    RequestResponse,
    /// Asynchronously; the service queues the event and answers at once.
    Event,
    /// Not at all; the service only checks the caller's permission and the arguments.
    DryRun,
}

impl InvocationType {
    /// Reads the API's spelling, which is case-sensitive.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "RequestResponse" => Some(Self::RequestResponse),
            "Event" => Some(Self::Event),
            "DryRun" => Some(Self::DryRun),
            _ => None,
        }
    }

    /// The API's spelling.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RequestResponse => "RequestResponse",
            Self::Event => "Event",
            Self::DryRun => "DryRun",
        }
    }

    /// Largest payload in bytes.
    #[must_use]
    pub fn payload_limit(self) -> usize {
        match self {
            Self::Event => ASYNCHRONOUS_PAYLOAD_BYTES,
            Self::RequestResponse | Self::DryRun => SYNCHRONOUS_PAYLOAD_BYTES,
        }
    }

    /// Checks a payload of `size` bytes against the service's limit, so that a body that cannot be
    /// accepted is neither copied nor sent.
    ///
    /// # Errors
    /// [`InvokeError::PayloadTooLarge`], worded as the service words it.
    pub fn check_size(self, size: usize) -> Result<(), InvokeError> {
        let limit = self.payload_limit();
        if size <= limit { Ok(()) } else { Err(InvokeError::PayloadTooLarge { size, limit }) }
    }
}

/// Whether the answer carries the end of the function's log (`X-Amz-Log-Type`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogType {
    /// No log.
    #[default]
    None,
    /// The last 4 KB of the log, in base64.
    Tail,
}

impl LogType {
    /// Reads the API's spelling, which is case-sensitive.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "None" => Some(Self::None),
            "Tail" => Some(Self::Tail),
            _ => None,
        }
    }
}

/// One checked call of a function.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The function, as the caller named it.
    pub function: FunctionName,
    /// The version or alias given beside the name.
    pub qualifier: Option<String>,
    /// Synchronous, asynchronous or a dry run.
    pub invocation_type: InvocationType,
    /// Whether the log's end is wanted.
    pub log_type: LogType,
    /// The client context, already in base64.
    pub client_context: Option<String>,
    /// The request's body: JSON text in UTF-8, empty for SQL NULL.
    pub payload: Vec<u8>,
}

impl Invocation {
    /// The version or alias, from beside the name or from within it.
    #[must_use]
    pub fn effective_qualifier(&self) -> Option<&str> {
        self.qualifier.as_deref().or(self.function.qualifier())
    }

    /// Checks that the call, which goes to `region`, is one of those that are allowed.
    ///
    /// # Errors
    /// [`InvokeError::NotAllowed`]; it does not tell what is allowed.
    pub fn check_allowed(
        &self,
        allowed: Option<&AllowedFunctions>,
        region: &Region,
    ) -> Result<(), InvokeError> {
        if allowed.is_none_or(|allowed| allowed.allows(self, region)) {
            return Ok(());
        }
        Err(InvokeError::NotAllowed {
            function: self.function.as_str().to_owned(),
            resolved: Resolved(self, region).to_string(),
        })
    }

    /// Path and query of the request, percent-encoded:
    /// `/2015-03-31/functions/{FunctionName}/invocations?Qualifier={q}`.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        let name = utf8_percent_encode(self.function.as_str(), ENCODED);
        match &self.qualifier {
            None => format!("/2015-03-31/functions/{name}/invocations"),
            Some(qualifier) => {
                let qualifier = utf8_percent_encode(qualifier, ENCODED);
                format!("/2015-03-31/functions/{name}/invocations?Qualifier={qualifier}")
            }
        }
    }
}

/// Encodes a client context for the `X-Amz-Client-Context` header.
///
/// # Errors
/// [`ArgumentError`] for `context` when `json` is not a JSON object or is too long.
pub fn encode_client_context(json: &str) -> Result<String, ArgumentError> {
    if !json.trim_ascii_start().starts_with('{') {
        return Err(ArgumentError::invalid("context", json, "is not a JSON object")
            .with_hint("Lambda reads the members \"client\", \"custom\" and \"env\"."));
    }
    let encoded = STANDARD.encode(json);
    if encoded.len() > CLIENT_CONTEXT_BASE64_BYTES {
        let rule = format!(
            "is {} bytes in base64, more than the {CLIENT_CONTEXT_BASE64_BYTES} that Lambda takes",
            encoded.len()
        );
        return Err(ArgumentError::invalid("context", json, &rule)
            .with_hint("Move what the function needs into the payload."));
    }
    Ok(encoded)
}
