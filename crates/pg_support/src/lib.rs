//! PostgreSQL glue shared by the extensions: waiting, arguments, results, encodings.
//!
//! This crate is the fence around `unsafe`: what it offers is safe to call from a backend's main
//! thread, and says so where a caller must promise more.

#![allow(unsafe_code)]

#[cfg(not(panic = "unwind"))]
compile_error!("errors cross Rust frames by unwinding: build with panic = \"unwind\"");

pub mod arguments;
pub mod encoding;
pub mod io_thread;
pub mod placeholder;
pub mod record;
pub mod rows;
pub mod session;
pub mod shared;
mod wait;

pub use arguments::Arguments;
pub use record::Record;
