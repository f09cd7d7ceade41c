//! The local Lambda service: `sqlambda local`, as a child process.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::process::{Lifetime, Managed, ProcessId};
use crate::waiting::answer_within;

/// How the service tells where it listens.
const ANNOUNCEMENT: &str = "export AWS_ENDPOINT_URL_LAMBDA=";

/// What a service is started with.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    program: PathBuf,
    folders: Vec<PathBuf>,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    listen: String,
}

impl ServiceConfig {
    /// `program local FOLDERS...` on a free port.
    pub fn new(program: PathBuf, folders: Vec<PathBuf>) -> Self {
        let listen = "127.0.0.1:0".to_owned();
        Self { program, folders, arguments: Vec::new(), environment: Vec::new(), listen }
    }

    /// Adds an argument, such as `--credentials-file`.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Serves these folders instead.
    #[must_use]
    pub fn folders(mut self, folders: Vec<PathBuf>) -> Self {
        self.folders = folders;
        self
    }

    /// Listens there instead of on a free port: for a service that comes back where it was.
    #[must_use]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = address.into();
        self
    }

    /// Sets an environment variable of the service, such as `SQLAMBDA_CACHE_DIR`.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("local")
            .args(&self.folders)
            .args(["--ephemeral", "--listen", &self.listen])
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }
}

/// A running service.
#[derive(Debug)]
pub struct LocalService {
    description: ServiceDescription,
    /// None: it belongs to another process.
    process: Option<Managed>,
}

/// What another process needs to know about a service.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ServiceDescription {
    pub(crate) process: ProcessId,
    endpoint: String,
    log: PathBuf,
}

impl LocalService {
    /// Starts a service that keeps its output in `folder`, and waits until it listens.
    pub(crate) fn start(config: &ServiceConfig, folder: &Path, lifetime: Lifetime) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let (out, log) = (folder.join("service.out"), folder.join("service.log"));
        let mut command = config.command();
        // Files and not pipes: a pipe that nobody reads stops the service when it is full.
        command.stdout(File::create(&out)?).stderr(File::create(&log)?);
        let mut process = Managed::start(command, lifetime, Signal::SIGTERM)?;

        let endpoint = answer_within(Duration::from_secs(120), || {
            announced_endpoint(&out).map(Ok).or_else(|| process.exit_status().map(Err))
        });
        let explain = |what: String| {
            let said = fs::read_to_string(&log).unwrap_or_default();
            format!("{what}\n{}", said.trim_end())
        };
        let endpoint = match endpoint {
            Some(Ok(endpoint)) => endpoint,
            Some(Err(status)) => bail!(explain(format!("the local service ended: {status}"))),
            None => bail!(explain("the local service does not say where it listens".to_owned())),
        };
        let id = ProcessId::of(process.pid())?;
        let description = ServiceDescription { process: id, endpoint, log };
        Ok(Self { description, process: Some(process) })
    }

    pub(crate) fn attach(description: ServiceDescription) -> Self {
        Self { description, process: None }
    }

    pub(crate) fn description(&self) -> &ServiceDescription {
        &self.description
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> &str {
        &self.description.endpoint
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        self.endpoint().trim_start_matches("http://").trim_end_matches('/')
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.description.process.pid
    }

    /// The file that it writes to standard error.
    pub fn log_path(&self) -> &Path {
        &self.description.log
    }

    /// What it wrote to standard error so far.
    pub fn log_text(&self) -> Result<String> {
        fs::read_to_string(&self.description.log).context("cannot read the service's log")
    }

    /// Ends it as an operator would, by SIGTERM.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.own()?.stop(Signal::SIGTERM, Duration::from_secs(10))
    }

    /// Ends it as a crash would, by SIGKILL.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.own()?.stop(Signal::SIGKILL, Duration::from_secs(10))
    }

    /// Sends it a signal, such as SIGSTOP for a service that accepts and never answers.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.own()?.signal(signal)
    }

    /// From now on it is not ended with this.
    pub(crate) fn keep(&mut self) {
        if let Some(process) = self.process.take() {
            process.release();
        }
    }

    fn own(&mut self) -> Result<&mut Managed> {
        self.process.as_mut().context(
            "this service is shared by all tests; make your own with Playground::new_service",
        )
    }
}

fn announced_endpoint(out: &Path) -> Option<String> {
    let text = fs::read_to_string(out).ok()?;
    // Only whole lines: the last one may still be being written.
    let (lines, _) = text.rsplit_once('\n')?;
    let endpoint = lines.lines().find_map(|line| line.strip_prefix(ANNOUNCEMENT))?;
    Some(endpoint.trim().trim_matches(['"', '\'']).to_owned())
}
