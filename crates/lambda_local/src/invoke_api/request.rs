//! An Invoke request: its members, read from path, query, headers and body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;

use super::ApiError;
use super::name::{FunctionName, NameProblem, check_qualifier, validation_error};
use crate::invocations::Kind;
use crate::limits::{ASYNC_PAYLOAD_BYTES, CLIENT_CONTEXT_BYTES, SYNC_PAYLOAD_BYTES};

/// How the function is to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvocationType {
    RequestResponse,
    Event,
    DryRun,
}

impl InvocationType {
    /// How an execution of this type is noted.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Event => Kind::Event,
            // A dry run executes nothing.
            Self::RequestResponse | Self::DryRun => Kind::RequestResponse,
        }
    }

    /// The largest payload.
    pub(crate) fn limit(self) -> usize {
        match self {
            Self::Event => ASYNC_PAYLOAD_BYTES,
            Self::RequestResponse | Self::DryRun => SYNC_PAYLOAD_BYTES,
        }
    }
}

/// Everything but the payload.
#[derive(Debug)]
pub(super) struct InvokeRequest {
    pub(super) function: FunctionName,
    /// From the name or from the parameter; they agree.
    pub(super) qualifier: Option<String>,
    pub(super) invocation_type: InvocationType,
    pub(super) wants_tail: bool,
    pub(super) client_context: Option<String>,
}

/// How a caller takes the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Invoke: whole.
    Whole,
    /// InvokeWithResponseStream: as it comes.
    Streamed,
}

impl Delivery {
    /// The operation's name.
    pub(crate) fn operation(self) -> &'static str {
        match self {
            Self::Whole => "InvokeFunction",
            Self::Streamed => "InvokeWithResponseStream",
        }
    }

    /// The invocation types there are. An asynchronous call has no answer to stream.
    fn invocation_types(self) -> &'static str {
        match self {
            Self::Whole => "Event, RequestResponse, DryRun",
            Self::Streamed => "RequestResponse, DryRun",
        }
    }
}

/// The function's name in the path of a request that invokes one, and how its answer is taken.
pub(crate) fn invoke_path(path: &str) -> Option<(&str, Delivery)> {
    let whole = || path.strip_prefix("/2015-03-31/functions/")?.strip_suffix("/invocations");
    let streamed = || {
        path.strip_prefix("/2021-11-15/functions/")?.strip_suffix("/response-streaming-invocations")
    };
    let whole = whole().map(|name| (name, Delivery::Whole));
    let found = whole.or_else(|| Some((streamed()?, Delivery::Streamed)))?;
    (!found.0.is_empty() && !found.0.contains('/')).then_some(found)
}

