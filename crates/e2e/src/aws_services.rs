//! The AWS services that the examples' functions call: moto's server, on a free port.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};
use nix::sys::signal::Signal;

use crate::process::{Lifetime, Managed};
use crate::venv::venv;
use crate::waiting::answer_within;

/// What moto's server needs for CloudWatch, Firehose, Kinesis and S3, and the clients to look at
/// them with. The extra `server` would add 200 MB of template checkers that none of them uses.
const PACKAGES: [&str; 5] =
    ["moto==5.2.5", "flask==3.1.3", "flask-cors==6.0.5", "boto3==1.44.5", "awscli==1.46.3"];

/// Where they are installed.
const NAME: &str = "moto-5.2.5-awscli-1.46.3";

/// How the server tells where it listens.
const ANNOUNCEMENT: &str = "Running on ";

/// CloudWatch, Firehose, Kinesis, S3 and more on 127.0.0.1, empty at the start. They accept any
/// credentials, and end when this is dropped.
#[derive(Debug)]
pub struct AwsServices {
    programs: PathBuf,
    endpoint: String,
    // Kept for its end.
    _process: Managed,
}

impl AwsServices {
    /// Installs what [`Self::start`] starts, if it is not yet; `tell` hears of it.
    ///
    /// Gives the folder of its programs, among them `aws` and a `python` that has boto3.
    pub fn install(tell: &mut dyn FnMut(&str)) -> Result<PathBuf> {
        venv(NAME, &PACKAGES, tell)
    }

    /// Starts the services; they keep their log in `folder`.
    pub(crate) fn start(folder: &Path, tell: &mut dyn FnMut(&str)) -> Result<Self> {
        let programs = Self::install(tell)?;
        let log = folder.join("aws.log");
        let output = File::create(&log)?;
        let mut command = Command::new(programs.join("moto_server"));
        command.args(["--host", "127.0.0.1", "--port", "0"]);
        command.env_clear().env("HOME", folder).current_dir(folder);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        tell("starting the AWS services");
        let mut process = Managed::start(command, Lifetime::Owner, Signal::SIGTERM)?;
        let endpoint = answer_within(Duration::from_secs(60), || {
            announced_endpoint(&log).map(Ok).or_else(|| process.exit_status().map(Err))
        });
        match endpoint {
            Some(Ok(endpoint)) => Ok(Self { programs, endpoint, _process: process }),
            Some(Err(status)) => {
                let said = fs::read_to_string(&log).unwrap_or_default();
                bail!("moto_server ended: {status}\n{}", said.trim_end())
            }
            None => bail!("moto_server does not say where it listens"),
        }
    }

    /// `http://127.0.0.1:PORT`: the value of `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The folder of `aws` and of a `python` that has boto3.
    pub fn programs(&self) -> &Path {
        &self.programs
    }
}

fn announced_endpoint(log: &Path) -> Option<String> {
    let text = fs::read_to_string(log).ok()?;
    // Only whole lines: the last one may still be being written.
    let (lines, _) = text.rsplit_once('\n')?;
    let (_, endpoint) = lines.lines().find_map(|line| line.split_once(ANNOUNCEMENT))?;
    Some(endpoint.trim().to_owned())
}
