//! Where servers differ: how the library is loaded, what stands before the server, who calls.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

/// A Rust backtrace reaches no client.
mod backtraces;
/// As many sessions as a server has, all at once.
mod connections;
/// Event triggers.
mod event_triggers;
/// Just-in-time compiled expressions around calls.
mod jit;
/// The workers of logical replication call from triggers.
mod logical_replication;
/// Queries that PostgreSQL runs in parallel.
mod parallel;
/// A connection pooler in transaction mode.
mod pgbouncer;
/// The library loaded by the server, by the session, or by the first call.
mod preload;
/// A hot standby.
mod standby;

#[path = "../sql/support.rs"]
#[allow(dead_code, reason = "what the tests of the SQL contract need, and more")]
mod support;
