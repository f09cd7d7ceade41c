//! The API's errors: status, type, message and the exact shape of the body.

use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::auth::Denied;
use crate::http_io::{Answer, json as json_answer};

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    error_type: &'static str,
    message: String,
    shape: Shape,
    reason: Option<&'static str>,
}

/// The members of the body. AWS's front door and the service behind it do not spell them alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// `{"message": ...}`
    Door,
    /// `{"Message": ...}`
    DoorCapital,
    /// `{"Type": "User", "message": ...}`
    Service,
    /// `{"Type": "User", "Message": ...}`
    ServiceCapital,
}

impl ApiError {
    fn new(
        status: StatusCode,
        error_type: &'static str,
        message: impl Into<String>,
        shape: Shape,
    ) -> Self {
        Self { status, error_type, message: message.into(), shape, reason: None }
    }

    /// A member of the request breaks its rule.
    pub(super) fn validation(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationException", message, Shape::Door)
    }

    /// The members contradict each other.
    pub(super) fn invalid_parameter(message: &str) -> Self {
        let error_type = "InvalidParameterValueException";
        Self::new(StatusCode::BAD_REQUEST, error_type, message, Shape::Service)
    }

    /// The body or the client context is not what it should be.
    pub(super) fn invalid_content(message: impl Into<String>) -> Self {
        let error_type = "InvalidRequestContentException";
        Self::new(StatusCode::BAD_REQUEST, error_type, message, Shape::Service)
    }

    /// There is no such function, version or alias.
    pub(super) fn not_found(message: String) -> Self {
        let error_type = "ResourceNotFoundException";
        Self::new(StatusCode::NOT_FOUND, error_type, message, Shape::ServiceCapital)
    }

    /// The operation exists on AWS but not here.
    pub(super) fn not_supported(method: &str, path: &str) -> Self {
        Self::not_found(format!(
            "{method} {path} is not supported by this version of sqlambda local; it invokes, lists \
             and describes the functions in its folders"
        ))
    }

    /// The payload is too large.
    pub(super) fn too_large(limit: usize) -> Self {
        let message =
            format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
        let error_type = "RequestEntityTooLargeException";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, error_type, message, Shape::Service)
    }

    /// The body broke off.
    pub(super) fn incomplete_body() -> Self {
        Self::invalid_content("Could not read the request body: the connection broke")
    }

    /// No room for another execution.
    pub(super) fn throttled(reason: &'static str) -> Self {
        let mut error = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequestsException",
            "Rate Exceeded.",
            Shape::Service,
        );
        error.reason = Some(reason);
        error
    }

    /// The caller may not invoke this resource.
    pub(super) fn access_denied(message: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, "AccessDeniedException", message, Shape::DoorCapital)
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The answer with its headers.
    pub(crate) fn into_answer(self) -> Answer {
        let message = self.message;
        let body = match (self.shape, self.reason) {
            (Shape::Door, _) => json!({ "message": message }),
            (Shape::DoorCapital, _) => json!({ "Message": message }),
            (Shape::Service, Some(reason)) => {
                json!({ "Reason": reason, "Type": "User", "message": message })
            }
            (Shape::Service, None) => json!({ "Type": "User", "message": message }),
            (Shape::ServiceCapital, _) => json!({ "Type": "User", "Message": message }),
        };
        let mut answer = json_answer(self.status, body.to_string());
        let headers = answer.headers_mut();
        headers.insert("x-amzn-errortype", HeaderValue::from_static(self.error_type));
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert("retry-after", HeaderValue::from_static("1"));
        }
        answer
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        let (error_type, message) = match denied {
            Denied::Unsigned => {
                ("MissingAuthenticationTokenException", "Missing Authentication Token".to_owned())
            }
            Denied::UnknownKey => (
                "UnrecognizedClientException",
                "The security token included in the request is invalid.".to_owned(),
            ),
            Denied::Incomplete(message) => ("IncompleteSignatureException", message),
            Denied::Signature(message) => ("InvalidSignatureException", message),
        };
        Self::new(StatusCode::FORBIDDEN, error_type, message, Shape::Door)
    }
}
