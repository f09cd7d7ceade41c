//! What the service answered.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::InvokeError;
use crate::invocation::{Invocation, InvocationType};
use crate::text::cut;

/// Bytes of an unusable answer that an error repeats.
const EXCERPT_BYTES: usize = 200;

/// The result of a call that succeeded.
#[derive(Clone, Debug)]
pub struct Answer {
    /// 200, 202 (Event) or 204 (DryRun).
    pub status_code: u16,
    /// The function's answer, JSON in UTF-8, byte for byte; `None` for Event and DryRun.
    pub payload: Option<String>,
    /// The version that ran; `None` for Event and DryRun.
    pub executed_version: Option<String>,
    /// The last 4 KB of the log in base64, when `Tail` was asked for.
    pub log_result: Option<String>,
    /// The service's id of the request.
    pub request_id: Option<String>,
}

/// The parts of an HTTP response that the Invoke API gives a meaning.
#[derive(Clone, Debug, Default)]
pub struct RawAnswer {
    /// HTTP status.
    pub status: u16,
    /// `X-Amz-Function-Error`.
    pub function_error: Option<String>,
    /// `X-Amz-Executed-Version`.
    pub executed_version: Option<String>,
    /// `X-Amz-Log-Result`.
    pub log_result: Option<String>,
    /// `x-amzn-ErrorType`.
    pub error_type: Option<String>,
    /// `x-amzn-RequestId`.
    pub request_id: Option<String>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// The body, complete.
    pub body: Vec<u8>,
}

impl RawAnswer {
    /// Whether the service itself refused, so that the body is its own message.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        !matches!(self.status, 200 | 202 | 204)
    }

    /// Tells success, the function's failure and the service's refusal apart.
    ///
    /// # Errors
    /// [`InvokeError::Function`], [`InvokeError::Answer`] or [`InvokeError::Service`].
    pub fn interpret(self, invocation: &Invocation) -> Result<Answer, InvokeError> {
        if self.is_refusal() {
            return Err(self.refusal());
        }
        let function = invocation.function.as_str().to_owned();
        if let Some(kind) = self.function_error {
            return Err(InvokeError::Function {
                function,
                kind,
                payload: String::from_utf8_lossy(&self.body).into_owned(),
                request_id: self.request_id,
            });
        }
        let payload = match invocation.invocation_type {
            InvocationType::RequestResponse => {
                Some(read_json(self.body, function, &self.request_id)?)
            }
            InvocationType::Event | InvocationType::DryRun => None,
        };
        Ok(Answer {
            status_code: self.status,
            payload,
            executed_version: self.executed_version,
            log_result: self.log_result,
            request_id: self.request_id,
        })
    }

    fn refusal(self) -> InvokeError {
        let body: ErrorBody = serde_json::from_slice(&self.body).unwrap_or_default();
        let code = self.error_type.or_else(|| text(body.code)).unwrap_or_default();
        // `Code`, `Code:http://...`, `namespace#Code` or both: the URL may hold a `#` of its own.
        let code = code.split(':').next().and_then(|c| c.rsplit('#').next()).unwrap_or_default();
        let message = text(body.message).or_else(|| text(body.capital_message));
        let message = message.unwrap_or_else(|| {
            let text = String::from_utf8_lossy(&self.body);
            if text.trim().is_empty() {
                format!("HTTP status {} without a message", self.status)
            } else {
                cut(text.trim(), EXCERPT_BYTES)
            }
        });
        InvokeError::Service {
            status: self.status,
            code: cut(code, 100),
            message: cut(&message, 4096),
            request_id: self.request_id,
            retry_after: self.retry_after.map(Duration::from_secs),
        }
    }
}

/// The body of a refusal. Both spellings of the message occur, also in one body.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    message: Value,
    #[serde(rename = "Message")]
    capital_message: Value,
    #[serde(rename = "__type")]
    code: Value,
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// The function's answer as it came, if it is JSON.
fn read_json(
    body: Vec<u8>,
    function: String,
    request_id: &Option<String>,
) -> Result<String, InvokeError> {
    let problem = match String::from_utf8(body) {
        Ok(text) if text.is_empty() => Err(("an empty answer", String::new())),
        Ok(text) => match serde_json::from_str::<&RawValue>(&text) {
            Ok(_) => Ok(text),
            Err(_) => Err(("an answer that is not JSON", cut(&text, EXCERPT_BYTES))),
        },
        Err(error) => {
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            Err(("an answer that is not UTF-8", cut(&text, EXCERPT_BYTES)))
        }
    };
    problem.map_err(|(problem, excerpt)| InvokeError::Answer {
        function,
        problem: problem.to_owned(),
        excerpt,
        request_id: request_id.clone(),
    })
}
