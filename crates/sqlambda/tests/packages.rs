//! What a Python function can import: the runtime's boto3, and what its `requirements.txt` names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use support::{Service, function};

/// A function that tells the version, and the folder, of a module that the event names.
const TELLS: &str = "\
import importlib.metadata, os
def lambda_handler(event, context):
    module = importlib.import_module(event)
    return {'version': importlib.metadata.version(event), 'path': os.environ.get('PYTHONPATH'),
            'folder': os.path.dirname(os.path.dirname(module.__file__))}
";

/// The smallest package there is for what these tests want, in two versions.
const OLD: &str = "PyMySQL==1.1.3\n";
const NEW: &str = "PyMySQL==1.2.4\n";

/// A cache of the test's own, in which nothing is installed but the runtimes.
struct Cache {
    folder: tempfile::TempDir,
}

impl Cache {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let one = function_of(folder.path(), "functions", &[("lambda_function.py", TELLS)]);
        let status = prepare(&one, None).status;
        assert!(status.success(), "the runtime installs");
        for entry in std::fs::read_dir(support::tools::cache()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("python3") && path.is_dir() {
                std::os::unix::fs::symlink(&path, folder.path().join(name)).unwrap();
            }
        }
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folders that packages were installed into.
    fn packages(&self) -> usize {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("packages-") && !name.ends_with(".lock")).count()
    }
}

/// A folder of functions with one function.
fn function_of(parent: &Path, folder: &str, files: &[(&str, &str)]) -> PathBuf {
    function(&parent.join(folder), "tells", files);
    parent.join(folder)
}

fn prepare(functions: &Path, cache: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sqlambda"));
    command.args(["local", "--prepare"]).arg(functions);
    command.envs(cache.map(|cache| ("SQLAMBDA_CACHE_DIR", cache))).output().unwrap()
}

/// As on AWS, without asking for it.
#[test]
fn boto3_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let functions = function_of(folder.path(), "f", &[("lambda_function.py", TELLS)]);
    let answer = Service::open(&[functions]).invoke("tells", &[], br#""boto3""#).json();
    assert_eq!((&answer["version"], &answer["path"]), (&json!("1.44.5"), &json!(null)));
}

/// Each function has the version that it asks for; the same file is installed once, ahead of time
/// or when the service starts.
#[test]
fn a_function_has_what_its_requirements_ask_for() {
    let cache = Cache::new();
    let code = ("lambda_function.py", TELLS);
    let functions = cache.path().join("served");
    let own_path = r#"{"Environment": {"Variables": {"PYTHONPATH": "/opt/own"}}}"#;
    function(&functions, "old", &[code, ("requirements.txt", OLD)]);
    function(&functions, "new", &[code, ("requirements.txt", NEW), ("function.json", own_path)]);
    function(&functions, "same", &[code, ("requirements.txt", NEW)]);
    function(&functions, "none", &[code]);

    let output = prepare(&functions, Some(cache.path()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("installing the packages of ").count(), 2, "{said}");
    assert_eq!(cache.packages(), 2);

    let environment = [("SQLAMBDA_CACHE_DIR", cache.path())];
    let service = Service::start_with(&[functions], &["--no-auth"], &environment);
    let tell = |name: &str| service.invoke(name, &[], br#""pymysql""#).json();
    assert_eq!(tell("old")["version"], "1.1.3");
    assert_eq!(tell("new")["version"], "1.2.4");
    assert_eq!(tell("same")["folder"], tell("new")["folder"]);
    assert_eq!(tell("none")["errorType"], "ModuleNotFoundError");
    let path = format!("{}:/opt/own", tell("new")["folder"].as_str().unwrap());
    assert_eq!(tell("new")["path"], path);
    assert!(!service.log().contains("installing"), "{}", service.log());
}

/// A file that pip refuses is named with what pip says; the other functions are served.
#[test]
fn requirements_that_cannot_be_had_are_told() {
    let cache = Cache::new();
    let code = ("lambda_function.py", TELLS);
    let functions = cache.path().join("served");
    function(&functions, "bad", &[code, ("requirements.txt", "./no-such-folder\n")]);
    function(&functions, "good", &[code]);

    let output = prepare(&functions, Some(cache.path()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    let path = functions.canonicalize().unwrap().join("bad/requirements.txt");
    assert!(said.contains(&format!("{}: ", path.display())), "{said}");
    assert!(said.contains("no-such-folder"), "{said}");

    let environment = [("SQLAMBDA_CACHE_DIR", cache.path())];
    let service = Service::start_with(&[functions], &["--no-auth"], &environment);
    let failed = service.invoke("bad", &[], b"{}").json();
    let message = failed["errorMessage"].as_str().unwrap();
    assert!(message.contains("bad/requirements.txt: "), "{message}");
    assert_eq!(service.invoke("good", &[], br#""boto3""#).json()["version"], "1.44.5");
}

/// `--env` reaches every function and wins over its own; what Lambda reserves is refused.
#[test]
fn variables_can_be_set_for_every_function() {
    let folder = tempfile::tempdir().unwrap();
    let code = "import os\ndef lambda_handler(event, context): return os.environ[event]\n";
    let own = r#"{"Environment": {"Variables": {"ONE": "own", "OWN": "own"}}}"#;
    let files = [("lambda_function.py", code), ("function.json", own)];
    let functions = function_of(folder.path(), "f", &files);
    let options = ["--no-auth", "--env", "ONE=1=1", "--env", "TWO="];
    let service = Service::start(std::slice::from_ref(&functions), &options);
    for (name, value) in [("ONE", "1=1"), ("TWO", ""), ("OWN", "own")] {
        let answer = service.invoke("tells", &[], format!("\"{name}\"").as_bytes()).json();
        assert_eq!(answer, value, "{name}");
    }
    for (refused, problem) in [("ONE", "NAME=VALUE"), ("AWS_REGION=x", "reserved by Lambda")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sqlambda"));
        let output = command.args(["local", "--env", refused]).arg(&functions).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(problem), "{said}");
    }
}
