//! What there is of a service: memory, descriptors, processes.

use std::fmt;
use std::fs;

/// A service at one moment.
#[derive(Debug)]
pub struct Look {
    pub resident_kib: u64,
    pub descriptors: usize,
    /// Its child processes, the guard among them.
    pub children: usize,
    /// Children that have ended and were not waited for.
    pub zombies: usize,
    /// Processes anywhere that carry the functions' marker in their environment.
    pub functions: usize,
}

impl Look {
    /// The service with this process id, whose functions have this `NAME=VALUE` in their environment.
    pub fn at(pid: i32, marker: &str) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let mut look = Self {
            resident_kib: resident.trim().trim_end_matches(" kB").parse().unwrap(),
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(),
            children: 0,
            zombies: 0,
            functions: 0,
        };
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            look.count(&entry.path(), pid, marker);
        }
        look
    }

    fn count(&mut self, process: &std::path::Path, service: i32, marker: &str) {
        // Processes may end while they are looked at.
        let Ok(stat) = fs::read_to_string(process.join("stat")) else { return };
        // After the name, which may hold anything: the state and the parent.
        let Some((_, rest)) = stat.rsplit_once(") ") else { return };
        let mut fields = rest.split(' ');
        let (state, parent) = (fields.next(), fields.next());
        if parent == Some(service.to_string().as_str()) {
            self.children += 1;
            self.zombies += usize::from(state == Some("Z"));
        }
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        let carries = environment.split(|byte| *byte == 0).any(|one| one == marker.as_bytes());
        self.functions += usize::from(carries);
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.1} MB resident, {} descriptors, {} processes of functions, {} zombies",
            self.resident_kib as f64 / 1024.0,
            self.descriptors,
            self.functions,
            self.zombies
        )
    }
}
