//! The SQL contract: objects, call shapes, arguments, results, errors, settings, as a user of psql sees them.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.

/// Every way to write a call in SQL and PL/pgSQL, and how often each runs the function.
mod call_shapes;
/// Two overloads more than AWS has change the meaning of no call.
mod overloads;
/// Every statement that AWS's pages print runs as printed.
mod seeds;

mod support;
