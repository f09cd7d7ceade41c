//! Asynchronous events: queued on disk, tried again as AWS does, and run at least once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

#[path = "support/events.rs"]
mod events;
mod support;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use events::{Place, configure, put};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use support::{Service, request};

#[test]
fn a_failed_event_is_tried_again_twice_with_the_same_request_id() {
    let place = Place::new();
    let service = place.service(&["--event-retry-delays", "20ms,30ms"]);
    let id = put(&service, "notes", &json!({ "file": place.path("runs"), "failures": 9 }));
    e2e::wait_until("it is given up", || service.log().contains("the event is dropped"));
    assert_eq!(place.lines("runs"), vec![json!([id, null]); 3]);
    let log = service.log();
    assert!(log.contains("asynchronous call failed: {\"errorMessage\": \"no 1\""), "{log}");

    let id = put(&service, "notes", &json!({ "file": place.path("one"), "failures": 1 }));
    e2e::wait_until("it runs again", || place.lines("one").len() == 2);
    configure(&service, "notes", "$LATEST", &json!({ "MaximumRetryAttempts": 0 }));
    let other = put(&service, "notes", &json!({ "file": place.path("none"), "failures": 9 }));
    e2e::wait_until("the other is given up", || {
        service.log().matches("the event is dropped").count() == 2
    });
    assert_eq!(place.lines("one"), vec![json!([id, null]); 2], "what succeeds is not run again");
    assert_eq!(place.lines("none"), [json!([other, null])]);
}

/// The settings of an alias are its own, not those of the function.
#[test]
fn each_qualifier_has_settings_of_its_own() {
    let place = Place::new();
    let service = place.service(&["--event-retry-delays", "10ms"]);
    configure(&service, "notes", "$LATEST", &json!({ "MaximumRetryAttempts": 0 }));
    configure(&service, "notes", "live", &json!({ "MaximumRetryAttempts": 1 }));
    for (name, runs) in [("notes", 1), ("notes:live", 2), ("notes:other", 3)] {
        let file = name.replace(':', "-");
        put(&service, name, &json!({ "file": place.path(&file), "failures": 9 }));
        let dropped = || service.log().matches("the event is dropped").count();
        let before = dropped();
        e2e::wait_until("it is given up", || {
            dropped() > before || place.lines(&file).len() == runs
        });
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(place.lines(&file).len(), runs, "{name}");
    }
}

#[test]
fn queued_events_survive_a_stop_and_a_kill() {
    let place = Place::new();
    let service = place.service(&["--event-retry-delays", "1s"]);
    let failing = json!({ "file": place.path("failed"), "failures": 1 });
    let failed = put(&service, "notes", &failing);
    e2e::wait_until("it has failed once", || place.lines("failed").len() == 1);
    let slow = json!({ "file": place.path("slow"), "sleep": 1 });
    let queued: BTreeSet<String> = (0..8).map(|_| put(&service, "alone", &slow)).collect();
    // Dropping it is a SIGKILL.
    drop(service);
    let before = place.lines("slow").len();
    assert!(before <= 1, "they run one by one");

    let mut service = place.service(&[]);
    e2e::wait_until("some of them run", || place.lines("slow").len() > 1);
    kill(Pid::from_raw(service.pid()), Signal::SIGTERM).unwrap();
    service.wait();
    assert!(place.lines("slow").len() < 8, "not all have run");

    let service = place.service(&[]);
    e2e::wait_until("all run", || place.ids("slow") == queued);
    e2e::wait_until("so does the one that failed", || {
        place.lines("failed") == vec![json!([failed, null]); 2]
    });
    drop(service);
}

/// Killed while events come in: every one that was answered runs after the next start.
#[test]
fn a_kill_in_the_middle_loses_no_event_that_was_accepted() {
    let place = Place::new();
    let mut service = place.service(&[]);
    let body = json!({ "file": place.path("runs") }).to_string();
    let address = service.address.clone();
    let sending = std::thread::spawn(move || {
        let mut accepted = BTreeSet::new();
        // Ends when the service does: the connection is refused, or breaks off.
        while let Ok(Some(id)) = std::panic::catch_unwind(|| events::try_put(&address, &body)) {
            accepted.insert(id);
        }
        accepted
    });
    e2e::wait_until("events run", || place.lines("runs").len() >= 20);
    kill(Pid::from_raw(service.pid()), Signal::SIGKILL).unwrap();
    service.wait();
    let accepted = sending.join().unwrap();
    assert!(accepted.len() >= 10);
    let service = place.service(&[]);
    e2e::wait_until("all that were accepted run", || accepted.is_subset(&place.ids("runs")));
    drop(service);
}

