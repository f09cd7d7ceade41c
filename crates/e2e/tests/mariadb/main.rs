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
/// A real replica: by rows it gets what the function answered; by statements it calls again.
mod replication;
/// What goes to a function and comes back, byte for byte: character sets, types, sizes.
mod results;
/// `install.sql`, `uninstall.sql` and `grants.sql`, as users run them.
mod scripts;
/// No secret reaches an error, the processlist, the server's log or its command line.
mod secrets;
/// Many sessions and many calls in one server: what they share, and what they leave behind.
mod sessions;
/// The settings file: what it sets, when it is read, and whom it must be closed to.
mod settings;

mod support;
