//! Installing the runtimes: what is said when a tool is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use support::function;

/// Sets up a function with these programs on the path and no others.
fn prepare(files: &[(&str, &str)], programs: &[(&str, &str)]) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    function(&folder.path().join("functions"), "f", files);
    let path = folder.path().join("bin");
    std::fs::create_dir(&path).unwrap();
    for (name, script) in programs {
        program(&path.join(name), script);
    }
    let output = Command::new(env!("CARGO_BIN_EXE_sqlambda"))
        .args(["local", "--prepare"])
        .arg(folder.path().join("functions"))
        .env("PATH", &path)
        .env("SQLAMBDA_CACHE_DIR", folder.path().join("cache"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

fn program(path: &Path, script: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

const PYTHON: (&str, &str) = ("lambda_function.py", "");
const NODE: (&str, &str) = ("index.mjs", "");

#[test]
fn a_missing_tool_is_named_with_what_to_install() {
    let no_venv =
        "case \"$2\" in venv) echo 'No module named venv' >&2; exit 1;; *) echo 11;; esac";
    let node = ("node", "echo v20.1.0");
    let cases: [(_, &[(&str, &str)], _, _); 4] = [
        (PYTHON, &[], "python3 is not installed", "apt-get install python3 python3-venv"),
        (PYTHON, &[("python3", no_venv)], "No module named venv", "apt-get install python3-venv"),
        (NODE, &[], "node is not installed", "apt-get install nodejs npm"),
        (NODE, &[node], "npm is not installed", "apt-get install nodejs npm"),
    ];
    for (file, programs, problem, advice) in cases {
        let (output, said) = prepare(&[file], programs);
        assert!(!output.status.success(), "{problem}");
        assert!(said.contains(problem) && said.contains(advice), "{said}");
    }
}

#[test]
fn only_what_the_functions_need_is_set_up() {
    let (output, said) = prepare(&[("bootstrap", "#!/bin/sh\n")], &[]);
    assert!(output.status.success(), "{said}");
    assert_eq!(said, "");
}

#[test]
fn node_is_set_up_with_the_pinned_client_and_without_its_scripts() {
    let npm = "case \"$*\" in *--ignore-scripts*aws-lambda-ric@4.0.2*) exit 0;; esac; exit 1";
    let (output, said) = prepare(&[NODE], &[("node", "echo v20.1.0"), ("npm", npm)]);
    assert!(output.status.success(), "the arguments of npm: {said}");
    assert!(said.contains("setting up Node: aws-lambda-ric 4.0.2 in "), "{said}");
}
