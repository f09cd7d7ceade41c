//! Answers that come bit by bit: InvokeWithResponseStream, seen on the wire and by boto3.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::event_stream::{Event, Events};
use support::{Service, function, samples, tools};

/// A runtime that does what its event says; its first lines tell what that may be.
const SPEAKS: &str = include_str!("streaming/bootstrap");

/// A folder with the function `f` that does what its event says, and room for its files.
struct Speaking {
    folder: tempfile::TempDir,
    service: Service,
}

impl Speaking {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        function(folder.path(), "f", &[("bootstrap", SPEAKS), ("function.json", config)]);
        let service = Service::open(&[folder.path().to_owned()]);
        Self { folder, service }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn has(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }

    fn touch(&self, name: &str) {
        std::fs::write(self.folder.path().join(name), "").unwrap();
    }

    fn steps(&self, steps: &Value) -> Events {
        self.call(&[], &json!({ "steps": steps }))
    }

    fn call(&self, headers: &[(&str, &str)], event: &Value) -> Events {
        Events::call(&self.service.address, "f", headers, event.to_string().as_bytes())
    }

    /// That the function still streams.
    #[track_caller]
    fn assert_works(&self) {
        let mut next = self.steps(&json!([["write", "next"]]));
        next.expect("next");
        assert_eq!(next.drain(), (0, json!({})));
    }
}

const PATIENT: &str = r#"{"Timeout": 60}"#;

