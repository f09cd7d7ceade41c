//! How soon a cancel is seen.

use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Bench;
use super::lab::{Lab, percentile};

const CANCELS: usize = 200;

/// 99th percentile of the time from `pg_cancel_backend` to the error in the waiting session, in
/// milliseconds.
pub fn latency(bench: &Bench) -> Result<f64> {
    let lab = bench.lab()?;
    lab.psql().run("TRUNCATE bench_sent, bench_caught")?.stdout_if_ok()?;
    let endpoint = bench.playground()?.service().endpoint();
    let wait = format!("SELECT bench_wait_for_cancels({CANCELS}, '{endpoint}')");
    let mut waiter = lab
        .psql()
        .env("PGAPPNAME", "bench_waiter")
        .arg("-c")
        .arg(wait)
        .into_command()
        .stdout(Stdio::null())
        .spawn()?;
    let pid = waiting_backend(lab)?;
    lab.psql().run(&format!("SELECT bench_send_cancels({CANCELS}, {pid})"))?.stdout_if_ok()?;
    ensure!(waiter.wait()?.success(), "the waiting session failed");
    let latencies = lab.numbers(
        "SELECT extract(epoch FROM caught.at - sent.at) * 1000 \
         FROM bench_sent sent JOIN bench_caught caught USING (number)",
    )?;
    ensure!(latencies.len() == CANCELS, "{} of {CANCELS} cancels were seen", latencies.len());
    percentile(latencies, 0.99)
}

/// The process that waits for a function's answer.
fn waiting_backend(lab: &Lab) -> Result<u32> {
    for _ in 0..500 {
        let output = lab.psql().run(
            "SELECT pid FROM pg_stat_activity \
             WHERE application_name = 'bench_waiter' AND wait_event_type = 'Extension'",
        )?;
        if let Ok(pid) = output.stdout_if_ok()?.trim().parse() {
            return Ok(pid);
        }
        sleep(Duration::from_millis(10));
    }
    None.context("the session never waited for its function")
}
