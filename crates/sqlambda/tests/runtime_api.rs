//! The Runtime API, call by call beside AWS's own emulator: the same calls must get the same
//! answers. A function that only waits leaves the calls to the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod support;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use support::{Answer, Service, eventually, function, request, tools};

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
        let service = Service::open(&[folder.path().to_owned()]);
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
        eventually("the emulator listens", || std::net::TcpStream::connect(&front).is_ok());
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
        eventually("the function runs", || read_line(&file).is_some());
        Self {
            address: read_line(&file).unwrap(),
            invocation: Some(invocation),
            _service: service,
            emulator,
            _folder: folder,
        }
    }

    fn call(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        request(&self.address, method, &format!("/2018-06-01/{path}"), &[], body)
    }

    /// What the caller in front got.
    fn invoked(&mut self) -> Answer {
        self.invocation.take().unwrap().join().unwrap()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        if let Some(emulator) = &mut self.emulator {
            let _ = emulator.kill();
            let _ = emulator.wait();
        }
    }
}

fn read_line(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.strip_suffix('\n').map(str::to_owned)
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
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
        ("POST", "runtime/invocation/unknown/response", b"x"),
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
    ];
    assert_same(&ours, &aws, ids, running);
    assert_eq!(ours.invoked().text(), "not JSON");
    assert_eq!(ours.call("GET", "ping", b"").text(), aws.call("GET", "ping", b"").text());
    // The emulator hands its answer over only when the runtime asks for the next event.
    let address = aws.address.clone();
    let waiting = std::thread::spawn(move || {
        use std::io::Write;
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        stream
    });
    assert_eq!(aws.invoked().text(), "not JSON");
    drop(waiting.join());
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
    use std::io::Write;

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
