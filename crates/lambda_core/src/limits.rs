//! The service's limits. Source: "Lambda quotas" and the `Invoke` API reference of the AWS Lambda
//! Developer Guide.

/// Largest payload of a synchronous invocation, in bytes (6 MB).
pub const SYNCHRONOUS_PAYLOAD_BYTES: usize = 6_291_456;

/// Largest payload of an asynchronous invocation, in bytes (1 MB).
pub const ASYNCHRONOUS_PAYLOAD_BYTES: usize = 1_048_576;

/// Largest answer of a function, in bytes: the runtime may post 100 bytes more than 6 MB.
pub const ANSWER_BYTES: usize = 6_291_556;

/// Longest function name, partial ARN or ARN, in characters.
pub const FUNCTION_NAME_CHARS: usize = 256;

/// Longest qualifier, in characters.
pub const QUALIFIER_CHARS: usize = 128;

/// Largest client context, in bytes of base64.
pub const CLIENT_CONTEXT_BASE64_BYTES: usize = 3_583;
