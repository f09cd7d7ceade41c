//! A Lambda service for a laptop and CI.
//!
//! In front it speaks AWS's Invoke API ([`invoke_api`]) and the API that manages functions
//! (`control_api`), with verified signatures ([`auth`]); behind it starts each function as a child
//! process ([`environment`]) that talks to the Runtime API ([`runtime_api`]) through Amazon's own
//! clients ([`runtimes`]). Asynchronous calls wait in a queue on disk ([`events`]). What it knows of
//! the functions is kept by [`model`], their code by [`code`]; those in folders are found by
//! [`functions`]. What ran last is in [`invocations`], and shown by `page` and `metrics`.

mod allocator;
pub mod auth;
pub mod cli;
pub mod code;
mod connections;
mod control_api;
pub mod environment;
pub mod events;
mod front_door;
pub mod functions;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod http_io;
pub mod invocations;
pub mod invoke_api;
pub mod limits;
mod logging;
mod metrics;
pub mod model;
mod page;
mod pools;
mod reload;
pub mod runtime_api;
pub mod runtimes;
mod service;
mod settings;
mod state;
pub mod stop;

pub use page::{PageAccess, PageToken};
pub use service::Service;
pub use settings::{ServiceError, Settings};
