//! Many calls from one statement.

use anyhow::{Context as _, Result};

use super::Bench;
use super::lab::{Lab, percentile};
use super::memory::private_mb;

/// Calls of a function that takes 20 ms, and how many are in flight.
const SLOW_CALLS: u32 = 1_000;
const IN_FLIGHT: u32 = 64;
const SLOW_SECONDS: f64 = 0.020;

const ROUNDS: usize = 3;

/// What the calls of a slow function take, over the least that so many in flight can take.
pub fn over_ideal(bench: &Bench) -> Result<f64> {
    let ideal = f64::from(SLOW_CALLS) / f64::from(IN_FLIGHT) * SLOW_SECONDS;
    Ok(slow_calls(bench.lab()?)? / ideal)
}

/// What the same calls take one after the other, over what they take at once.
pub fn over_lateral(bench: &Bench) -> Result<f64> {
    let lab = bench.lab()?;
    let one_by_one = seconds(
        lab,
        &format!(
            "SELECT count(*) FROM generate_series(1, {SLOW_CALLS}) n,
             LATERAL aws_lambda.invoke('after-20ms', to_json(n))"
        ),
        1,
    )?;
    Ok(one_by_one / slow_calls(lab)?)
}

fn slow_calls(lab: &Lab) -> Result<f64> {
    let calls = format!(
        "SELECT count(*) FROM aws_lambda.invoke_many('after-20ms',
             ARRAY(SELECT to_json(n) FROM generate_series(1, {SLOW_CALLS}) n),
             max_concurrency => {IN_FLIGHT})"
    );
    seconds(lab, &calls, ROUNDS)
}

/// Rows per second in batches of 500 to an echo.
pub fn batched_rows(bench: &Bench) -> Result<f64> {
    let rows = 100_000;
    let calls = format!(
        "SELECT count(payload) FROM aws_lambda.invoke_query('echo',
             'SELECT n FROM generate_series(1, {rows}) n', batch_size => 500)"
    );
    Ok(f64::from(rows) / seconds(bench.lab()?, &calls, ROUNDS)?)
}

/// Calls per second of one statement to an echo, a row in each.
pub fn single_calls(bench: &Bench) -> Result<f64> {
    let calls = 20_000;
    let statement = format!(
        "SELECT count(payload) FROM aws_lambda.invoke_query('echo',
             'SELECT n FROM generate_series(1, {calls}) n', max_concurrency => {IN_FLIGHT})"
    );
    Ok(f64::from(calls) / seconds(bench.lab()?, &statement, ROUNDS)?)
}

/// Private memory of a session after a statement of 1,000,000 rows, above that after one of 10,000,
/// in MB.
pub fn memory(bench: &Bench) -> Result<f64> {
    let lab = bench.lab()?;
    let after = |rows: u32| {
        private_mb(
            lab,
            &format!(
                "SELECT count(payload) FROM aws_lambda.invoke_query('echo',
                     'SELECT n FROM generate_series(1, {rows}) n', batch_size => 500);"
            ),
        )
    };
    Ok(after(1_000_000)? - after(10_000)?)
}

/// Seconds that a statement takes in a session that has called before: the median of rounds.
fn seconds(lab: &Lab, statement: &str, rounds: usize) -> Result<f64> {
    let warm_up = "SELECT count(*) FROM aws_lambda.invoke_many('echo',
        ARRAY(SELECT to_json(n) FROM generate_series(1, 500) n), max_concurrency => 64);";
    let measured = format!("\\timing on\n{statement};\n\\timing off\n").repeat(rounds);
    let output = lab.psql().run(&format!("{warm_up}\n{measured}"))?;
    let text = output.stdout_if_ok()?;
    let times = text.lines().filter_map(|line| line.strip_prefix("Time: "));
    let times: Vec<f64> = times.filter_map(|time| time.split(' ').next()?.parse().ok()).collect();
    Ok(percentile(times, 0.5).context("psql told no time")? / 1000.0)
}
