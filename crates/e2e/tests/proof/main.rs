//! Many calls from one statement, against the plain statements that they stand for.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to. What goes
//! wrong while calls are in flight is tested in `faults`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

/// What batches look like on the wire, and answers that are none.
mod batches;
/// As whom a query runs, what it sees of the statement around it, and where that may stand.
mod callers;
/// Every mix of order, errors, sizes and batches gives what a call for each row gives.
mod naive;
/// A query is allowed and refused what `query_to_xml` allows and refuses.
mod queries;
/// A statement reads, sends and holds no more than it needs.
mod streaming;

mod support;
