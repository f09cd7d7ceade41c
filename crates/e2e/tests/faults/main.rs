//! What happens when something goes wrong: cancels, timeouts, crashes, hostile servers, hostile values.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.
