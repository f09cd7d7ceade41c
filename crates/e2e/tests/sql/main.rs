//! The SQL contract: objects, call shapes, arguments, results, errors, settings, as a user of psql sees them.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.
