//! Reloading: what a changed file does to the functions, and what it does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::{Service, function};

/// A function that answers with this and its process id, after sleeping as long as asked.
fn answers(text: &str) -> String {
    format!(
        "import os, time\ndef lambda_handler(event, context):\n    \
         print('begun', flush=True)\n    \
         time.sleep(event if isinstance(event, float) else 0)\n    return ['{text}', os.getpid()]\n"
    )
}

fn folder_with(name: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    function(folder.path(), name, &[("lambda_function.py", &answers(text))]);
    folder
}

fn serve(folder: &tempfile::TempDir) -> Service {
    Service::open(&[folder.path().to_owned()])
}

/// What a function answers, and from which process; nothing if it is not there or fails.
fn call(service: &Service, name: &str) -> Option<(String, i64)> {
    let answer = service.invoke(name, &[], b"{}");
    if answer.status != 200 || answer.header("x-amz-function-error").is_some() {
        return None;
    }
    let answer = answer.json();
    Some((answer[0].as_str().unwrap().to_owned(), answer[1].as_i64().unwrap()))
}

fn said(service: &Service, name: &str) -> String {
    call(service, name).unwrap_or_else(|| panic!("{}", service.log())).0
}

#[track_caller]
fn comes(service: &Service, name: &str, text: &str) {
    e2e::wait_until(&format!("{name} answers {text}: {}", service.log()), || {
        call(service, name).is_some_and(|(answer, _)| answer == text)
    });
}

/// Long enough for a reload that should not happen.
fn nothing_happens() {
    std::thread::sleep(Duration::from_millis(700));
}

/// As an editor does it: the new text takes the old file's place.
fn save(path: &Path, text: &str) {
    let new = path.with_extension("new~");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, path).unwrap();
}

#[test]
fn edited_code_answers_soon_and_without_a_failed_call() {
    let folder = folder_with("f", "0");
    let service = serve(&folder);
    let path = folder.path().join("f/lambda_function.py");
    assert_eq!(said(&service, "f"), "0");
    let mut times = Vec::new();
    for version in 1..=8 {
        let text = version.to_string();
        // In place, and by renaming.
        if version % 2 == 0 {
            std::fs::write(&path, answers(&text)).unwrap();
        } else {
            save(&path, &answers(&text));
        }
        let written = Instant::now();
        // A call that fails ends the test: `said` panics.
        while said(&service, "f") != text {
            assert!(written.elapsed() < Duration::from_secs(10), "{}", service.log());
        }
        times.push(written.elapsed());
    }
    times.sort();
    println!("from the write to the new code's answer: {times:?}");
}

#[test]
fn a_running_call_finishes_with_the_code_of_before() {
    let folder = folder_with("f", "old");
    let service = serve(&folder);
    let (_, process) = call(&service, "f").unwrap();
    let address = service.address.clone();
    let running = std::thread::spawn(move || {
        support::request(&address, "POST", "/2015-03-31/functions/f/invocations", &[], b"2.5")
    });
    e2e::wait_until("the call runs", || service.log().matches("begun").count() == 2);
    std::fs::write(folder.path().join("f/lambda_function.py"), answers("new")).unwrap();
    comes(&service, "f", "new");
    let answer = running.join().unwrap();
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!(["old", process])));
}

#[test]
fn functions_appear_and_disappear() {
    let folder = folder_with("f", "f");
    let service = serve(&folder);
    assert!(call(&service, "g").is_none());
    function(folder.path(), "g", &[("lambda_function.py", &answers("g"))]);
    comes(&service, "g", "g");
    std::fs::write(folder.path().join("single.py"), answers("single")).unwrap();
    comes(&service, "single", "single");
    let (_, process) = call(&service, "f").unwrap();
    std::fs::remove_dir_all(folder.path().join("g")).unwrap();
    e2e::wait_until("g is gone", || service.invoke("g", &[], b"{}").status == 404);
    assert_eq!(call(&service, "f").unwrap().1, process, "f is as it was");
}