#[test]
fn chunks_reach_the_caller_as_they_are_written() {
    let function = Speaking::new(PATIENT);
    let gate = function.path("gate");
    let mut answer = function.steps(&json!([["write", "one"], ["await", gate], ["write", "{two"]]));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/vnd.amazon.eventstream"));
    assert_eq!(answer.header("x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(answer.header("x-amzn-requestid").map(str::len), Some(36));
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    answer.expect("one");
    function.touch("gate");
    answer.expect("{two");
    assert_eq!(answer.next(), Some(Event::Complete(json!({}))));
    assert_eq!(answer.next(), None);
}

#[test]
fn a_node_function_streams_through_amazons_client() {
    let folder = tempfile::tempdir().unwrap();
    let script = "import { access, appendFile } from 'node:fs/promises';
    export const handler = awslambda.streamifyResponse(async (event, stream) => {
        if (event.calls) await appendFile(event.calls, 'x');
        if (event.raise === 'first') throw new TypeError('at once');
        stream.setContentType('text/plain');
        stream.write('one');
        while (event.gate) {
            try { await access(event.gate); break; } catch {}
            await new Promise((resolve) => setTimeout(resolve, 5));
        }
        if (event.raise) throw new RangeError('in the middle');
        stream.end('two');
    });\n";
    let config = r#"{"Timeout": 60}"#;
    function(folder.path(), "f", &[("index.mjs", script), ("function.json", config)]);
    let service = Service::open(&[folder.path().to_owned()]);
    let call =
        |event: Value| Events::call(&service.address, "f", &[], event.to_string().as_bytes());
    let gate = folder.path().join("gate");
    let mut answer = call(json!({ "gate": gate }));
    answer.expect("one");
    std::fs::write(&gate, "").unwrap();
    answer.expect("two");
    assert_eq!(answer.drain(), (0, json!({})));

    let mut failed = call(json!({ "raise": "late" }));
    failed.expect("one");
    let (_, end) = failed.drain();
    assert_eq!(end["ErrorCode"], "RangeError");
    let details: Value = serde_json::from_str(end["ErrorDetails"].as_str().unwrap()).unwrap();
    assert_eq!(details["errorMessage"], "in the middle");

    // The client asks for its next event while the answer with the error is still on its way.
    let calls = folder.path().join("calls");
    for count in 1..20 {
        let (_, end) = call(json!({ "raise": "first", "calls": calls })).drain();
        assert_eq!(end["ErrorCode"], "TypeError");
        assert_eq!(std::fs::read_to_string(&calls).unwrap().len(), count, "one event, one call");
    }
    // Who calls without streaming gets the whole.
    assert_eq!(service.invoke("f", &[], b"{}").text(), "onetwo");
    let failed = service.invoke("f", &[], br#"{"raise": "late"}"#);
    assert_eq!(failed.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(failed.json()["errorType"], "RangeError");
}

#[test]
fn an_error_in_the_middle_ends_the_stream_with_its_code() {
    let function = Speaking::new(r#"{"Timeout": 2}"#);
    for (step, code) in [
        (json!(["cut"]), "Runtime.TruncatedResponse"),
        (json!(["exit", 3]), "Runtime.TruncatedResponse"),
        (json!(["sleep", 60]), "Sandbox.Timedout"),
    ] {
        let mut answer = function.steps(&json!([["write", "half"], step]));
        answer.expect("half");
        assert_eq!(answer.drain(), (0, json!({ "ErrorCode": code })), "{step}");
        function.assert_works();
    }
    let mut answer = function.steps(&json!([["write", "half"], ["fail", "Mine", "é"]]));
    answer.expect("half");
    let details = r#"{"errorType": "Mine", "errorMessage": "\u00e9"}"#;
    let end = json!({ "ErrorCode": "Mine", "ErrorDetails": details });
    assert_eq!(answer.drain(), (0, end));
    function.assert_works();
}

#[test]
fn an_error_before_the_first_byte_is_no_chunk() {
    let service = Service::open(&[samples()]);
    for (name, error_type, message) in [
        ("raises", "ValueError", "this function always raises"),
        ("exits", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("returns-too-much", "Function.ResponseSizeTooLarge", "(6291556 bytes)"),
    ] {
        let (bytes, end) = Events::call(&service.address, name, &[], b"{}").drain();
        assert_eq!((bytes, &end["ErrorCode"]), (0, &json!("Unhandled")), "{name}");
        let details: Value = serde_json::from_str(end["ErrorDetails"].as_str().unwrap()).unwrap();
        let said = details["errorMessage"].as_str().unwrap();
        assert!(said.contains(message), "{name}: {details}");
        assert_eq!(details["errorType"], error_type);
    }
}

#[test]
fn the_log_tail_comes_with_the_end() {
    use base64::Engine as _;

    let function = Speaking::new(PATIENT);
    let event = json!({ "steps": [["write", "half"], ["say", "almost there"], ["exit", 3]] });
    let mut answer = function.call(&[("X-Amz-Log-Type", "Tail")], &event);
    answer.expect("half");
    let (_, end) = answer.drain();
    let log = end["LogResult"].as_str().unwrap();
    let log = base64::engine::general_purpose::STANDARD.decode(log).unwrap();
    let log = String::from_utf8(log).unwrap();
    assert!(log.starts_with("START RequestId: "), "{log}");
    for part in ["\nalmost there\n", "Error: Runtime exited with error: exit status 3\n", "REPORT "]
    {
        assert!(log.contains(part), "{part}: {log}");
    }
}

#[test]
fn what_was_streamed_is_handed_on_also_when_the_process_ends_right_after() {
    let function = Speaking::new(PATIENT);
    let event = json!({ "steps": [["fill", 8_000_000]], "exit_after": 1 });
    for patience in [0, 0, 0, 2] {
        let mut answer = function.call(&[], &event);
        // The sockets take so much: after a while the process is gone, and a part is still in them.
        std::thread::sleep(std::time::Duration::from_secs(patience));
        assert_eq!(answer.drain(), (8_000_000, json!({})));
    }
}

#[test]
fn a_slow_caller_holds_the_function_back_and_not_the_services_memory() {
    const BYTES: usize = 100_000_000;
    let function = Speaking::new(PATIENT);
    function.assert_works();
    let before = resident_kib(&function.service);
    let steps = json!([["fill", BYTES], ["touch", function.path("written")]]);
    let mut answer = function.steps(&steps);
    let Some(Event::Chunk(first)) = answer.next() else { panic!("no chunk") };
    // All of it could be written in this time many times over.
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(!function.has("written"), "the function waits for its caller");
    let grown = resident_kib(&function.service).saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB more");
    let (rest, end) = answer.drain();
    assert_eq!((first.len() + rest, end), (BYTES, json!({})));
    assert!(function.has("written"));
    let grown = resident_kib(&function.service).saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB more");
}

#[test]
fn two_hundred_megabytes_are_streamed_and_no_more() {
    let function = Speaking::new(PATIENT);
    let limit = 209_715_200;
    let end = json!({ "ErrorCode": "Function.ResponseSizeTooLarge" });
    for (bytes, end) in [(limit, json!({})), (limit + 1, end)] {
        assert_eq!(function.steps(&json!([["fill", bytes]])).drain(), (limit, end));
    }
    function.assert_works();
}

#[test]
fn a_caller_that_goes_away_does_not_stop_the_function() {
    let function = Speaking::new(PATIENT);
    let (gate, done) = (function.path("gate"), function.path("done"));
    let mut answer = function.steps(&json!([
        ["write", "one"],
        ["await", gate],
        ["fill", 10_000_000],
        ["touch", done]
    ]));
    answer.expect("one");
    drop(answer);
    function.touch("gate");
    e2e::wait_until("the function has written all", || function.has("done"));
    function.assert_works();
}

#[test]
fn the_sample_streams_its_words() {
    let service = Service::open(&[samples()]);
    let mut answer = Events::call(&service.address, "streams", &[], br#"{"text": "one two"}"#);
    answer.expect("one ");
    answer.expect("two ");
    assert_eq!(answer.drain(), (0, json!({})));
}

#[test]
fn an_answer_that_is_not_streamed_comes_in_one_chunk() {
    let function = Speaking::new(PATIENT);
    let whole = "é".repeat(3_000_000);
    let mut answer = function.call(&[], &json!({ "whole": whole }));
    answer.expect(&whole);
    assert_eq!(answer.drain(), (0, json!({})));
    assert_eq!(function.call(&[], &json!({ "whole": "" })).drain(), (0, json!({})));
}

#[test]
fn boto3_reads_the_stream_and_its_errors() {
    let folder = tempfile::tempdir().unwrap();
    function(folder.path(), "f", &[("bootstrap", SPEAKS), ("function.json", PATIENT)]);
    let never = r#"{"Runtime": "provided.al2023", "ReservedConcurrentExecutions": 0}"#;
    function(folder.path(), "never", &[("function.json", never)]);
    let service = Service::start(&[folder.path().to_owned()], &[]);
    let script = repository_file("streaming/boto.py");
    assert_eq!(tools::aws(&service, "python", &[&script]), "done\n");
}

fn repository_file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    path.to_str().unwrap().to_owned()
}

/// The memory that the service uses now, in KiB.
fn resident_kib(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
