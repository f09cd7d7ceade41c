//! What a started process does to itself between fork and exec: the crate's only unsafe code.
#![allow(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::Signal;

/// Makes the process leader of its own session, so that it outlives this one and its terminal.
pub(crate) fn in_own_session(command: &mut Command) {
    // SAFETY: the closure runs in the forked child, where only async-signal-safe calls are allowed:
    // setsid(2) is one, and neither it nor turning its errno into an io::Error allocates.
    unsafe {
        command.pre_exec(|| nix::unistd::setsid().map(drop).map_err(Into::into));
    }
}

/// Has the kernel send `signal` to the process when the thread that starts it ends.
///
/// Set here and not by the parent because a change of user, which comes before, would clear it.
#[cfg(target_os = "linux")]
pub(crate) fn ends_with_parent(command: &mut Command, signal: Signal) {
    // SAFETY: the closure runs in the forked child, where only async-signal-safe calls are allowed:
    // prctl(2) is a plain system call, and nothing here allocates or takes a lock.
    unsafe {
        command.pre_exec(move || nix::sys::prctl::set_pdeathsig(signal).map_err(Into::into));
    }
}

/// Other systems have no such call: there only an orderly end stops what was started.
#[cfg(not(target_os = "linux"))]
pub(crate) fn ends_with_parent(_command: &mut Command, _signal: Signal) {}
