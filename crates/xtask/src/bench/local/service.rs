//! The service itself: until it is ready, and what a client costs that says nothing.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::bench::Bench;
use crate::bench::lab::percentile;

const STARTS: usize = 20;
/// With 20,000 descriptors the service takes 10,000 and closes those that come before one more.
const CONNECTIONS: u32 = 9_900;

/// A running service that is the figure's own. Ended when dropped.
pub struct Service {
    child: Child,
    /// Where it listens.
    pub address: String,
}

impl Service {
    /// Serves a folder, or nothing yet, to everyone, and waits until it says that it does.
    pub fn start(program: &Path, folder: Option<&Path>) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["local", "--ephemeral", "--no-auth", "--listen", "127.0.0.1:0"]);
        // What functions log is of no interest, and nobody would read it.
        command.args(["--log-level", "error"]).args(folder);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("no output")?;
        let mut service = Self { child, address: String::new() };
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if let Some(address) = line.strip_prefix("export AWS_ENDPOINT_URL_LAMBDA=http://") {
                service.address = address.to_owned();
            }
            // The last line: before it, the output must not be closed.
            if line.starts_with("export AWS_REGION=") {
                return Ok(service);
            }
        }
        anyhow::bail!("{} local did not start", program.display())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Median of the milliseconds from starting the program to being able to call it.
pub fn ready(bench: &Bench) -> Result<f64> {
    let functions = bench.workspace.root.join("examples/functions");
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let begin = Instant::now();
        let service = Service::start(&bench.workspace.sqlambda(), Some(&functions))?;
        TcpStream::connect(&service.address)?;
        times.push(begin.elapsed().as_secs_f64() * 1_000.0);
    }
    percentile(times, 0.5)
}

/// Kilobytes for each of nearly 10,000 connections that have made a request and are silent since.
pub fn idle_connection(bench: &Bench) -> Result<f64> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let functions = bench.workspace.root.join("examples/functions");
    let service = Service::start(&bench.workspace.sqlambda(), Some(&functions))?;
    let before = resident_kilobytes(service.child.id())?;
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(&service.address)?;
        stream.write_all(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let mut answer = [0; 512];
        let count = stream.read(&mut answer)?;
        ensure!(answer[..count].starts_with(b"HTTP/1.1 404"), "an unexpected answer");
        idle.push(stream);
    }
    Ok((resident_kilobytes(service.child.id())? - before) / f64::from(CONNECTIONS))
}

fn resident_kilobytes(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
