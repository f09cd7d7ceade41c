//! The PostgreSQL extension `aws_lambda`: SQL calls AWS Lambda functions.
//!
//! A thin shell. `sql/aws_lambda--1.1.sql` is the public contract and names the C functions of
//! [`invoke`]; arguments are checked in `lambda_core`, calls are made by `lambda_client`, and
//! `pg_support` waits for them.

#![allow(unsafe_code)]

mod backend;
pub mod invoke;
mod limits;
pub mod many;
mod report;
mod settings;
pub mod statistics;

use pgrx::prelude::*;

pgrx::pg_module_magic!(name, version);

/// Called by PostgreSQL when the library is loaded, in the postmaster too if it is preloaded:
/// nothing may be started here.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    hide_backtraces();
    settings::define();
    statistics::reserve();
}

/// With `RUST_BACKTRACE` in the server's environment, pgrx would add a backtrace, with the paths of
/// source files, to the DETAIL that clients see and programs match on.
fn hide_backtraces() {
    // SAFETY: none of this library's threads exists yet, and PostgreSQL, whose processes have one
    // thread, changes its environment in the same way when it starts a backend.
    unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
}
