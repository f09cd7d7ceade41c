//! What a backend that calls keeps to itself.

use anyhow::{Context as _, Result};

use super::Bench;
use super::lab::Lab;

/// Private memory of a backend after 10,000 calls, above that of one that never called, in MB.
pub fn after_10k(bench: &Bench) -> Result<f64> {
    above_idle(bench, 10_000)
}

/// The same after 1,000,000 calls.
pub fn after_1m(bench: &Bench) -> Result<f64> {
    above_idle(bench, 1_000_000)
}

fn above_idle(bench: &Bench, calls: usize) -> Result<f64> {
    let lab = bench.lab()?;
    // The same statement without calls: what plpgsql and the executor keep is not ours.
    let idle = private_mb(lab, "SELECT count(*) FROM generate_series(1, 1000);")?;
    let called = private_mb(lab, &format!("SELECT count(*) FROM bench_calls({calls});"))?;
    Ok(called - idle)
}

/// Runs a statement in a new session, and reads the backend's private memory while it is open.
fn private_mb(lab: &Lab, sql: &str) -> Result<f64> {
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
