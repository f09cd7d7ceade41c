//! What happens when something goes wrong: cancels, timeouts, crashes, hostile servers, hostile values.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.

/// Cancel, timeout, terminate, shutdown and crashes end a call at once, wherever it is stuck.
mod cancel;
/// One session's calls share a connection, and a connection that dies never runs a function twice.
mod keepalive;
/// No call leaves a thread, a descriptor, memory, a process or a wake-up behind.
mod leaks;

mod support;
