//! Ctrl-C and SIGTERM: everything that was started ends, then we do.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Result;

/// What a shell says of a program that Ctrl-C ended.
const EXIT_CODE: i32 = 130;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Handles the signals from now on. They unwind nothing: without this, servers would stay behind.
pub fn handle() -> Result<()> {
    ctrlc::set_handler(|| {
        INTERRUPTED.store(true, Ordering::SeqCst);
        eprintln!("\ninterrupted: ending what was started");
        e2e::end_everything();
        process::exit(EXIT_CODE);
    })?;
    Ok(())
}

/// Stays here until an interrupt ends the process.
pub fn wait() {
    loop {
        thread::park();
    }
}

/// Stays here if we were interrupted, until the handler has ended the process: what was running
/// failed because it was ended, and there is nothing to be said about that.
pub fn wait_if_interrupted() {
    while INTERRUPTED.load(Ordering::SeqCst) {
        thread::park();
    }
}
