//! Calls on MariaDB.

use anyhow::{Context as _, Result};
use e2e::{Brand, MariaDb};

use super::Bench;
use super::lab::{Lab, percentile};

/// Enough for a stable median; the first calls are not warm.
const WARM_CALLS: usize = 10_000;

/// What is compared on a busy machine is compared in turn.
const ROUNDS: usize = 5;

/// New sessions, for what their first call takes.
const NEW_SESSIONS: usize = 60;

/// `bench_calls(n)` leaves the microseconds of each of n calls in `times`, taken in the server
/// around each call, so that no client and no network to it is measured.
const SCHEMA: &str = "
    CREATE DATABASE bench; USE bench;
    CREATE TABLE times (us int) ENGINE = MEMORY;
    DELIMITER //
    CREATE PROCEDURE bench_calls(calls int) BEGIN
        DECLARE begun datetime(6);
        DECLARE answer longtext;
        DELETE FROM times;
        WHILE calls > 0 DO
            SET begun = SYSDATE(6);
            SET answer = lambda_sync('echo', '{\"body\": \"Hello from MariaDB!\"}');
            INSERT INTO times VALUES (TIMESTAMPDIFF(MICROSECOND, begun, SYSDATE(6)));
            SET calls = calls - 1;
        END WHILE;
    END //
    DELIMITER ;";

/// One statement that calls, with the time taken in the server around the call.
const TIMED_CALL: &str = "SET @begun = SYSDATE(6),
        @answer = lambda_sync('echo', '{\"body\": \"Hello from MariaDB!\"}'), @ended = SYSDATE(6);
    SELECT TIMESTAMPDIFF(MICROSECOND, @begun, @ended);";

/// A session that has called before, idle for about as long as a client takes to open a new one:
/// processors that have slept wake slowly, whoever calls.
const CALLED_BEFORE: &str = "SET @answer = lambda_sync('echo', '1'); DO SLEEP(0.02);";

/// Median of a warm call of `lambda_sync`, over the median of an unsigned exchange of the same
/// run: the median of rounds in turn, so that both see the same machine.
pub fn warm_over_unsigned(bench: &Bench) -> Result<f64> {
    let lab = bench.lab()?;
    let server = server(bench, lab)?;
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let unsigned = lab.unsigned_exchange(bench.playground()?, WARM_CALLS / ROUNDS)?;
        ratios.push(warm_call(&server, WARM_CALLS / ROUNDS)? / unsigned);
    }
    percentile(ratios, 0.5)
}

/// Median of a warm call of `lambda_sync`, in microseconds.
pub fn warm(bench: &Bench) -> Result<f64> {
    warm_call(&server(bench, bench.lab()?)?, WARM_CALLS)
}

/// Median of the first call in a new session, over that of a call in a session that has called
/// before.
pub fn first_over_warm(bench: &Bench) -> Result<f64> {
    let server = server(bench, bench.lab()?)?;
    let (mut first, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..NEW_SESSIONS {
        first.extend(numbers(&server, TIMED_CALL)?);
        warm.extend(numbers(&server, &format!("{CALLED_BEFORE}{TIMED_CALL}"))?);
    }
    Ok(percentile(first, 0.5)? / percentile(warm, 0.5)?)
}

/// A server that calls the echo endpoint, its connection already made.
fn server(bench: &Bench, lab: &Lab) -> Result<MariaDb> {
    let endpoint = lab.endpoint.clone();
    let server = bench
        .playground()?
        .new_mariadb(Brand::MariaDb, |config| config.env("AWS_ENDPOINT_URL_LAMBDA", endpoint))?;
    server.query("mysql", SCHEMA)?;
    warm_call(&server, 100)?;
    Ok(server)
}

fn warm_call(server: &MariaDb, calls: usize) -> Result<f64> {
    let sql = format!("CALL bench_calls({calls}); SELECT us FROM times;");
    percentile(numbers(server, &sql)?, 0.5)
}

fn numbers(server: &MariaDb, sql: &str) -> Result<Vec<f64>> {
    let text = server.query("bench", sql)?;
    let number = |line: &str| line.trim().parse().with_context(|| format!("not a number: {line}"));
    text.lines().map(number).collect()
}
