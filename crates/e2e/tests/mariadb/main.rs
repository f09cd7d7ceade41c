//! The functions for MariaDB and MySQL, as a user of the `mariadb` or `mysql` client sees them.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to. What holds
//! on both servers is tested on both.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

/// Every way to write a call, and how often each runs the function.
mod call_shapes;
/// Errors: each by its real cause, whole, and never a silent NULL.
mod errors;
/// Kills, time limits and shutdown end a waiting call at once, with the server's own error.
mod kill;

mod support;
