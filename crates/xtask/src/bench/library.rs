//! What the extension weighs: its library, and making the extension in a database.

use anyhow::{Context as _, Result};

use super::Bench;
use super::lab::percentile;
use crate::package;

/// Databases in which the extension is made.
const DATABASES: usize = 30;

/// Size of the library as packages ship it, stripped, in megabytes (1,048,576 bytes).
pub fn size(bench: &Bench) -> Result<f64> {
    let playground = bench.playground()?;
    let major = playground.cluster().install().config.major;
    let library = playground.workspace().extension_library("aws_lambda", major);
    let bytes = u32::try_from(package::stripped(&library)?.len())?;
    Ok(f64::from(bytes) / f64::from(1 << 20))
}

/// Median time of `CREATE EXTENSION aws_lambda CASCADE` in a new database, by a session that has not
/// loaded the library, in milliseconds as psql counts them.
pub fn create_extension(bench: &Bench) -> Result<f64> {
    let cluster = bench.playground()?.cluster();
    let sql = "\\timing on\nCREATE EXTENSION aws_lambda CASCADE;\n";
    let times = (0..DATABASES).map(|_| {
        let database = cluster.create_plain_database()?;
        let output = cluster.psql().database(&database).bare().run(sql)?;
        let text = output.stdout_if_ok()?;
        cluster.query("postgres", &format!("DROP DATABASE {database}"))?;
        let time = text.lines().find_map(|line| line.strip_prefix("Time: ")).context("no time")?;
        Ok(time.split(' ').next().unwrap_or_default().parse()?)
    });
    percentile(times.collect::<Result<_>>()?, 0.5)
}
