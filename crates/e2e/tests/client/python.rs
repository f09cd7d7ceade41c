//! A Python with botocore, AWS's own client library, to compare with, and with an HTTP proxy.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

/// The version to compare with: a newer one may know more Regions than we do.
const BOTOCORE: &str = "1.44.5";

/// A proxy that speaks `CONNECT`, plain HTTP, TLS and passwords, in pure Python.
const PROXY: &str = "2.4.10";

static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let packages = [format!("botocore=={BOTOCORE}"), format!("proxy.py=={PROXY}")];
    let name = format!("test-python-botocore-{BOTOCORE}-proxy.py-{PROXY}");
    e2e::venv(&name, &packages.each_ref().map(String::as_str), &mut |_| ()).unwrap().join("python")
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
