//! A Python with botocore, AWS's own client library, to compare with, and with an HTTP proxy.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

/// The version to compare with: a newer one may know more Regions than we do.
const BOTOCORE: &str = "1.44.5";

/// A proxy that speaks `CONNECT`, plain HTTP, TLS and passwords, in pure Python.
const PROXY: &str = "2.4.10";

static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    prepare().unwrap_or_else(|problem| {
        panic!(
            "these tests need Python with botocore {BOTOCORE} and proxy.py {PROXY}, which is \
             installed once, into {}: {problem}",
            folder().display()
        )
    })
});

/// A command that runs a script of this folder.
pub fn command(script: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/client").join(script);
    let mut command = Command::new(&*PYTHON);
    command.arg(path).env_remove("PYTHONPATH");
    command
}

/// Runs a script of this folder; JSON goes in and comes out.
pub fn run(script: &str, input: &Value) -> Value {
    let mut child = command(script)
        // Nothing of the caller's account.
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = input.to_string();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Where the local service keeps its runtimes too.
fn folder() -> PathBuf {
    let name = format!("test-python-botocore-{BOTOCORE}-proxy.py-{PROXY}");
    if let Some(cache) = std::env::var_os("SQLAMBDA_CACHE_DIR").filter(|it| !it.is_empty()) {
        return Path::new(&cache).join(name);
    }
    let home = std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into());
    Path::new(&home).join(".cache/sqlambda").join(name)
}

fn prepare() -> Result<PathBuf, String> {
    let folder = folder();
    let parent = folder.parent().ok_or("it has no parent")?;
    fs::create_dir_all(parent).map_err(|error| format!("cannot make its parent: {error}"))?;
    // Test programs that run at the same time make it once.
    let lock = File::create(folder.with_extension("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;

    let python = folder.join("bin/python");
    if is_complete(&python) {
        return Ok(python);
    }
    let _ = fs::remove_dir_all(&folder);
    run_step(
        "python3 -m venv (is python3-venv installed?)",
        Command::new("python3").args(["-m", "venv"]).arg(&folder),
    )?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let packages = [format!("botocore=={BOTOCORE}"), format!("proxy.py=={PROXY}")];
    run_step("pip install", Command::new(&python).args(pip).args(packages))?;
    if is_complete(&python) { Ok(python) } else { Err("they do not import".to_owned()) }
}

fn is_complete(python: &Path) -> bool {
    let code = "import botocore, proxy; print(botocore.__version__)";
    let output = Command::new(python).args(["-c", code]).output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == BOTOCORE.as_bytes())
}

fn run_step(what: &str, command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("{what} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{what} failed: {}", String::from_utf8_lossy(&said).trim_end()))
}