/// The same for InvokeAsync.
pub(crate) fn invoke_async_path(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/2014-11-13/functions/")?;
    let name = name.trim_end_matches('/').strip_suffix("/invoke-async")?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// The invocation type alone: it decides how large the body may be. A wrong one is reported later.
pub(crate) fn invocation_type(headers: &HeaderMap) -> Option<InvocationType> {
    match headers.get("x-amz-invocation-type").map(|value| value.as_bytes()) {
        None | Some(b"RequestResponse") => Some(InvocationType::RequestResponse),
        Some(b"Event") => Some(InvocationType::Event),
        Some(b"DryRun") => Some(InvocationType::DryRun),
        Some(_) => None,
    }
}

impl InvokeRequest {
    /// Reads and checks the members, in AWS's order: first the rules of each, then how they fit.
    pub(super) fn read(
        name: &str,
        delivery: Delivery,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Self, ApiError> {
        let mut problems = Vec::new();
        let name = percent_decode_str(name).decode_utf8_lossy();
        let function = FunctionName::parse(&name).map_err(|problem| problems.push(problem)).ok();
        let parameter = qualifier_parameter(uri);
        if let Some(parameter) = &parameter {
            problems.extend(check_qualifier(parameter));
        }
        let kind = invocation_type(headers);
        let streams_event = delivery == Delivery::Streamed && kind == Some(InvocationType::Event);
        let kind = kind.filter(|_| !streams_event).or_else(|| {
            let value = text(headers, "x-amz-invocation-type");
            let allowed = delivery.invocation_types();
            problems.push(NameProblem::not_one_of(&value, "invocationType", allowed));
            None
        });
        let log_type = text(headers, "x-amz-log-type");
        if !["", "None", "Tail"].contains(&log_type.as_str()) {
            problems.push(NameProblem::not_one_of(&log_type, "logType", "None, Tail"));
        }
        let (Some(function), Some(invocation_type), []) = (function, kind, problems.as_slice())
        else {
            return Err(validation_error(&problems));
        };
        Ok(Self {
            qualifier: one_qualifier(function.qualifier.clone(), parameter)?,
            client_context: client_context(headers)?,
            wants_tail: log_type == "Tail",
            function,
            invocation_type,
        })
    }
}

impl InvokeRequest {
    /// The members of InvokeAsync: the name, and nothing else.
    pub(super) fn read_async(name: &str) -> Result<Self, ApiError> {
        let name = percent_decode_str(name).decode_utf8_lossy();
        let function =
            FunctionName::parse(&name).map_err(|problem| validation_error(&[problem]))?;
        Ok(Self {
            qualifier: function.qualifier.clone(),
            client_context: None,
            wants_tail: false,
            function,
            invocation_type: InvocationType::Event,
        })
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default()
}

fn qualifier_parameter(uri: &Uri) -> Option<String> {
    let value = uri.query()?.split('&').find_map(|pair| pair.strip_prefix("Qualifier="))?;
    // A plus is a space in a query.
    let value = value.replace('+', " ");
    let value = percent_decode_str(&value).decode_utf8_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}

/// The qualifier of a request that may have it in two places.
pub(crate) fn one_qualifier(
    in_name: Option<String>,
    parameter: Option<String>,
) -> Result<Option<String>, ApiError> {
    match (in_name, parameter) {
        (Some(in_name), Some(parameter)) if in_name != parameter => {
            Err(ApiError::invalid_parameter(
                "The derived qualifier from the function name does not match the specified \
                 qualifier.",
            ))
        }
        (in_name, parameter) => Ok(in_name.or(parameter)),
    }
}

/// The client context's JSON, as one line: it travels on in a header.
fn client_context(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(encoded) = headers.get("x-amz-client-context") else { return Ok(None) };
    if encoded.len() > CLIENT_CONTEXT_BYTES {
        return Err(ApiError::invalid_content(format!(
            "Client context must be no more than {CLIENT_CONTEXT_BYTES} bytes when base64-encoded."
        )));
    }
    let invalid =
        || ApiError::invalid_content("Client context must be a valid Base64-encoded JSON object.");
    let bytes = STANDARD.decode(encoded.as_bytes()).map_err(|_| invalid())?;
    let context = String::from_utf8(bytes).map_err(|_| invalid())?;
    let object = serde_json::from_str::<&RawValue>(&context).map_err(|_| invalid())?;
    if !object.get().starts_with('{') {
        return Err(invalid());
    }
    Ok(Some(header_form(object.get())))
}

/// JSON that means the same and fits a header: one line of ASCII. Line ends and tabs stand between
/// its parts only, where a space will do; other characters stand in strings only, where an escape
/// will. (The Rust client ends its process when this header is not ASCII.)
fn header_form(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\r' | '\n' | '\t' => line.push(' '),
            ascii if ascii.is_ascii() => line.push(ascii),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    line.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    line
}

/// Checks that a payload is JSON. It travels on as it is.
pub(super) fn check_payload(payload: &[u8]) -> Result<(), ApiError> {
    serde_json::from_slice::<&RawValue>(payload).map(drop).map_err(|error| {
        ApiError::invalid_content(format!("Could not parse request body into json: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_context_becomes_one_line_of_ascii_that_means_the_same() {
        let context = "{\n\t\"k\": \"é😀 \\n\"\r\n}";
        let header = header_form(context);
        assert!(header.is_ascii() && !header.contains('\n'), "{header}");
        let meaning = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(meaning(&header), meaning(context));
    }

    #[test]
    fn the_qualifier_parameter_is_decoded() {
        let of = |uri: &str| qualifier_parameter(&uri.parse().unwrap());
        assert_eq!(of("/x?Qualifier=%24LATEST"), Some("$LATEST".to_owned()));
        assert_eq!(of("/x?a=b&Qualifier=a+b"), Some("a b".to_owned()));
        assert_eq!(of("/x?Qualifier="), None);
        assert_eq!(of("/x"), None);
    }

    #[test]
    fn two_paths_are_invocations() {
        let whole = |name| Some((name, Delivery::Whole));
        assert_eq!(invoke_path("/2015-03-31/functions/f/invocations"), whole("f"));
        assert_eq!(invoke_path("/2015-03-31/functions/f%3A1/invocations"), whole("f%3A1"));
        let path = "/2021-11-15/functions/f/response-streaming-invocations";
        assert_eq!(invoke_path(path), Some(("f", Delivery::Streamed)));
        for other in ["/2015-03-31/functions/", "/2015-03-31/functions//invocations", "/"] {
            assert_eq!(invoke_path(other), None, "{other}");
        }
        let of = invoke_async_path;
        assert_eq!(of("/2014-11-13/functions/f/invoke-async/"), Some("f"));
        assert_eq!(of("/2014-11-13/functions/f/invoke-async"), Some("f"));
        assert_eq!(of("/2014-11-13/functions//invoke-async/"), None);
    }
}
