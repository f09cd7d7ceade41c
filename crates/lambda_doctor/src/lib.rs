//! `sqlambda doctor`: checks what a call from a database server needs, and says what to change.
//!
//! The checks are `lambda_client`'s own steps, told one by one ([`lambda_client::diagnose`]); this
//! crate orders and words them. Nothing that it prints is a secret: it is meant to be pasted.

#![forbid(unsafe_code)]

mod advice;
mod certificate;
mod cli;
mod examination;
mod report;
mod server;
mod way;

pub use cli::Doctor;
