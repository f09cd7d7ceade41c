//! The local service, called through SQL: signed requests.

use anyhow::Result;

use crate::bench::Bench;
use crate::bench::lab::percentile;

const WARM_CALLS: usize = 1_000;
const COLD_STARTS: usize = 10;

/// Median of a warm call of a Python function, in milliseconds.
pub fn warm_python(bench: &Bench) -> Result<f64> {
    let times = calls(bench, "simple", WARM_CALLS)?;
    percentile(times.into_iter().skip(10).collect(), 0.5)
}

/// Median of a call that starts a new Python process, in milliseconds. A service that has just
/// been started has no process yet.
pub fn cold_python(bench: &Bench) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..COLD_STARTS {
        let mut service = bench.playground()?.new_service(|config| config)?;
        let endpoint = service.endpoint().to_owned();
        times.extend(calls_at(bench, &endpoint, "simple", 1)?);
        service.stop()?;
    }
    percentile(times, 0.5)
}

fn calls(bench: &Bench, function: &str, count: usize) -> Result<Vec<f64>> {
    calls_at(bench, bench.playground()?.service().endpoint(), function, count)
}

/// Milliseconds of each of `count` calls from one session, the connection already made.
fn calls_at(bench: &Bench, endpoint: &str, function: &str, count: usize) -> Result<Vec<f64>> {
    let cluster = bench.playground()?.cluster();
    let database = cluster.create_database()?;
    let script = format!(
        "SET aws_lambda.endpoint_override = '{endpoint}';
         SELECT FROM aws_lambda.invoke('{function}', '{{}}'::json, invocation_type => 'DryRun');
         CREATE TEMP TABLE times (ms float8);
         DO $$ DECLARE begun timestamptz; BEGIN
             FOR i IN 1 .. {count} LOOP
                 begun := clock_timestamp();
                 PERFORM aws_lambda.invoke('{function}', '{{}}'::json);
                 INSERT INTO times VALUES (extract(epoch FROM clock_timestamp() - begun) * 1000);
             END LOOP;
         END $$;
         SELECT ms FROM times;"
    );
    let output = cluster.psql().database(&database).bare().run(&script)?;
    let text = output.stdout_if_ok()?;
    Ok(text.lines().filter_map(|line| line.trim().parse().ok()).collect())
}
