//! The use cases in `examples/`, end to end: the README of each is run as it stands, and what it
//! leaves in the database and in the AWS services is looked at.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

/// Reading a Kinesis stream from SQL.
mod external_data;
/// A metric for every new row.
mod instrumentation;
/// Every new row into S3, by Firehose.
mod outbound_streaming;
/// A function that connects to the database that calls it.
mod write_back;

/// A running example, and clients to look at it with.
mod support;
