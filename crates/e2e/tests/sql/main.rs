//! The SQL contract: objects, call shapes, arguments, results, errors, settings, as a user of psql sees them.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.

/// Every statement that AWS's pages print runs as printed.
mod seeds;

mod support;
