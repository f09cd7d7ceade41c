//! Warm calls, first calls, many sessions.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::Bench;
use super::lab::{Lab, percentile};
use crate::command;

/// Enough for a stable median; the first calls of a session are not warm.
const WARM_CALLS: usize = 20_000;
const PEER_CALLS: usize = 2_000;

/// Calls that are only counted, not made.
const COUNTED_CALLS: &str = "2000000";

/// What is compared on a busy machine is compared in turn.
const ROUNDS: usize = 5;

/// Sessions at once, and what each does.
const SESSIONS: usize = 8;
const CALLS_PER_SESSION: usize = 5_000;
const PEER_CALLS_PER_SESSION: usize = 500;

/// New sessions, for what their first statement takes.
const NEW_SESSIONS: usize = 60;

/// Median of an unsigned exchange of the same bytes, in microseconds: the floor.
pub fn unsigned(bench: &Bench) -> Result<f64> {
    bench.lab()?.unsigned_exchange(bench.playground()?, WARM_CALLS)
}

/// Median of a call through the peer, in microseconds.
pub fn peer(bench: &Bench) -> Result<f64> {
    median(bench, &format!("SELECT * FROM bench_peer_calls({PEER_CALLS});"))
}

/// Median of a warm call, in microseconds.
pub fn warm(bench: &Bench) -> Result<f64> {
    median(bench, &format!("SELECT * FROM bench_calls({WARM_CALLS});"))
}

/// Median of a warm call, over the median of an unsigned exchange of the same bytes: the median of
/// rounds in turn, so that both see the same machine.
pub fn warm_over_unsigned(bench: &Bench) -> Result<f64> {
    let lab = bench.lab()?;
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let unsigned = lab.unsigned_exchange(bench.playground()?, WARM_CALLS / ROUNDS)?;
        let sql = format!("SELECT * FROM bench_calls({});", WARM_CALLS / ROUNDS);
        ratios.push(median(bench, &sql)? / unsigned);
    }
    percentile(ratios, 0.5)
}

/// Median of a warm call, over the peer's.
pub fn warm_over_peer(bench: &Bench) -> Result<f64> {
    Ok(warm(bench)? / peer(bench)?)
}

/// What it takes to count a call, over the median of a warm call.
pub fn statistics_over_warm(bench: &Bench) -> Result<f64> {
    let program = bench.workspace.built().join("examples/statistics_cost");
    let program = program.to_str().context("the target folder's name is not UTF-8")?;
    let cost = command::output(program, &[COUNTED_CALLS]).context("statistics_cost failed")?;
    Ok(cost.trim().parse::<f64>()? / warm(bench)?)
}

fn median(bench: &Bench, sql: &str) -> Result<f64> {
    percentile(bench.lab()?.numbers(sql)?, 0.5)
}

/// What the first call of a new session takes more than `SELECT 1` in a new session, in
/// milliseconds: the library is loaded, the thread started, the configuration read, the
/// connection opened.
pub fn first_call(bench: &Bench) -> Result<f64> {
    let lab = bench.lab()?;
    let call = "SELECT status_code FROM aws_lambda.invoke('echo', '{}'::json);";
    let mut calls = Vec::new();
    let mut plain = Vec::new();
    // In turn, so that both see the same machine.
    for _ in 0..NEW_SESSIONS {
        calls.push(first_statement(lab, call)?);
        plain.push(first_statement(lab, "SELECT 1;")?);
    }
    Ok(percentile(calls, 0.5)? - percentile(plain, 0.5)?)
}

/// Milliseconds that psql counts for the first statement of a new session.
fn first_statement(lab: &Lab, sql: &str) -> Result<f64> {
    let output = lab.psql().run(&format!("\\timing on\n{sql}\n"))?;
    let text = output.stdout_if_ok()?;
    let time = text.lines().find_map(|line| line.strip_prefix("Time: ")).context("no time")?;
    Ok(time.split(' ').next().unwrap_or_default().parse()?)
}

/// Calls per second of 8 sessions at once, over those of the peer.
pub fn sessions_over_peer(bench: &Bench) -> Result<f64> {
    let lab = bench.lab()?;
    let ours = rate(lab, "bench_calls", CALLS_PER_SESSION)?;
    let peer = rate(lab, "bench_peer_calls", PEER_CALLS_PER_SESSION)?;
    Ok(ours / peer)
}

/// Calls per second of 8 sessions at once.
pub fn sessions(bench: &Bench) -> Result<f64> {
    rate(bench.lab()?, "bench_calls", CALLS_PER_SESSION)
}

fn rate(lab: &Lab, function: &str, calls: usize) -> Result<f64> {
    let warm_up = format!("SELECT count(*) FROM {function}(10)");
    let measured = format!(
        "SELECT extract(epoch FROM clock_timestamp()); SELECT count(*) FROM {function}({calls}); \
         SELECT extract(epoch FROM clock_timestamp())"
    );
    let begin = Instant::now();
    let sessions: Vec<_> = (0..SESSIONS)
        .map(|_| {
            let mut psql =
                lab.psql().arg("-c").arg(&warm_up).arg("-c").arg(&measured).into_command();
            psql.stdout(Stdio::piped()).spawn()
        })
        .collect::<Result<_, _>>()?;
    let (mut first, mut last) = (f64::MAX, 0.0_f64);
    for session in sessions {
        let output = session.wait_with_output()?;
        ensure!(output.status.success(), "a session failed after {:?}", begin.elapsed());
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> = text.lines().filter_map(|line| line.parse().ok()).collect();
        let [_, begun, _, ended] = numbers[..] else { anyhow::bail!("unexpected output: {text}") };
        (first, last) = (first.min(begun), last.max(ended));
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand calls")]
    Ok((SESSIONS * calls) as f64 / (last - first))
}
