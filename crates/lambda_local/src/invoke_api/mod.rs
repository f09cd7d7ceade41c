//! The Invoke API, as AWS answers it.

mod error;
mod handler;
mod name;
mod request;
mod target;

pub use error::ApiError;
pub use name::{FunctionName, NameProblem};

pub(crate) use handler::{invoke, invoke_async};
pub(crate) use name::{check_qualifier, validation_error};
pub(crate) use request::{invocation_type, invoke_async_path, invoke_path, one_qualifier};
pub(crate) use target::{arn, check_reachable, chosen, trace_id};
