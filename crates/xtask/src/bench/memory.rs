//! What a backend that calls keeps to itself.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::Bench;
use super::lab::Lab;

/// Private memory of a backend, beside another one that has called too, after 10,000 calls, above that of one that never called, in MB.
pub fn after_10k(bench: &Bench) -> Result<f64> {
    above_idle(bench, 10_000)
}

/// The same after 1,000,000 calls.
pub fn after_1m(bench: &Bench) -> Result<f64> {
    above_idle(bench, 1_000_000)
}

fn above_idle(bench: &Bench, calls: usize) -> Result<f64> {
    let lab = bench.lab()?;
    let _neighbour = Neighbour::open(lab)?;
    // The same statement without calls: what plpgsql and the executor keep is not ours.
    let idle = private_mb(lab, "SELECT count(*) FROM generate_series(1, 1000);")?;
    let called = private_mb(lab, &format!("SELECT count(*) FROM bench_calls({calls});"))?;
    Ok(called - idle)
}

/// A session that has called and stays: pages of the library's file belong to no backend alone once
/// a second one has it, as on any server in use.
struct Neighbour(Child);

impl Neighbour {
    fn open(lab: &Lab) -> Result<Self> {
        let mut psql = lab
            .psql()
            .arg("-c")
            .arg("SELECT count(*) FROM bench_calls(1000)")
            .arg("-c")
            .arg("SELECT pg_sleep(3600)")
            .into_command()
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = psql.stdout.as_mut().context("psql has no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(line.trim() == "1000", "the neighbour's calls failed");
        Ok(Self(psql))
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        // The server ends the session when the cluster of the figures ends.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a statement in a new session, and reads the backend's private memory while it is open.
pub fn private_mb(lab: &Lab, sql: &str) -> Result<f64> {
    let script = format!(
        "{sql}\nSELECT pg_backend_pid() AS pid \\gset\n\\setenv BACKEND :pid\n\
         \\! grep ^Private_ /proc/$BACKEND/smaps_rollup\n"
    );
    let output = lab.psql().run(&script)?;
    let text = output.stdout_if_ok()?;
    let kilobytes = text
        .lines()
        .filter(|line| line.starts_with("Private_"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok())
        .reduce(|sum, more| sum + more);
    Ok(kilobytes.context("the backend's memory could not be read")? / 1024.0)
}
