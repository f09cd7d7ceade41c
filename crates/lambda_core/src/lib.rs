//! Names, ARNs, limits, requests, responses and errors of AWS Lambda's Invoke API.
//!
//! This crate is pure: no I/O, no database, no `unsafe`. A caller's arguments go in as text and
//! come out as a checked [`Invocation`]; what the service answered goes in as bytes and comes out
//! as an [`Answer`] or an [`InvokeError`].

#![forbid(unsafe_code)]

pub mod allowed;
pub mod answer;
pub mod arguments;
pub mod batch;
pub mod batch_answer;
pub mod composite;
pub mod endpoint;
pub mod error;
mod error_object;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod invocation;
pub mod limits;
pub mod many;
pub mod name;
pub mod pace;
pub mod region;
pub mod statistics;
mod text;

pub use allowed::AllowedFunctions;
pub use answer::Answer;
pub use arguments::{Arguments, TextArguments};
pub use batch::{Batch, Batcher, Envelope, Shape};
pub use endpoint::{Endpoint, EndpointVariant};
pub use error::{ArgumentError, InvokeError, Stage};
pub use error_object::ErrorObject;
pub use invocation::{Invocation, InvocationType, LogType};
pub use many::{BatchFormat, ManyArguments, ManyOptions, OnError};
pub use name::FunctionName;
pub use pace::Pace;
pub use region::Region;
pub use text::cut;
