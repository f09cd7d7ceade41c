//! What happens when something goes wrong: cancels, timeouts, crashes, hostile servers, hostile values.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.

/// Cancel, timeout, terminate, shutdown and crashes end a call at once, wherever it is stuck.
mod cancel;

mod support;
