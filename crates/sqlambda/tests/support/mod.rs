//! A service of its own for each test, and a plain HTTP client that shows what is on the wire.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod event_stream;
pub mod tools;
pub mod wire;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

pub use wire::{Answer, request};

/// Where the repository is.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The sample functions.
pub fn samples() -> PathBuf {
    repository().join("examples/functions")
}

/// The functions for tests.
pub fn test_functions() -> PathBuf {
    repository().join("crates/e2e/functions")
}

/// The command. Cargo names it to the tests of its own package only; other packages' tests, which are
/// built into the same folder, find it beside them.
fn program() -> PathBuf {
    option_env!("CARGO_BIN_EXE_sqlambda").map(PathBuf::from).unwrap_or_else(|| {
        let test = std::env::current_exe().unwrap();
        let built = test.parent().and_then(Path::parent).unwrap().join("sqlambda");
        assert!(built.is_file(), "{} is missing: run `cargo build -p sqlambda`", built.display());
        built
    })
}

/// A running `sqlambda local` on a free port. Stops when dropped.
pub struct Service {
    child: Child,
    pub address: String,
    stderr: Arc<Mutex<String>>,
}

impl Service {
    /// Serves the folders. Installing the runtimes may take a minute the first time.
    pub fn start(folders: &[PathBuf], options: &[&str]) -> Self {
        Self::start_with(folders, options, &[])
    }

    /// Serves the folders, with these environment variables of the service. Nothing is kept unless
    /// the options name a folder for the state, and it listens on loopback unless they say otherwise.
    pub fn start_with(
        folders: &[PathBuf],
        options: &[&str],
        environment: &[(&str, &Path)],
    ) -> Self {
        let mut command = Command::new(program());
        command.envs(environment.iter().copied());
        Self::run(command, folders, options)
    }

    /// Serves the folders to everyone, with no more than so many descriptors.
    pub fn limited(folders: &[PathBuf], descriptors: u32) -> Self {
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
        command.args(["-c", &script]).arg(program());
        Self::run(command, folders, &["--no-auth"])
    }

    fn run(mut command: Command, folders: &[PathBuf], options: &[&str]) -> Self {
        let keep = options.contains(&"--state");
        let elsewhere = options.contains(&"--listen");
        let mut child = command
            .arg("local")
            .args(if elsewhere { [].as_slice() } else { &["--listen", "127.0.0.1:0"] })
            .args((!keep).then_some("--ephemeral"))
            .args(options)
            .args(folders)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let log = BufReader::new(child.stderr.take().unwrap());
        let kept = Arc::clone(&stderr);
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                kept.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        let mut address = None;
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while stdout.read_line(&mut line).unwrap() > 0 {
            if let Some(url) = line.strip_prefix("export AWS_ENDPOINT_URL_LAMBDA=http://") {
                address = Some(url.trim().to_owned());
            }
            if line.starts_with("export AWS_REGION=") {
                break;
            }
            line.clear();
        }
        let address = address.unwrap_or_else(|| {
            let status = child.wait();
            panic!("the service did not start ({status:?}): {}", stderr.lock().unwrap())
        });
        Self { child, address, stderr }
    }

    /// Serves the folders to everyone.
    pub fn open(folders: &[PathBuf]) -> Self {
        Self::start(folders, &["--no-auth"])
    }

    /// What the service has logged so far.
    pub fn log(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    /// Calls a function with these headers.
    pub fn invoke(&self, function: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        request(&self.address, "POST", &path, headers, body)
    }

    /// Waits for its process to end by itself.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A function in a temporary folder: pairs of file name and content.
pub fn function(folder: &Path, name: &str, files: &[(&str, &str)]) {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    for (file, content) in files {
        let path = folder.join(file);
        std::fs::write(&path, content).unwrap();
        let mode = if *file == "bootstrap" { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// Whether a process of that id exists and has not ended.
pub fn is_alive(pid: i32) -> bool {
    let mut stat = String::new();
    let Ok(mut file) = std::fs::File::open(format!("/proc/{pid}/stat")) else { return false };
    file.read_to_string(&mut stat).is_ok() && !stat.contains(") Z ")
}
