//! `cargo xtask demo`: the sessions of Amazon's page, run here.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use e2e::{Lifetime, Profile};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Server;
use crate::setup::Purpose;
use crate::transcript::{self, Surprise};
use crate::up::{self, Started};

const DATABASE: &str = "demo";

/// What is shown, one session after the other.
pub const SESSIONS: [&str; 4] = [
    include_str!("../demo/1-install.sql"),
    include_str!("../demo/2-invoke.sql"),
    include_str!("../demo/3-permissions.sql"),
    include_str!("../demo/4-errors.sql"),
];

const CANCELLED_SESSION: &str = include_str!("../demo/5-cancel.sql");

const NEXT: &str = "
All of it ran on this machine: a temporary PostgreSQL, now gone, and functions in examples/functions.
  cargo xtask up                   a database and a service that stay, to try your own
  cargo xtask install --release    the extensions in your own PostgreSQL
  cargo xtask test                 every promise, checked
";

/// Plays the sessions; fails if any statement answers something else than the scripts say.
pub fn run(server: &Server) -> Result<ExitCode> {
    let Started { playground, .. } =
        up::playground(Purpose::Playground, server, Profile::Debug, Lifetime::Owner)?;
    let cluster = playground.cluster();
    cluster.query("postgres", &format!("CREATE DATABASE {DATABASE};"))?;
    let psql = || cluster.psql().database(DATABASE).into_command();

    let mut surprises = Vec::new();
    for session in SESSIONS {
        surprises.extend(transcript::play(psql(), session, DATABASE, |_| ())?);
    }
    surprises.extend(transcript::play(psql(), CANCELLED_SESSION, DATABASE, interrupt_later)?);
    judge(&surprises)?;
    print!("{NEXT}");
    Ok(ExitCode::SUCCESS)
}

/// What Ctrl-C does, a second later.
fn interrupt_later(psql: u32) {
    thread::spawn(move || {
        thread::sleep(Duration::from_secs(1));
        // If it has ended by now, its session tells why.
        let _ = kill(Pid::from_raw(psql.cast_signed()), Signal::SIGINT);
    });
}

fn judge(surprises: &[Surprise]) -> Result<()> {
    if surprises.is_empty() {
        return Ok(());
    }
    let all: Vec<String> = surprises.iter().map(Surprise::to_string).collect();
    bail!("{} answers differ from what the demo says\n\n{}", all.len(), all.join("\n"))
}
