//! The Invoke API, as AWS answers it.

mod error;
pub mod event_stream;
mod handler;
mod name;
mod request;
mod stream;
mod target;

pub use error::ApiError;
pub use name::{FunctionName, NameProblem};

pub(crate) use handler::{Named, invoke, invoke_async};
pub(crate) use name::{check_qualifier, validation_error};
pub(crate) use request::{
    Delivery, invocation_type, invoke_async_path, invoke_path, one_qualifier,
};
pub(crate) use target::{arn, check_reachable, chosen, trace_id};
