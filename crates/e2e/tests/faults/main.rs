//! What happens when something goes wrong: cancels, timeouts, crashes, hostile servers, hostile values.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

/// Functions of a statement that is ended, or whose service is, have run once at most.
mod at_most_once;
/// Cancel, timeout, terminate, shutdown and crashes end a call at once, wherever it is stuck.
mod cancel;
/// What is wrong with the arguments of many calls is refused before anything is done.
mod hostile_options;
/// Whatever a peer answers, or fails to, is a clear error and bounded memory.
mod hostile_service;
/// Whatever a setting is set to, no request goes where the superuser did not send it.
mod hostile_settings;
/// Whatever a caller passes is a clear error, and leads no request astray.
mod hostile_values;
/// The same, with 64 calls of one statement in flight.
mod in_flight;
/// One session's calls share a connection, and a connection that dies never runs a function twice.
mod keepalive;
/// No call leaves a thread, a descriptor, memory, a process or a wake-up behind.
mod leaks;
/// What is known not to have run is tried again, within the call's budget; nothing else is.
mod retries;
/// Calls from many sessions, and from wherever in a transaction SQL can stand.
mod sessions;

mod support;
