//! The API's errors: status, type, message and the exact shape of the body.

use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::auth::Denied;
use crate::events::WriteError;
use crate::http_io::{Answer, json as json_answer};
use crate::limits::POLICY_BYTES;
use crate::model::StoreError;

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
    pub(crate) fn validation(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationException", message, Shape::Door)
    }

    /// The members contradict each other.
    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        let error_type = "InvalidParameterValueException";
        Self::new(StatusCode::BAD_REQUEST, error_type, message, Shape::Service)
    }

    /// The body or the client context is not what it should be.
    pub(crate) fn invalid_content(message: impl Into<String>) -> Self {
        let error_type = "InvalidRequestContentException";
        Self::new(StatusCode::BAD_REQUEST, error_type, message, Shape::Service)
    }

    /// There is no such function, version or alias.
    pub(crate) fn not_found(message: String) -> Self {
        let error_type = "ResourceNotFoundException";
        Self::new(StatusCode::NOT_FOUND, error_type, message, Shape::ServiceCapital)
    }

    /// There is one of that name already, or the resource is being changed.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        let error_type = "ResourceConflictException";
        Self::new(StatusCode::CONFLICT, error_type, message, Shape::Service)
    }

    /// The resource has changed since the caller looked at it; `ask` are the calls that tell its
    /// revision.
    pub(crate) fn precondition(ask: &str) -> Self {
        let message = format!(
            "The Revision Id provided does not match the latest Revision Id. Call the {ask} API to \
             retrieve the latest Revision Id"
        );
        let error_type = "PreconditionFailedException";
        Self::new(StatusCode::PRECONDITION_FAILED, error_type, message, Shape::Service)
    }

    /// All archives together are too large.
    pub(crate) fn code_storage() -> Self {
        let error_type = "CodeStorageExceededException";
        let message = "Code storage limit exceeded.";
        Self::new(StatusCode::BAD_REQUEST, error_type, message, Shape::Service)
    }

    /// The policy has too many statements.
    pub(crate) fn policy_length() -> Self {
        let error_type = "PolicyLengthExceededException";
        let message = format!("The final policy size is bigger than the limit ({POLICY_BYTES}).");
        Self::new(StatusCode::BAD_REQUEST, error_type, message, Shape::Service)
    }

    /// There is no such configuration for signed code: there are none here.
    pub(crate) fn no_code_signing() -> Self {
        let error_type = "CodeSigningConfigNotFoundException";
        let message = "The code signing configuration cannot be found.";
        Self::new(StatusCode::NOT_FOUND, error_type, message, Shape::ServiceCapital)
    }

    /// A member of the body is of the wrong JSON type.
    pub(crate) fn serialization(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "SerializationException", message, Shape::Door)
    }

    /// The service itself cannot do it; it is logged.
    pub(crate) fn service(message: impl Into<String>) -> Self {
        let error_type = "ServiceException";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error_type, message, Shape::ServiceCapital)
    }

    /// The operation exists on AWS but not here.
    pub(crate) fn not_supported(method: &str, path: &str) -> Self {
        Self::not_found(format!(
            "{method} {path} is not supported by this version of sqlambda local; it runs functions and \
             manages them with their versions, aliases, tags, concurrency and permissions"
        ))
    }

    /// The payload is too large.
    pub(crate) fn too_large(limit: usize, operation: &str) -> Self {
        let message =
            format!("Request must be smaller than {limit} bytes for the {operation} operation");
        let error_type = "RequestEntityTooLargeException";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, error_type, message, Shape::Service)
    }

    /// The body broke off.
    pub(crate) fn incomplete_body() -> Self {
        Self::invalid_content("Could not read the request body: the connection broke")
    }

    /// No room for another execution.
    pub(crate) fn throttled(reason: &'static str) -> Self {
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
    pub(crate) fn access_denied(message: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, "AccessDeniedException", message, Shape::DoorCapital)
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The answer with its headers.
    pub(crate) fn into_answer(self) -> Answer {
        let message = self.message;
        let kind = if self.status.is_server_error() { "Service" } else { "User" };
        let body = match (self.shape, self.reason) {
            (Shape::Door, _) => json!({ "message": message }),
            (Shape::DoorCapital, _) => json!({ "Message": message }),
            (Shape::Service, Some(reason)) => {
                json!({ "Reason": reason, "Type": "User", "message": message })
            }
            (Shape::Service, None) => json!({ "Type": "User", "message": message }),
            (Shape::ServiceCapital, _) => json!({ "Type": kind, "Message": message }),
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

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::service(format!("The state cannot be written: {error}"))
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        Self::service(error.to_string())
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
            Denied::Page(message) => return Self::access_denied(message),
        };
        Self::new(StatusCode::FORBIDDEN, error_type, message, Shape::Door)
    }
}
