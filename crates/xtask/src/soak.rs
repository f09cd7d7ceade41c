//! `cargo xtask soak`: very many calls of every kind through the local service.

use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;

use crate::command;
use crate::progress;

/// The arguments of `cargo xtask soak`.
#[derive(Args)]
pub struct Options {
    /// How many calls to make
    #[arg(long, default_value_t = 200_000, value_name = "NUMBER")]
    calls: u32,
    /// Builds the service with optimizations
    #[arg(long)]
    release: bool,
}

/// Runs the test of that name with this many calls; it says how the service is in between.
pub fn run(options: &Options) -> Result<ExitCode> {
    progress::stage(&format!("{} calls through the local service", options.calls));
    let mut test = Command::new("cargo");
    test.args(["test", "--package", "sqlambda", "--test", "soak"])
        .args(options.release.then_some("--release"))
        .args(["--", "--nocapture"])
        .env("SQLAMBDA_SOAK_CALLS", options.calls.to_string());
    command::succeed(test)?;
    Ok(ExitCode::SUCCESS)
}
