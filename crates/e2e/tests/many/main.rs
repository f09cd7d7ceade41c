//! Many calls from one statement: `invoke_many` and `invoke_query`.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

/// Arrays and envelopes, how they close, and what wrong answers say.
mod batches;
/// Cancel, timeouts, closed cursors and errors abandon everything in flight.
mod endings;
/// What a failed call does.
mod errors;
/// Memory does not grow with the rows.
mod memory;
/// Signatures, arguments, rights, results.
mod overloads;
/// The query of `invoke_query`.
mod queries;
/// Rows come as they are asked for, wherever the call stands.
mod streaming;
/// 429 slows down instead of failing.
mod throttling;

#[path = "../sql/support.rs"]
#[allow(dead_code, reason = "what the tests of the SQL contract need, and more")]
mod support;
