//! Processes: what ends them, what they leave behind, and how many there are.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod support;

use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Service, function, is_alive, test_functions};

/// A function that answers with its process id, after starting a child and a grandchild in its group.
const WITH_CHILD: &str = "import os, subprocess, time
shell = 'sleep 600 & echo $!; wait'
child = subprocess.Popen(['sh', '-c', shell], stdout=subprocess.PIPE)
grandchild = int(child.stdout.readline())
def lambda_handler(event, context):
    time.sleep(event.get('sleep', 0))
    return [os.getpid(), child.pid, grandchild]
";

fn pids(service: &Service, function: &str) -> Vec<i32> {
    let answer = service.invoke(function, &[], b"{}");
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{}", answer.text()))
}

fn gone(pids: &[i32]) -> bool {
    pids.iter().all(|pid| !is_alive(*pid))
}

#[test]
fn kill_9_of_the_service_leaves_no_process_behind() {
    let folder = tempfile::tempdir().unwrap();
    function(folder.path(), "f", &[("lambda_function.py", WITH_CHILD)]);
    let mut service = Service::open(&[folder.path().to_owned()]);
    let pids = pids(&service, "f");
    assert_eq!((pids.len(), gone(&pids)), (3, false));
    kill(Pid::from_raw(service.pid()), Signal::SIGKILL).unwrap();
    service.wait();
    e2e::wait_until("function and its descendants are gone", || gone(&pids));
}

#[test]
fn a_signal_stops_the_service_and_its_processes() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let folder = tempfile::tempdir().unwrap();
        function(folder.path(), "f", &[("lambda_function.py", WITH_CHILD)]);
        let mut service = Service::open(&[folder.path().to_owned()]);
        let pids = pids(&service, "f");
        kill(Pid::from_raw(service.pid()), signal).unwrap();
        let status = service.wait();
        assert!(status.success(), "{status}");
        e2e::wait_until("function and its descendants are gone", || gone(&pids));
    }
}

