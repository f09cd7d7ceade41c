//! What the figures are measured on: a cluster that calls the echo endpoint, and its peer, boto3
//! inside PostgreSQL.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, Result};
use e2e::{Cluster, Playground, Psql};

use super::peer;
use crate::command;

/// `bench_calls(n)` makes n calls through the extension and gives the microseconds of each;
/// `bench_peer_calls(n)` does the same through the peer.
const SCHEMA: &str = include_str!("schema.sql");

/// One echo endpoint and one cluster for all figures of a run.
pub struct Lab {
    /// Where the calls go.
    pub endpoint: String,
    /// The cluster that makes them.
    pub cluster: Cluster,
    database: String,
    echo: Child,
    /// The endpoint serves until this is closed.
    running: Option<ChildStdin>,
}

impl Lab {
    /// Starts the endpoint and the cluster.
    pub fn open(playground: &Playground) -> Result<Self> {
        let examples = playground.workspace().built().join("examples");
        let mut echo = Command::new(examples.join("echo_endpoint"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the echo endpoint")?;
        let mut endpoint = String::new();
        let stdout = echo.stdout.take().context("the echo endpoint has no output")?;
        BufReader::new(stdout).read_line(&mut endpoint)?;
        let endpoint = endpoint.trim().to_owned();

        let libraries = peer::site_packages()?;
        let cluster = playground.new_cluster(|config| {
            config
                .env("PYTHONPATH", libraries)
                .env("BENCH_ENDPOINT", endpoint.clone())
                // boto3 does not look at AWS_REGION.
                .env("AWS_DEFAULT_REGION", "us-east-1")
                .setting("aws_lambda.endpoint_override", endpoint.clone())
        })?;
        let database = cluster.create_database()?;
        cluster.psql().database(&database).run(SCHEMA)?.stdout_if_ok()?;
        let running = echo.stdin.take();
        Ok(Self { endpoint, cluster, database, echo, running })
    }

    /// A `psql` on the lab's database that prints bare values.
    pub fn psql(&self) -> Psql {
        self.cluster.psql().database(&self.database).bare()
    }

    /// Runs a script and reads the numbers it prints, one a line.
    pub fn numbers(&self, sql: &str) -> Result<Vec<f64>> {
        let output = self.psql().run(sql)?;
        let text = output.stdout_if_ok()?;
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| line.trim().parse().with_context(|| format!("not a number: {line}")))
            .collect()
    }

    /// The median of `count` unsigned exchanges of the same bytes, in microseconds.
    pub fn unsigned_exchange(&self, playground: &Playground, count: usize) -> Result<f64> {
        let program = playground.workspace().built().join("examples/unsigned_exchange");
        let program = program.to_str().context("the target folder's name is not UTF-8")?;
        let output = command::output(program, &[&self.endpoint, &count.to_string()])
            .context("unsigned_exchange failed")?;
        Ok(output.trim().parse()?)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Closing its input is what ends it.
        drop(self.running.take());
        // It has ended, or will with its parent: there is nobody left to tell.
        let _ = self.echo.wait();
    }
}

/// The value below which `fraction` of the values lie.
pub fn percentile(mut values: Vec<f64>, fraction: f64) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a list that is short"
    )]
    let index = ((values.len() as f64 * fraction).ceil() as usize).saturating_sub(1);
    values.get(index).copied().context("nothing was measured")
}
