//! How much memory a process uses.

use std::fs::File;
use std::io::Read as _;

use nix::unistd::Pid;

/// The largest resident size the process has had, in KiB; nothing where the system does not say.
pub(super) fn peak_kib(pid: Pid) -> Option<u64> {
    status_field(pid.as_raw(), "VmHWM:")
}

/// The resident size of the process and its descendants now, in KiB.
pub(super) fn resident_kib(pid: Pid) -> u64 {
    let mut total = 0;
    let mut to_visit = vec![pid.as_raw()];
    while let Some(pid) = to_visit.pop() {
        total += status_field(pid, "VmRSS:").unwrap_or(0);
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        to_visit.extend(
            children
                .unwrap_or_default()
                .split_whitespace()
                .filter_map(|pid| pid.parse::<i32>().ok()),
        );
    }
    total
}

fn status_field(pid: i32, field: &str) -> Option<u64> {
    // In one read, because every call asks: `read_to_string` would begin with 32 bytes.
    let mut buffer = [0; 4096];
    let count = File::open(format!("/proc/{pid}/status")).ok()?.read(&mut buffer).ok()?;
    let status = std::str::from_utf8(&buffer[..count]).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory() {
        let pid = Pid::this();
        assert!(resident_kib(pid) > 100);
        assert!(peak_kib(pid).unwrap() > 100);
    }
}