/// A tool that saves or checks out may take everything away for a moment.
#[test]
fn a_function_that_is_gone_for_a_moment_stays() {
    let folder = folder_with("f", "old");
    let service = serve(&folder);
    let alias = [
        "lambda",
        "create-alias",
        "--function-name",
        "f",
        "--name",
        "live",
        "--function-version",
        "$LATEST",
    ];
    support::tools::aws(&service, "aws", &alias);
    for text in ["1", "2"] {
        std::fs::remove_dir_all(folder.path().join("f")).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        function(folder.path(), "f", &[("lambda_function.py", &answers(text))]);
        comes(&service, "f:live", text);
    }
    assert!(!service.log().contains("described no more"), "{}", service.log());
}

#[test]
fn what_is_no_change_restarts_nothing() {
    let folder = folder_with("f", "f");
    function(folder.path(), "other", &[("lambda_function.py", &answers("other"))]);
    let service = serve(&folder);
    let (_, process) = call(&service, "f").unwrap();
    let inside = folder.path().join("f");
    for noise in
        ["__pycache__/x.pyc", ".git/index", ".lambda_function.py.swp", "lambda_function.py~"]
    {
        let path = inside.join(noise);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
    std::fs::write(folder.path().join("other/lambda_function.py"), answers("changed")).unwrap();
    comes(&service, "other", "changed");
    nothing_happens();
    assert_eq!(call(&service, "f").unwrap().1, process, "{}", service.log());
}

#[test]
fn a_broken_configuration_keeps_the_last_good_one_until_it_is_mended() {
    let folder = folder_with("f", "f");
    let service = serve(&folder);
    let (_, process) = call(&service, "f").unwrap();
    let file = folder.path().join("f/function.json");
    std::fs::write(&file, "{\n  \"Timeout\": 0\n}\n").unwrap();
    let wanted =
        "f/function.json:2: invalid value: integer `0`, expected a Timeout of 1 to 900 seconds";
    e2e::wait_until("the error is told", || service.log().contains(wanted));
    nothing_happens();
    assert_eq!(call(&service, "f").unwrap().1, process);
    assert_eq!(service.log().matches(wanted).count(), 1, "once: {}", service.log());
    std::fs::write(&file, r#"{"Handler": "nowhere.handler"}"#).unwrap();
    let wanted =
        "f/function.json:1: the handler `nowhere.handler` needs nowhere.py, which is not in ";
    e2e::wait_until("the error is told", || service.log().contains(wanted));
    assert_eq!(call(&service, "f").unwrap().1, process);
    std::fs::write(&file, r#"{"Timeout": 9}"#).unwrap();
    let get =
        ["lambda", "get-function-configuration", "--function-name", "f", "--query", "Timeout"];
    e2e::wait_until("it is mended", || support::tools::aws(&service, "aws", &get).trim() == "9");
    assert_eq!(said(&service, "f"), "f");
}

#[test]
fn requirements_are_installed_and_broken_ones_change_nothing() {
    let folder = folder_with("f", "f");
    let service = serve(&folder);
    let (_, process) = call(&service, "f").unwrap();
    let file = folder.path().join("f/requirements.txt");
    std::fs::write(&file, "no such requirement\n").unwrap();
    e2e::wait_until("the error is told", || service.log().contains("what was read before stays"));
    assert_eq!(call(&service, "f").unwrap().1, process);
    std::fs::write(&file, "PyMySQL==1.2.4\n").unwrap();
    let uses = "import importlib.metadata, pymysql
def lambda_handler(event, context): return [importlib.metadata.version('PyMySQL'), 0]
";
    std::fs::write(folder.path().join("f/lambda_function.py"), uses).unwrap();
    let begun = Instant::now();
    // pip takes its time.
    while call(&service, "f").is_none_or(|(version, _)| version != "1.2.4") {
        assert!(begun.elapsed() < Duration::from_secs(90), "{}", service.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_bootstrap_that_a_build_renames_into_place_runs() {
    let client = |text: &str| {
        format!(
            "#!/usr/bin/env python3\nimport os, urllib.request\n\
             base = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2018-06-01/runtime/invocation/'\n\
             while True:\n    \
                 id = urllib.request.urlopen(base + 'next').headers['Lambda-Runtime-Aws-Request-Id']\n    \
                 urllib.request.urlopen(base + id + '/response', data=b'[\"{text}\", 0]')\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    function(folder.path(), "f", &[("function.json", r#"{"Runtime": "provided.al2023"}"#)]);
    let service = serve(&folder);
    // The log may be behind.
    e2e::wait_until("what is missing is told", || service.log().contains("build it there"));
    let build = tempfile::tempdir_in(folder.path().parent().unwrap()).unwrap();
    for text in ["one", "two"] {
        function(build.path(), ".", &[("bootstrap", &client(text))]);
        std::fs::rename(build.path().join("bootstrap"), folder.path().join("f/bootstrap")).unwrap();
        comes(&service, "f", text);
    }
}

#[test]
fn a_template_its_code_and_its_archives_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    function(root, "a/src", &[("app.py", &answers("a").replace("lambda_handler", "handler"))]);
    let template = |extra: &str| {
        format!(
            "Globals: {{Function: {{Runtime: python3.11, Handler: app.handler}}}}\nResources:\n  \
             A:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: a/src\n{extra}"
        )
    };
    let zipped = |text: &str| {
        let script = "import sys, zipfile\nzipfile.ZipFile(sys.argv[1], 'w').writestr('app.py', sys.argv[2])";
        let code = answers(text).replace("lambda_handler", "handler");
        let path = root.join("b.zip");
        let mut python = std::process::Command::new("python3");
        assert!(python.args(["-c", script]).arg(path).arg(code).status().unwrap().success());
    };
    let path = root.join("template.yaml");
    std::fs::write(&path, template("")).unwrap();
    let service = serve(&folder);
    let (_, process) = call(&service, "A").unwrap();
    zipped("1");
    let with_b = "  B:\n    Type: AWS::Serverless::Function\n    Properties: {CodeUri: b.zip}\n";
    save(&path, &template(with_b));
    comes(&service, "B", "1");
    zipped("2");
    comes(&service, "B", "2");
    save(&path, &template("  B: [\n"));
    e2e::wait_until("the error is told", || service.log().contains("template.yaml:"));
    nothing_happens();
    assert_eq!(said(&service, "B"), "2", "the last good one stays");
    assert_eq!(call(&service, "A").unwrap().1, process, "A never changed: {}", service.log());
    save(&path, &template(""));
    e2e::wait_until("B is gone", || service.invoke("B", &[], b"{}").status == 404);
    std::fs::write(root.join("a/src/app.py"), answers("b").replace("lambda_handler", "handler"))
        .unwrap();
    comes(&service, "A", "b");
}

#[test]
fn many_files_at_once_are_one_reload() {
    let folder = folder_with("f", "f");
    let service = serve(&folder);
    assert_eq!(said(&service, "f"), "f");
    for count in 0..300 {
        let inner = folder.path().join(format!("f/package{}", count % 10));
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(inner.join(format!("module{count}.py")), "").unwrap();
    }
    std::fs::write(folder.path().join("f/lambda_function.py"), answers("last")).unwrap();
    comes(&service, "f", "last");
    nothing_happens();
    let reloads = service.log().matches("reloaded: ").count();
    assert!((1..=10).contains(&reloads), "{}", service.log());
}

#[test]
fn no_reload_leaves_everything_as_it_was_read() {
    let folder = folder_with("f", "old");
    let folders: [PathBuf; 1] = [folder.path().to_owned()];
    let service = Service::start(&folders, &["--no-auth", "--no-reload"]);
    assert_eq!(said(&service, "f"), "old");
    std::fs::write(folder.path().join("f/lambda_function.py"), answers("new")).unwrap();
    function(folder.path(), "g", &[("lambda_function.py", &answers("g"))]);
    nothing_happens();
    assert_eq!((said(&service, "f").as_str(), call(&service, "g")), ("old", None));
}
