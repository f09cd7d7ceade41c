//! The Runtime API, call by call beside AWS's own emulator: the same calls must get the same
//! answers. A function that only waits leaves the calls to the test.
//!
//! What differs on purpose is said where it is tested. Besides: the Extensions, Logs and Telemetry
//! APIs are not there, and after an error of the initialisation the process is ended, so that no
//! call of it can come any more. An error call of more than 6 MB is refused here; the emulator drops
//! its connection and never ends the call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod support;

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Answer, Service, function, request, tools};

/// Tells where its Runtime API is, and waits.
const WAITS: &str = "#!/bin/sh\necho \"$AWS_LAMBDA_RUNTIME_API\" > api\nexec sleep 60\n";

/// A Runtime API with one invocation under way that nobody has taken yet.
struct Api {
    address: String,
    invocation: Option<JoinHandle<Answer>>,
    _service: Option<Service>,
    emulator: Option<Child>,
    _folder: tempfile::TempDir,
}

impl Api {
    /// Ours.
    fn ours() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = ("function.json", r#"{"Timeout": 60}"#);
        function(folder.path(), "f", &[("bootstrap", WAITS), config]);
        // The function writes into its own folder, which is no reason to run it anew.
        let service = Service::start(&[folder.path().to_owned()], &["--no-auth", "--no-reload"]);
        let front = service.address.clone();
        let path = "/2015-03-31/functions/f/invocations";
        Self::invoke(front, path, folder, "f/api", Some(service), None)
    }

    /// AWS's.
    fn aws() -> Self {
        let folder = tempfile::tempdir().unwrap();
        function(folder.path(), ".", &[("bootstrap", WAITS)]);
        let (front, api) = (free_address(), free_address());
        let emulator = Command::new(tools::emulator())
            .args(["--runtime-interface-emulator-address", &front])
            .args(["--runtime-api-address", &api])
            .arg(folder.path().join("bootstrap"))
            .current_dir(folder.path())
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "60")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        e2e::wait_until("the emulator listens", || TcpStream::connect(&front).is_ok());
        let path = "/2015-03-31/functions/function/invocations";
        Self::invoke(front, path, folder, "api", None, Some(emulator))
    }

    fn invoke(
        front: String,
        path: &'static str,
        folder: tempfile::TempDir,
        file: &str,
        service: Option<Service>,
        emulator: Option<Child>,
    ) -> Self {
        let invocation =
            std::thread::spawn(move || request(&front, "POST", path, &[], br#"{"a": [1.10]}"#));
        let file = folder.path().join(file);
        let address = e2e::wait_for("the function runs", || read_line(&file));
        // The emulator may listen there only after it has started the function.
        e2e::wait_until("the Runtime API listens", || TcpStream::connect(&address).is_ok());
        Self { address, invocation: Some(invocation), _service: service, emulator, _folder: folder }
    }

    fn call(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        request(&self.address, method, &format!("/2018-06-01/{path}"), &[], body)
    }

    /// Takes the event; returns its request id.
    fn take_event(&self) -> String {
        let answer = self.call("GET", "runtime/invocation/next", b"");
        answer.header("lambda-runtime-aws-request-id").unwrap().to_owned()
    }

    /// Asks for the next event, which will not come.
    fn wait_for_next(&self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        stream
    }

    /// Begins to answer with `abc`, in chunks; the last one is still to be sent.
    fn begin(&self, id: &str, headers: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: x\r\n\
             Transfer-Encoding: chunked\r\n{headers}\r\n3\r\nabc\r\n"
        )
        .unwrap();
        stream
    }

    /// What the caller in front got.
    fn invoked(&mut self) -> Answer {
        self.invocation.take().unwrap().join().unwrap()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        if let Some(emulator) = &mut self.emulator {
            // It ends the function first.
            let pid = Pid::from_raw(emulator.id().try_into().unwrap());
            let _ = kill(pid, Signal::SIGTERM);
            let _ = emulator.wait();
        }
    }
}

fn read_line(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.strip_suffix('\n').map(str::to_owned)
}