#[test]
fn two_thousand_events_are_taken_at_once_and_run_once_each() {
    const EVENTS: usize = 2_000;
    const CLIENTS: usize = 8;

    let place = Place::new();
    let service = place.service(&[]);
    let body = json!({ "file": place.path("runs") }).to_string();
    let began = Instant::now();
    let accepted: BTreeSet<String> = std::thread::scope(|scope| {
        let client = || {
            let put = |_| events::try_put(&service.address, &body).unwrap();
            (0..EVENTS / CLIENTS).map(put).collect::<Vec<_>>()
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let took = began.elapsed();
    eprintln!("{:.0} events accepted a second", EVENTS as f64 / took.as_secs_f64());
    assert_eq!(accepted.len(), EVENTS);
    let end = Instant::now() + Duration::from_secs(120);
    while place.lines("runs").len() < EVENTS && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(100));
    }
    eprintln!("all had run {:.1} s after the first", began.elapsed().as_secs_f64());
    assert_eq!(place.ids("runs"), accepted);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(place.lines("runs").len(), EVENTS, "none runs twice");
}

/// 200 MB of events wait for a function that runs one at a time.
#[test]
fn events_that_wait_are_not_in_memory() {
    let place = Place::new();
    let service = place.service(&[]);
    put(&service, "alone", &json!({ "file": place.path("runs"), "sleep": 30 }));
    // Written once: that takes longer than to send it.
    let large = json!({ "file": place.path("runs"), "n": "x".repeat(1_000_000) }).to_string();
    events::put_text(&service, "alone", &large);
    let before = memory_kib(&service);
    for _ in 0..200 {
        events::put_text(&service, "alone", &large);
    }
    let grown = memory_kib(&service).saturating_sub(before);
    eprintln!("200 MB of events take {grown} KiB of memory");
    assert!(grown < 120 * 1_024, "{grown} KiB");
}

fn memory_kib(service: &Service) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn throttled_events_run_when_there_is_room() {
    let place = Place::new();
    let service = place.service(&[]);
    let event = json!({ "file": place.path("runs"), "sleep": 0.02 });
    let accepted: BTreeSet<String> = (0..30).map(|_| put(&service, "alone", &event)).collect();
    // Another function's events need not wait for these.
    put(&service, "notes", &json!({ "file": place.path("other") }));
    e2e::wait_until("the other function's", || place.lines("other").len() == 1);
    e2e::wait_until("all of them", || place.ids("runs") == accepted);
    assert_eq!(place.lines("runs").len(), accepted.len());
}

/// An event is given up at its age limit, in the middle of the wait for its retry.
#[test]
fn an_event_that_is_too_old_is_given_up() {
    let place = Place::new();
    let service = place.service(&["--event-retry-delays", "1h"]);
    // The least that AWS takes.
    let config = json!({
        "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": { "OnFailure": { "Destination": place.file_arn("expired") } },
    });
    configure(&service, "notes", "$LATEST", &config);
    let id = put(&service, "notes", &json!({ "file": place.path("runs"), "failures": 9 }));
    let end = Instant::now() + Duration::from_secs(90);
    while place.lines("expired").is_empty() {
        assert!(Instant::now() < end, "{}", service.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    let context = &place.lines("expired")[0]["requestContext"];
    assert_eq!(context["condition"], "EventAgeExceeded");
    assert_eq!(context["requestId"], json!(id));
    assert_eq!(context["approximateInvokeCount"], 1);
    assert_eq!(place.lines("runs").len(), 1);
}

/// The service cannot start a process: that is no failure of the function, and not its end.
#[test]
fn an_event_waits_when_its_process_cannot_be_started() {
    let place = Place::new();
    let service = place.service(&[]);
    configure(&service, "notes", "$LATEST", &json!({ "MaximumRetryAttempts": 0 }));
    let limit = |files: &str| {
        let pid = service.pid().to_string();
        let status =
            Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={files}")]).status();
        let status = status.unwrap();
        assert!(status.success());
    };
    // Two descriptors are left: enough for a connection, too few for a process's pipe and socket.
    let used: BTreeSet<usize> = std::fs::read_dir(format!("/proc/{}/fd", service.pid()))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap())
        .collect();
    let last = (0..).filter(|number| !used.contains(number)).nth(1).unwrap();
    limit(&format!("{}:4096", last + 1));
    let id = put(&service, "notes", &json!({ "file": place.path("runs") }));
    e2e::wait_until("it cannot be run", || service.log().contains("asynchronous call not made"));
    assert!(place.lines("runs").is_empty());
    limit("4096:4096");
    e2e::wait_until("it runs", || place.lines("runs") == [json!([id, null])]);
}

#[test]
fn the_older_call_is_served_too() {
    let place = Place::new();
    let service = place.service(&[]);
    let call = |path: &str, body: &[u8]| request(&service.address, "POST", path, &[], body);
    let body = json!({ "file": place.path("runs") }).to_string();
    let answer = call("/2014-11-13/functions/notes/invoke-async/", body.as_bytes());
    assert_eq!((answer.status, answer.text().as_str()), (202, r#"{"Status":202}"#));
    let id = answer.header("x-amzn-requestid").unwrap();
    e2e::wait_until("it runs", || place.lines("runs") == [json!([id, null])]);
    let failed = |path: &str, body: &[u8]| {
        let answer = call(path, body);
        (answer.status, answer.header("x-amzn-errortype").unwrap().to_owned())
    };
    for bad in [&b""[..], b"{}x"] {
        assert_eq!(
            failed("/2014-11-13/functions/notes/invoke-async/", bad),
            (400, "InvalidRequestContentException".to_owned())
        );
    }
    assert_eq!(
        failed("/2014-11-13/functions/nope/invoke-async/", b"{}"),
        (404, "ResourceNotFoundException".to_owned())
    );
    assert_eq!(
        failed("/2014-11-13/functions/notes/invoke-async/", &vec![b' '; 1_048_577]),
        (413, "RequestEntityTooLargeException".to_owned())
    );
    // Signed, and as an SDK reads it.
    let service = Service::start(&[place.path("functions")], &[]);
    let script = format!(
        "import boto3\nanswer = boto3.client('lambda').invoke_async(FunctionName='notes', \
         InvokeArgs=b'{}')\nassert answer['Status'] == 202, answer\n",
        json!({ "file": place.path("signed") })
    );
    support::tools::aws(&service, "python", &["-c", &script]);
    e2e::wait_until("it runs", || place.lines("signed").len() == 1);
    let unsigned =
        request(&service.address, "POST", "/2014-11-13/functions/notes/invoke-async/", &[], b"{}");
    assert_eq!(unsigned.status, 403);
}
