//! What a child does for itself between fork and exec.
#![allow(unsafe_code)]

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::process::Command;

use crate::connections::FUNCTION_DESCRIPTORS;

/// Gives the child as many descriptors as AWS does, rather than the many that the service has.
pub(super) fn limit_descriptors(command: &mut Command) {
    let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let soft = FUNCTION_DESCRIPTORS.min(hard);
    // SAFETY: the closure runs in the child between fork and exec, where only async-signal-safe
    // calls are allowed. It makes one system call, setrlimit(2), with two captured numbers; it
    // allocates nothing (an errno is stored in place in `io::Error`) and takes no lock.
    unsafe {
        command.pre_exec(move || {
            setrlimit(Resource::RLIMIT_NOFILE, soft, hard).map_err(io::Error::from)
        });
    }
}

/// Lets the kernel kill the child when the thread that started it ends, also by `kill -9`.
#[cfg(target_os = "linux")]
pub(super) fn die_with_parent(command: &mut Command) {
    let parent = nix::unistd::getpid();
    let before_exec = move || {
        nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
        // The service may have died between the fork and the line above.
        if nix::unistd::getppid() != parent {
            return Err(io::Error::from_raw_os_error(nix::libc::ESRCH));
        }
        Ok(())
    };
    // SAFETY: the closure runs in the child between fork and exec, where only async-signal-safe
    // calls are allowed. It makes two, prctl(2) and getppid(2), allocates nothing (an errno is
    // stored in place in `io::Error`), takes no lock and touches no memory of the parent but its
    // own captured number.
    unsafe {
        command.pre_exec(before_exec);
    }
}

/// Only Linux has such a signal; elsewhere the guard ends the children.
#[cfg(not(target_os = "linux"))]
pub(super) fn die_with_parent(_command: &mut Command) {}