#[test]
fn a_timeout_ends_the_whole_group_and_the_next_call_works() {
    let folder = tempfile::tempdir().unwrap();
    let one_second = ("function.json", r#"{"Timeout": 1}"#);
    function(folder.path(), "f", &[("lambda_function.py", WITH_CHILD), one_second]);
    let service = Service::open(&[folder.path().to_owned()]);
    let first = pids(&service, "f");
    let answer = service.invoke("f", &[], br#"{"sleep": 60}"#);
    assert_eq!(answer.json()["errorType"], "Sandbox.Timedout");
    e2e::wait_until("function and its descendants are gone", || gone(&first));
    assert_ne!(pids(&service, "f"), first);
}

#[test]
fn an_exit_ends_the_call_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let exits = "import os\ndef lambda_handler(event, context): os._exit(4)\n";
    // Whoever waited for the time to pass would wait longer than the test's client does.
    let patient = ("function.json", r#"{"Timeout": 900}"#);
    function(folder.path(), "f", &[("lambda_function.py", exits), patient]);
    let service = Service::open(&[folder.path().to_owned()]);
    assert_eq!(service.invoke("f", &[], b"{}").json()["errorType"], "Runtime.ExitError");
}

#[test]
fn an_exit_after_the_answer_does_not_spoil_the_answer_or_the_next_call() {
    let folder = tempfile::tempdir().unwrap();
    let bootstrap = r#"#!/usr/bin/env python3
import http.client, os
runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
base = "/2018-06-01/runtime/invocation/"
runtime.request("GET", base + "next")
event = runtime.getresponse()
id = event.headers["Lambda-Runtime-Aws-Request-Id"]
event.read()
runtime.request("POST", base + id + "/response", b'"answered"')
os._exit(1)
"#;
    function(folder.path(), "f", &[("bootstrap", bootstrap)]);
    let service = Service::open(&[folder.path().to_owned()]);
    for _ in 0..20 {
        let answer = service.invoke("f", &[], b"{}");
        assert_eq!(answer.text(), "\"answered\"");
    }
}

#[test]
fn processes_are_reused_and_grow_to_the_reservation() {
    let folder = tempfile::tempdir().unwrap();
    let two = ("function.json", r#"{"Timeout": 30, "ReservedConcurrentExecutions": 2}"#);
    function(folder.path(), "f", &[("lambda_function.py", WITH_CHILD), two]);
    let service = Service::open(&[folder.path().to_owned()]);
    let first = pids(&service, "f");
    for _ in 0..10 {
        assert_eq!(pids(&service, "f"), first, "one caller needs one process");
    }
    let answers: Vec<_> = std::thread::scope(|scope| {
        let call = || service.invoke("f", &[], br#"{"sleep": 2}"#);
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(call)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let of = |status| answers.iter().filter(|answer| answer.status == status).collect::<Vec<_>>();
    assert_eq!((of(200).len(), of(429).len()), (2, 2));
    assert_ne!(of(200)[0].body, of(200)[1].body, "two processes");
}

#[test]
fn a_caller_that_goes_away_leaves_the_function_running() {
    use std::io::Write;

    let file = tempfile::NamedTempFile::new().unwrap();
    let service = Service::open(&[test_functions()]);
    let body = serde_json::json!({ "file": file.path(), "sleep": 0.3 }).to_string();
    let mut caller = std::net::TcpStream::connect(&service.address).unwrap();
    let head = "POST /2015-03-31/functions/counter/invocations HTTP/1.1\r\nHost: x\r\n";
    write!(caller, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    e2e::wait_until("the call began", || std::fs::read(file.path()).unwrap() != b"");
    drop(caller);
    let body = serde_json::json!({ "file": file.path() }).to_string();
    for count in 2..5 {
        let answer = service.invoke("counter", &[], body.as_bytes());
        assert_eq!(answer.json()["count"], count);
    }
}

#[test]
fn too_much_memory_ends_the_call() {
    let folder = tempfile::tempdir().unwrap();
    let greedy = "import time\ndef lambda_handler(event, context):\n    \
                  hoard = b'x' * (300 << 20)\n    time.sleep(60)\n";
    let patient = ("function.json", r#"{"Timeout": 60}"#);
    function(folder.path(), "greedy", &[("lambda_function.py", greedy), patient]);
    let service = Service::open(&[folder.path().to_owned()]);
    let body = service.invoke("greedy", &[], b"{}").json();
    assert_eq!(body["errorType"], "Runtime.OutOfMemory");
    assert!(body["errorMessage"].as_str().unwrap().ends_with("signal: killed"), "{body}");
}

#[test]
fn a_function_that_cannot_start_says_why_and_the_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let own = ("function.json", r#"{"Runtime": "provided.al2023"}"#);
    function(folder.path(), "empty", &[own]);
    function(folder.path(), "broken", &[("bootstrap", "#!/no/such/interpreter\n")]);
    let good = "def lambda_handler(event, context): return 1\n";
    function(folder.path(), "good", &[("lambda_function.py", good)]);
    std::fs::write(folder.path().join("single.py"), good).unwrap();
    let service = Service::open(&[folder.path().to_owned()]);
    for (name, why) in [("empty", "Couldn't find valid bootstrap(s): ["), ("broken", "fork/exec: ")]
    {
        let answer = service.invoke(name, &[], b"{}");
        assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
        let body = answer.json();
        assert_eq!(body["errorType"], "Runtime.InvalidEntrypoint", "{body}");
        assert!(body["errorMessage"].as_str().unwrap().contains(why), "{body}");
    }
    for name in ["good", "single"] {
        assert_eq!(service.invoke(name, &[], b"{}").text(), "1");
    }
}

#[test]
fn node_answers_reach_the_caller_also_when_the_process_ends_right_after() {
    let folder = tempfile::tempdir().unwrap();
    let script = "export const handler = async (event) => {
        if (event.raise) throw new TypeError('as asked');
        // Called while the answer is being written: the process ends right after that.
        const toJSON = () => (process.nextTick(() => process.exit(0)), { text: 'é' });
        if (event.exit) return { toJSON };
        return { text: 'é'.repeat(event.length ?? 1) };
    };\n";
    function(folder.path(), "f", &[("index.mjs", script)]);
    let service = Service::open(&[folder.path().to_owned()]);
    for _ in 0..3 {
        assert_eq!(service.invoke("f", &[], br#"{"exit": true}"#).text(), "{\"text\":\"é\"}");
        let body = service.invoke("f", &[], br#"{"raise": true}"#).json();
        assert_eq!(
            (&body["errorType"], &body["errorMessage"]),
            (&"TypeError".into(), &"as asked".into())
        );
        let long = service.invoke("f", &[], br#"{"length": 2000000}"#);
        assert_eq!(long.body.len(), "{\"text\":\"\"}".len() + 4_000_000);
    }
}

#[test]
fn the_command_line_says_what_is_wrong() {
    let refuse = |arguments: &[&str], part: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_sqlambda"))
            .arg("local")
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(part), "{said}");
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    refuse(&[&path(folder.path())], "no function found");
    refuse(&["/no/such/folder"], "/no/such/folder");
    refuse(&["--listen", "0.0.0.0:0", &path(folder.path())], "--allow-public");
    function(folder.path(), "f", &[("function.json", "{\n  \"Timeout\": 0\n}")]);
    refuse(&[&path(folder.path())], "f/function.json:2: invalid value: integer `0`");
}
