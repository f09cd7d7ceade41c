//! What people meet: the start, the log, the stop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod support;

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use support::{Answer, Service, function, is_alive};

/// Sleeps as long as the event says, with a child in its group; says so first.
const SLEEPS: &str = "import os, subprocess, time
child = subprocess.Popen(['sleep', '600'])
def lambda_handler(event, context):
    print('pids', os.getpid(), child.pid, flush=True)
    time.sleep(event)
    return 'slept'
";

/// A function that sleeps, and may do so for a minute.
fn sleeper(options: &[&str]) -> (tempfile::TempDir, Service) {
    let folder = tempfile::tempdir().unwrap();
    let patient = ("function.json", r#"{"Timeout": 60}"#);
    function(folder.path(), "sleeps", &[("lambda_function.py", SLEEPS), patient]);
    let options = [&["--no-auth"], options].concat();
    let service = Service::start(&[folder.path().to_owned()], &options);
    (folder, service)
}

/// A call that is under way: the function has said so.
fn call(service: &Service, seconds: &str) -> std::thread::JoinHandle<Answer> {
    let before = service.log().matches("pids ").count();
    let (address, seconds) = (service.address.clone(), seconds.to_owned());
    let path = "/2015-03-31/functions/sleeps/invocations";
    let call = std::thread::spawn(move || {
        support::request(&address, "POST", path, &[], seconds.as_bytes())
    });
    e2e::wait_until("the function runs", || service.log().matches("pids ").count() > before);
    call
}

/// The processes that the last call told of.
fn pids(service: &Service) -> Vec<i32> {
    let log = service.log();
    let line = log.lines().rev().find(|line| line.contains("pids ")).unwrap();
    let (_, pids) = line.split_once("pids ").unwrap();
    // What follows them on the line says whose they are.
    pids.split_whitespace().map_while(|pid| pid.parse().ok()).collect()
}

fn signal(service: &Service, signal: Signal) {
    kill(Pid::from_raw(service.pid()), signal).unwrap();
}

#[test]
fn a_stop_lets_a_running_call_finish_and_takes_no_other() {
    let (_folder, mut service) = sleeper(&[]);
    let idle = TcpStream::connect(&service.address).unwrap();
    let running = call(&service, "1");
    signal(&service, Signal::SIGTERM);
    e2e::wait_until("new connections are refused", || {
        TcpStream::connect(&service.address).is_err()
    });
    assert!(is_alive(service.pid()), "the call still runs");
    let answer = running.join().unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "\"slept\""));
    assert!(service.wait().success());
    drop(idle);
}

#[test]
fn a_stop_ends_what_takes_too_long_with_all_it_started_and_answers_it() {
    let (_folder, mut service) = sleeper(&[]);
    let running = call(&service, "50");
    let pids = pids(&service);
    let begun = Instant::now();
    signal(&service, Signal::SIGINT);
    let answer = running.join().unwrap();
    assert!(service.wait().success());
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(1_500) && took < Duration::from_secs(10), "{took:?}");
    assert_eq!((answer.status, answer.header("x-amz-function-error")), (200, Some("Unhandled")));
    let body = answer.json();
    assert_eq!(body["errorType"], "Runtime.ExitError");
    assert!(body["errorMessage"].as_str().unwrap().ends_with("signal: killed"), "{body}");
    e2e::wait_until("its processes are gone", || pids.iter().all(|pid| !is_alive(*pid)));
    assert!(service.log().contains("ending 1 calls that still run"), "{}", service.log());
}

#[test]
fn a_second_signal_ends_at_once() {
    let (_folder, mut service) = sleeper(&[]);
    let running = call(&service, "50");
    let pids = pids(&service);
    signal(&service, Signal::SIGTERM);
    e2e::wait_until("it stops", || service.log().contains("stopping on SIGTERM"));
    signal(&service, Signal::SIGINT);
    assert!(!service.wait().success(), "it does not wait as for one signal");
    e2e::wait_until("its processes are gone", || pids.iter().all(|pid| !is_alive(*pid)));
    assert!(running.join().is_err(), "the call is cut off");
}

/// Runs `sqlambda local` with arguments that it ends with.
fn local(arguments: &[&str], folders: &[PathBuf]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sqlambda"));
    command.arg("local").args(arguments).args(folders).output().unwrap()
}

/// The members of each line, all of which must be JSON.
fn lines(log: &str) -> Vec<Value> {
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect()
}

#[test]
fn every_line_of_a_json_log_is_json() {
    let (_folder, mut service) = sleeper(&["--log-format", "json"]);
    assert_eq!(call(&service, "0").join().unwrap().text(), "\"slept\"");
    service.invoke("nothing", &[], b"{}");
    signal(&service, Signal::SIGTERM);
    assert!(service.wait().success());
    let lines = lines(&service.log());
    let own = |line: &&Value| line["function"] == "sleeps" && line["target"] == "function";
    let said: Vec<&str> =
        lines.iter().filter(own).filter_map(|line| line["message"].as_str()).collect();
    assert!(said[0].starts_with("START RequestId: "), "{said:?}");
    assert!(said[1].starts_with("pids ") && said[3].starts_with("REPORT "), "{said:?}");
    let has =
        |part: &str| lines.iter().any(|line| line["message"].as_str().unwrap().contains(part));
    assert!(has("refused: Function not found") && has("stopping on SIGTERM"), "{lines:?}");
}

#[test]
fn an_error_at_the_start_of_a_json_log_is_json() {
    let output = local(&["--log-format", "json"], &[PathBuf::from("/no/such/folder")]);
    assert!(!output.status.success());
    let lines = lines(&String::from_utf8(output.stderr).unwrap());
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], "ERROR");
    assert!(lines[0]["message"].as_str().unwrap().starts_with("/no/such/folder: "), "{lines:?}");
}
