//! A Lambda service for a laptop and CI.
//!
//! In front it speaks AWS's Invoke API ([`invoke_api`]) with verified signatures ([`auth`]); behind
//! it starts each function as a child process ([`environment`]) that talks to the Runtime API
//! ([`runtime_api`]) through Amazon's own clients ([`runtimes`]). The functions themselves are
//! folders on disk ([`functions`]).

pub mod auth;
pub mod cli;
pub mod environment;
pub mod functions;
mod http_io;
pub mod invoke_api;
pub mod limits;
mod logging;
pub mod runtime_api;
pub mod runtimes;
mod service;

pub use service::{Service, Settings};
