//! The PostgreSQL extension `aws_lambda`: SQL calls AWS Lambda functions.
//!
//! A thin shell. `sql/aws_lambda--1.0.sql` is the public contract and names the C functions of
//! [`invoke`]; arguments are checked in `lambda_core`, calls are made by `lambda_client`, and
//! `pg_support` waits for them.

#![allow(unsafe_code)]

mod backend;
pub mod invoke;
mod report;
mod settings;

use pgrx::prelude::*;

pgrx::pg_module_magic!(name, version);

/// Called by PostgreSQL when the library is loaded, in the postmaster too if it is preloaded:
/// nothing may be started here.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    settings::define();
}
