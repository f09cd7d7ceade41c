//! SQL calls AWS Lambda functions, on MariaDB and MySQL: one library of loadable functions (UDFs).
//!
//! `sql/install.sql` declares them. Each call goes [`abi`] (what the server calls), [`functions`]
//! (what the call means), [`process`] (the connections that all sessions share); [`server`] is what
//! the library asks of the server in return: raising an error, and whether the statement was killed.
//!
//! It is a thin layer of our own rather than the crate `udf`: that has no way to raise an error for
//! a row (the row would be NULL), lets a panic reach the server's C++ frames, panics itself on a
//! message of more than 511 bytes, and tells nothing of kills and character sets.

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