/// An address for the emulator, whose ports cannot be chosen by the system. Below those that the
/// system gives to outgoing connections, or one of the many at once could take it before the emulator.
fn free_address() -> String {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let mut ports = std::iter::repeat_with(|| {
        let next = std::process::id() * 64 + TRIED.fetch_add(1, Ordering::SeqCst);
        format!("127.0.0.1:{}", 16_384 + next % 16_384)
    });
    ports.find(|address| TcpListener::bind(address).is_ok()).unwrap()
}

/// What of an answer must be equal: the status, the kind of body, the allowed method, the body.
fn essence(answer: &Answer, id: &str) -> (u16, Option<String>, Option<String>, String) {
    let header = |name| answer.header(name).map(str::to_owned);
    (answer.status, header("content-type"), header("allow"), answer.text().replace(id, "ID"))
}

/// A call, with `ID` for the request id.
type Step = (&'static str, &'static str, &'static [u8]);

#[track_caller]
fn assert_same(ours: &Api, aws: &Api, ids: [&str; 2], steps: &[Step]) {
    for (method, path, body) in steps {
        let [our_path, aws_path] = ids.map(|id| path.replace("ID", id));
        let our = essence(&ours.call(method, &our_path, body), ids[0]);
        let their = essence(&aws.call(method, &aws_path, body), ids[1]);
        // AWS's own line end after an error differs from call to call; clients ignore it.
        let trimmed = |(status, kind, allow, text): (u16, _, _, String)| {
            (status, kind, allow, text.trim_end().to_owned())
        };
        assert_eq!(trimmed(our), trimmed(their), "{method} {path}");
    }
}

#[test]
fn every_call_is_answered_as_by_awss_emulator() {
    let (mut ours, mut aws) = (Api::ours(), Api::aws());
    let before: &[Step] = &[
        ("GET", "ping", b""),
        ("POST", "ping", b""),
        ("POST", "runtime/invocation/unknown/response", b"x"),
        ("POST", "runtime/invocation//response", b"x"),
        ("POST", "runtime/invocation/unknown/nope", b"x"),
        ("GET", "runtime/invocation/next/", b""),
        ("PUT", "runtime/invocation/next", b""),
        ("DELETE", "runtime/init/error", b""),
        // Only with SnapStart.
        ("GET", "runtime/restore/next", b""),
        ("POST", "runtime/restore/error", b"{}"),
        ("GET", "", b""),
        ("POST", "runtime/invocation/unknown/error", b"{}"),
        ("GET", "runtime/nope", b""),
        ("POST", "runtime/invocation/next", b""),
        ("GET", "runtime/init/error", b""),
        ("GET", "runtime/invocation/unknown/response", b""),
    ];
    assert_same(&ours, &aws, ["-", "-"], before);
    let next = [&ours, &aws].map(|api| api.call("GET", "runtime/invocation/next", b""));
    let header = "lambda-runtime-aws-request-id";
    let ids = [&next[0], &next[1]].map(|answer| answer.header(header).unwrap().to_owned());
    let ids = [ids[0].as_str(), ids[1].as_str()];
    assert_eq!(essence(&next[0], ids[0]), essence(&next[1], ids[1]));
    for name in ["lambda-runtime-deadline-ms", "lambda-runtime-invoked-function-arn"] {
        for answer in &next {
            assert!(answer.header(name).is_some(), "{name}");
        }
    }
    for name in ["lambda-runtime-client-context", "lambda-runtime-cognito-identity"] {
        for answer in &next {
            assert_eq!(answer.header(name), None);
        }
    }
    let running: &[Step] = &[
        ("GET", "runtime/invocation/next", b""),
        ("POST", "runtime/init/error", b"{}"),
        ("POST", "runtime/invocation/wrong/response", b"x"),
        ("POST", "runtime/invocation/ID/response", b"not JSON"),
        ("POST", "runtime/invocation/ID/response", b"again"),
        ("POST", "runtime/invocation/ID/error", b"{}"),
        ("POST", "runtime/invocation/wrong/response", b"x"),
        ("POST", "runtime/invocation/wrong/error", b"{}"),
        ("POST", "runtime/init/error", b"{}"),
    ];
    assert_same(&ours, &aws, ids, running);
    assert_eq!(ours.invoked().text(), "not JSON");
    assert_eq!(ours.call("GET", "ping", b"").text(), aws.call("GET", "ping", b"").text());
    // The emulator hands its answer over only when the runtime asks for the next event.
    let waiting = [&ours, &aws].map(Api::wait_for_next);
    assert_eq!(aws.invoked().text(), "not JSON");
    // The id that was right has become stale.
    let stale: &[Step] = &[
        ("POST", "runtime/invocation/ID/response", b"x"),
        ("POST", "runtime/invocation/ID/error", b"{}"),
        ("POST", "runtime/init/error", b"{}"),
    ];
    // Each takes a moment until the runtime's request for the next event has changed its state.
    e2e::wait_until("the id is stale on both", || {
        [&ours, &aws].iter().zip(ids).all(|(api, id)| {
            let path = format!("runtime/invocation/{id}/response");
            api.call("POST", &path, b"x").text().contains("InvalidRequestID")
        })
    });
    assert_same(&ours, &aws, ids, stale);
    drop(waiting);
}

#[test]
fn while_an_answer_comes_the_other_calls_are_refused_as_by_awss_emulator() {
    let (mut ours, mut aws) = (Api::ours(), Api::aws());
    let ids = [&ours, &aws].map(Api::take_event);
    let head = "Lambda-Runtime-Function-Response-Mode: streaming\r\n";
    let mut answers = [(&ours, &ids[0]), (&aws, &ids[1])].map(|(api, id)| api.begin(id, head));
    let during: &[Step] = &[
        ("GET", "ping", b""),
        ("GET", "runtime/invocation/next", b""),
        ("POST", "runtime/init/error", b"{}"),
    ];
    let began = || ours.call("GET", "runtime/invocation/next", b"").status == 403;
    e2e::wait_until("ours began", began);
    e2e::wait_until("AWS's began", || {
        aws.call("POST", "runtime/init/error", b"{}").text().contains("from InvocationResponse")
    });
    assert_same(&ours, &aws, [&ids[0], &ids[1]], during);
    // The emulator lets a second answer wait until the first has come; here it is refused at once,
    // as it is on both when the first has come.
    let second = ours.call("POST", &format!("runtime/invocation/{}/error", ids[0]), b"{}");
    let refused = "State transition from InvocationResponse to InvocationErrorResponse failed";
    assert_eq!(second.status, 403);
    assert!(second.text().contains(refused), "{}", second.text());

    let done = answers.each_mut().map(|stream| {
        stream.write_all(b"0\r\n\r\n").unwrap();
        essence(&support::wire::read_answer(stream), "")
    });
    assert_eq!(done[0], done[1]);
    let after: &[Step] = &[
        ("POST", "runtime/invocation/ID/error", b"{}"),
        ("POST", "runtime/invocation/ID/response", b"x"),
    ];
    assert_same(&ours, &aws, [&ids[0], &ids[1]], after);
    assert_eq!(ours.invoked().text(), "abc");
    let waiting = aws.wait_for_next();
    assert_eq!(aws.invoked().text(), "abc");
    drop(waiting);
}

#[test]
fn a_mode_that_does_not_exist_is_refused_as_by_awss_emulator() {
    for mode in ["buffered", "Streaming"] {
        let (mut ours, aws) = (Api::ours(), Api::aws());
        let answers = [&ours, &aws].map(|api| {
            let id = api.take_event();
            let path = format!("/2018-06-01/runtime/invocation/{id}/response");
            let headers = [("Lambda-Runtime-Function-Response-Mode", mode)];
            essence(&request(&api.address, "POST", &path, &headers, b"x"), &id)
        });
        assert_eq!(answers[0], answers[1]);
        // The emulator's caller then waits for the function's timeout. Ours is told.
        let answer = ours.invoked();
        assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
        assert_eq!(answer.json()["errorType"], "Runtime.InvalidResponseModeHeader");
    }
}

#[test]
fn an_error_call_has_no_mode() {
    let (mut ours, mut aws) = (Api::ours(), Api::aws());
    let error = br#"{"errorType":"Mine"}"#;
    let answers = [&ours, &aws].map(|api| {
        let id = api.take_event();
        let path = format!("/2018-06-01/runtime/invocation/{id}/error");
        let headers = [("Lambda-Runtime-Function-Response-Mode", "none")];
        essence(&request(&api.address, "POST", &path, &headers, error), &id)
    });
    assert_eq!(answers[0], answers[1]);
    let waiting = aws.wait_for_next();
    assert_eq!(ours.invoked().body, error);
    assert_eq!(aws.invoked().body, error);
    drop(waiting);
}

#[test]
fn an_answer_that_is_cut_off_ends_the_call() {
    use std::io::Read as _;

    let mut ours = Api::ours();
    let id = ours.take_event();
    let mut stream = ours.begin(&id, "");
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    // The emulator closes the connection too, and its caller waits for the function's timeout.
    let _ = stream.read_to_end(&mut Vec::new());
    let answer = ours.invoked();
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(answer.json()["errorType"], "Runtime.TruncatedResponse");
}

#[test]
fn an_answer_that_is_too_large_and_an_error_are_taken_as_by_awss_emulator() {
    let large = vec![b'x'; 6_291_557];
    let large: &'static [u8] = Box::leak(large.into_boxed_slice());
    for (step, expected) in [
        (("POST", "runtime/invocation/ID/response", large), "Function.ResponseSizeTooLarge"),
        (("POST", "runtime/invocation/ID/error", br#"{"errorType":"Mine"}"# as &[u8]), "Mine"),
    ] {
        let (mut ours, aws) = (Api::ours(), Api::aws());
        let ids = [&ours, &aws].map(|api| {
            let answer = api.call("GET", "runtime/invocation/next", b"");
            answer.header("lambda-runtime-aws-request-id").unwrap().to_owned()
        });
        assert_same(&ours, &aws, [&ids[0], &ids[1]], &[step]);
        let answer = ours.invoked();
        assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
        assert_eq!(answer.json()["errorType"], expected);
    }
}

#[test]
fn an_initialisation_error_goes_to_the_caller_as_it_is() {
    let (mut ours, aws) = (Api::ours(), Api::aws());
    let error: &[u8] = br#"{"errorMessage":"no","errorType":"Init.Failed"}"#;
    assert_same(&ours, &aws, ["-", "-"], &[("POST", "runtime/init/error", error)]);
    let answer = ours.invoked();
    assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(answer.body, error);
}

#[test]
fn an_error_call_may_carry_a_header_of_a_megabyte() {
    let mut ours = Api::ours();
    let next = ours.call("GET", "runtime/invocation/next", b"");
    let id = next.header("lambda-runtime-aws-request-id").unwrap();
    let path = format!("/2018-06-01/runtime/invocation/{id}/error");
    let cause = "x".repeat(1 << 20);
    let headers = [("Lambda-Runtime-Function-XRay-Error-Cause", cause.as_str())];
    assert_eq!(request(&ours.address, "POST", &path, &headers, b"{}").status, 202);
    assert_eq!(ours.invoked().text(), "{}");
}

#[test]
fn a_streamed_answer_is_collected_and_its_late_error_counts() {
    // The emulator hands such an answer over as if nothing had gone wrong. AWS does not.
    // base64 of {"errorType":"Late"}
    let error = "Lambda-Runtime-Function-Error-Type: Late\r\n\
                 Lambda-Runtime-Function-Error-Body: eyJlcnJvclR5cGUiOiJMYXRlIn0=\r\n";
    for (trailers, expected) in [("", "{\"a\":1}"), (error, "{\"errorType\":\"Late\"}")] {
        let mut ours = Api::ours();
        let next = ours.call("GET", "runtime/invocation/next", b"");
        let id = next.header("lambda-runtime-aws-request-id").unwrap();
        let mut stream = std::net::TcpStream::connect(&ours.address).unwrap();
        write!(
            stream,
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: x\r\n\
             Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\
             Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\
             \r\n3\r\n{{\"a\r\n4\r\n\":1}}\r\n0\r\n{trailers}\r\n"
        )
        .unwrap();
        assert_eq!(support::wire::read_answer(&mut stream).status, 202);
        let answer = ours.invoked();
        assert_eq!(answer.text(), expected);
        assert_eq!(answer.header("x-amz-function-error").is_some(), !trailers.is_empty());
    }
}
