//! Children that die with the service, also when it is killed with `kill -9`.
#![allow(unsafe_code)]

use tokio::process::Command;

/// Lets the kernel kill the child when the thread that started it ends.
#[cfg(target_os = "linux")]
pub(super) fn die_with_parent(command: &mut Command) {
    let parent = nix::unistd::getpid();
    let before_exec = move || {
        nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
        // The service may have died between the fork and the line above.
        if nix::unistd::getppid() != parent {
            return Err(std::io::Error::from_raw_os_error(nix::libc::ESRCH));
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

/// Only Linux has such a signal; elsewhere children end with the service's orderly stop.
#[cfg(not(target_os = "linux"))]
pub(super) fn die_with_parent(_command: &mut Command) {}
