//! The SQL contract: objects, call shapes, arguments, results, errors, settings, as a user of psql sees them.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

/// The calls in flight, as another session sees them.
mod activity;
/// Every argument that breaks a rule is refused before anything is sent.
mod arguments;
/// The blog's two functions, as the extension `awslambda_fn`.
mod blog;
/// Every way to write a call in SQL and PL/pgSQL, and how often each runs the function.
mod call_shapes;
/// Where else in SQL a call can stand.
mod contexts;
/// What users made of the extensions survives a dump.
mod dump;
/// Databases that are not in UTF-8.
mod encodings;
/// What the server's environment lacks or has wrong.
mod environments;
/// The table of errors, each by its real cause.
mod errors;
/// The idioms of AWS's pages: a composite as text, arguments one place too early.
mod idioms;
/// Limits that only a superuser sets.
mod limits;
/// Every object of the extensions, down to its last attribute.
mod objects;
/// Two overloads more than AWS has change the meaning of no call.
mod overloads;
/// What goes to a function and comes back is JSON, byte for byte.
mod results;
/// Every statement that AWS's pages print runs as printed.
mod seeds;
/// The settings: names, ranges, who may set them and when, and that they take effect.
mod settings;
/// The counts of calls.
mod statistics;

mod support;
