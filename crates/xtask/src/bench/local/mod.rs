//! The local service: by itself, and beside AWS's emulator and `ministack` in the same run.

mod client;
mod create;
mod peers;
mod race;
mod service;
pub mod sql;

pub use self::race::Race;

use anyhow::Result;

use super::Bench;
use super::figure::{Figure, Target};

/// The figures that need no database.
pub const FIGURES: &[Figure] = &[
    figure("local_http_ready", "ms", Target::AtMost(50.0), service::ready),
    figure(
        "local_http_idle_connection_memory",
        "KB",
        Target::AtMost(32.0),
        service::idle_connection,
    ),
    figure("local_http_warm_python_p50", "ms", Target::AtMost(1.5), |bench| {
        ours(bench, "warm python")
    }),
    figure("local_http_warm_node_p50", "ms", Target::AtMost(3.0), |bench| ours(bench, "warm node")),
    figure("local_http_warm_bootstrap_p50", "ms", Target::None, |bench| {
        ours(bench, "warm bootstrap")
    }),
    figure("local_http_cold_python_p50", "ms", Target::AtMost(120.0), |bench| {
        ours(bench, "cold python")
    }),
    figure("local_http_cold_node_p50", "ms", Target::AtMost(200.0), |bench| {
        ours(bench, "cold node")
    }),
    figure("local_http_cold_bootstrap_p50", "ms", Target::AtMost(15.0), |bench| {
        ours(bench, "cold bootstrap")
    }),
    figure("local_http_python_calls_per_second", "calls/s", Target::AtLeast(2_000.0), |bench| {
        ours(bench, "rate python")
    }),
    figure("local_http_create_to_active_p50", "ms", Target::AtMost(100.0), |bench| {
        ours(bench, "create")
    }),
    figure("rie_over_local_http_warm_python", "ratio", Target::None, |bench| {
        rie(bench, "warm python")
    }),
    figure("rie_over_local_http_warm_node", "ratio", Target::None, |bench| rie(bench, "warm node")),
    figure("rie_over_local_http_warm_bootstrap", "ratio", Target::None, |bench| {
        rie(bench, "warm bootstrap")
    }),
    figure("rie_over_local_http_cold_python", "ratio", Target::None, |bench| {
        rie(bench, "cold python")
    }),
    figure("rie_over_local_http_cold_node", "ratio", Target::None, |bench| rie(bench, "cold node")),
    figure("rie_over_local_http_cold_bootstrap", "ratio", Target::None, |bench| {
        rie(bench, "cold bootstrap")
    }),
    figure("ministack_over_local_http_warm_python", "ratio", Target::None, |bench| {
        ministack(bench, "warm python")
    }),
    figure("ministack_over_local_http_warm_node", "ratio", Target::None, |bench| {
        ministack(bench, "warm node")
    }),
    figure("ministack_over_local_http_warm_bootstrap", "ratio", Target::None, |bench| {
        ministack(bench, "warm bootstrap")
    }),
    figure("ministack_over_local_http_cold_python", "ratio", Target::None, |bench| {
        ministack(bench, "cold python")
    }),
    figure("ministack_over_local_http_cold_node", "ratio", Target::None, |bench| {
        ministack(bench, "cold node")
    }),
    figure("ministack_over_local_http_cold_bootstrap", "ratio", Target::None, |bench| {
        ministack(bench, "cold bootstrap")
    }),
    figure("local_http_over_ministack_calls_per_second", "ratio", Target::None, |bench| {
        Ok(1.0 / ministack(bench, "rate python")?)
    }),
    figure("ministack_over_local_http_create_to_active", "ratio", Target::None, |bench| {
        ministack(bench, "create")
    }),
];

const fn figure(
    name: &'static str,
    unit: &'static str,
    target: Target,
    run: fn(&Bench) -> Result<f64>,
) -> Figure {
    Figure { name, unit, target, run }
}

fn ours(bench: &Bench, what: &str) -> Result<f64> {
    bench.race()?.of("local", what)
}

fn rie(bench: &Bench, what: &str) -> Result<f64> {
    Ok(bench.race()?.of("rie", what)? / ours(bench, what)?)
}

fn ministack(bench: &Bench, what: &str) -> Result<f64> {
    Ok(bench.race()?.of("ministack", what)? / ours(bench, what)?)
}
