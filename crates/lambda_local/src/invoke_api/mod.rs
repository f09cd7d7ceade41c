//! The Invoke API, as AWS answers it.

mod describe;
mod error;
mod handler;
mod name;
mod request;

pub use error::ApiError;
pub use name::{FunctionName, NameProblem};

pub(crate) use handler::answer;
