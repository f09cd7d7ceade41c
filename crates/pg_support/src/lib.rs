//! PostgreSQL glue shared by the extensions: waiting, arguments, results, encodings.
//!
//! This crate is the fence around `unsafe`: what it offers is safe to call from a backend's main
//! thread, and says so where a caller must promise more.

#![allow(unsafe_code)]

#[cfg(not(panic = "unwind"))]
compile_error!("errors cross Rust frames by unwinding: build with panic = \"unwind\"");

pub mod arguments;
pub mod array;
pub mod caller;
pub mod encoding;
pub mod io_thread;
pub mod memory;
pub mod placeholder;
pub mod query;
mod query_json;
mod query_receiver;
pub mod queue;
pub mod record;
pub mod row_scan;
pub mod rows;
pub mod session;
pub mod shared;
pub mod stream;
mod wait;

pub use arguments::Arguments;
pub use record::Record;
