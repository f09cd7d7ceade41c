//! The security gate: what PostgreSQL's manual asks of extensions, and a linter that looks for it.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

/// Objects that others put in the way, under the names that scripts and functions use.
mod hostile_objects;
/// `pgspot` finds nothing in any script.
mod pgspot;

#[path = "../sql/support.rs"]
#[allow(dead_code, reason = "what the tests of the SQL contract need, and more")]
mod support;
