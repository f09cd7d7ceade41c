//! SQL calls AWS Lambda functions, on MariaDB and MySQL: one library of loadable functions (UDFs).
//!
//! `sql/install.sql` declares them. Each call goes [`abi`] (what the server calls), [`functions`]
//! (what the call means), [`process`] (the connections that all sessions share); [`server`] is what
//! the library asks of the server in return: raising an error, and whether the statement was killed.
//!
//! It is a thin layer of our own rather than the crate `udf`, with which a row that fails is no error
//! and a panic ends the server; ARCHITECTURE.md has the comparison.

#![allow(unsafe_code)]

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must become an SQL error: build with panic = \"unwind\"");

pub mod abi;
mod arguments;
mod charset;
mod failure;
mod functions;
mod options;
mod process;
mod server;
mod settings;
