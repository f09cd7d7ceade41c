//! `cargo xtask memcheck`: a server under valgrind.

use std::process::ExitCode;

use anyhow::{Result, bail};
use e2e::{Lifetime, Profile};

use crate::Server;
use crate::command;
use crate::setup::Purpose;
use crate::{test, up};

/// `cargo xtask memcheck`
pub fn run(server: &Server) -> Result<ExitCode> {
    if command::output("valgrind", &["--version"]).is_none() {
        bail!("this needs valgrind: apt-get install valgrind");
    }
    let started = up::playground(Purpose::Playground, server, Profile::Debug, Lifetime::Owner)?;
    test::ignored(&started, "memcheck", &[])
}
