//! The kinds of calls, and what each must answer.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use crate::support::{Answer, function, wire};

/// The functions that [`write_functions`] writes.
pub const FUNCTIONS: [&str; 4] = ["python", "brief", "node", "own"];

const PYTHON: &str = "import os, time
def lambda_handler(event, context):
    if event.get('raise'): raise ValueError('as asked')
    if event.get('exit'): os._exit(3)
    if event.get('print'): print('x' * event['print'])
    time.sleep(event.get('sleep', 0))
    return 'y' * event['length'] if 'length' in event else event
";

const NODE: &str = "export const handler = async (event) => {
    if (event.raise) throw new TypeError('as asked');
    if (event.exit) process.exit(3);
    return event.length ? 'y'.repeat(event.length) : event;
};
";

const OWN: &str = r#"#!/usr/bin/env python3
import http.client, json, os
runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
base = "/2018-06-01/runtime/invocation/"
while True:
    runtime.request("GET", base + "next")
    event = runtime.getresponse()
    id, body = event.headers["Lambda-Runtime-Aws-Request-Id"], event.read()
    if json.loads(body).get("exit"): os._exit(3)
    runtime.request("POST", base + id + "/response", body)
    runtime.getresponse().read()
"#;

/// Longer than any answer may be.
const TOO_LONG: usize = 6_400_000;

/// Writes the functions into a folder.
pub fn write_functions(folder: &Path) {
    let brief = ("function.json", r#"{"Timeout": 1, "MemorySize": 512}"#);
    let usual = ("function.json", r#"{"Timeout": 60, "MemorySize": 512}"#);
    function(folder, "python", &[("lambda_function.py", PYTHON), usual]);
    function(folder, "brief", &[("lambda_function.py", PYTHON), brief]);
    function(folder, "node", &[("index.mjs", NODE), usual]);
    function(folder, "own", &[("bootstrap", OWN), usual]);
}

/// One client with a connection that it keeps.
pub struct Caller<'a> {
    address: &'a str,
    stream: TcpStream,
}

impl<'a> Caller<'a> {
    pub fn new(address: &'a str) -> Self {
        Self { address, stream: connect(address) }
    }

    /// Makes the call of this number: of a thousand in a row, so many of each kind.
    pub fn call(&mut self, number: usize) {
        let echo = format!("{{\"number\":{number}}}");
        match number % 1_000 {
            0 => self.fails("brief", r#"{"sleep":30}"#, "Sandbox.Timedout"),
            1 => self.fails("python", r#"{"exit":1}"#, "Runtime.ExitError"),
            2 => self.fails("node", r#"{"exit":1}"#, "Runtime.ExitError"),
            3 => self.fails("own", r#"{"exit":1}"#, "Runtime.ExitError"),
            4 => self.too_long("python"),
            5 => self.too_long("node"),
            6 => self.too_large(),
            7..=11 => self.refused(),
            12..=21 => self.cancelled(),
            22..=26 => self.asynchronous(),
            27..=56 => self.tail(),
            57..=156 => self.fails("python", r#"{"raise":1}"#, "ValueError"),
            157..=206 => self.fails("node", r#"{"raise":1}"#, "TypeError"),
            207..=406 => self.echoes("node", &echo),
            407..=606 => self.echoes("own", &echo),
            _ => self.echoes("python", &echo),
        }
    }

    fn echoes(&mut self, function: &str, body: &str) {
        let answer = self.invoke(function, "", body);
        let found: serde_json::Value = answer.json();
        let sent: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((answer.status, found), (200, sent), "{function}");
    }

    fn fails(&mut self, function: &str, body: &str, error_type: &str) {
        let answer = self.invoke(function, "", body);
        assert_eq!(answer.header("x-amz-function-error"), Some("Unhandled"), "{}", answer.text());
        assert_eq!(answer.json()["errorType"], error_type, "{function}");
    }

    fn too_long(&mut self, function: &str) {
        let body = format!("{{\"length\":{TOO_LONG}}}");
        self.fails(function, &body, "Function.ResponseSizeTooLarge");
    }

    fn too_large(&mut self) {
        let body = format!("\"{}\"", "x".repeat(TOO_LONG));
        assert_eq!(self.invoke("own", "", &body).status, 413);
        // The service may close a connection on which it has refused a body.
        self.stream = connect(self.address);
    }

    fn refused(&mut self) {
        assert_eq!(self.invoke("nobody", "", "{}").status, 404);
        assert_eq!(self.invoke("own", "", "{").status, 400);
    }

    /// The client hangs up in the middle of a call.
    fn cancelled(&mut self) {
        let mut stream = connect(self.address);
        let body = r#"{"sleep":0.02}"#;
        stream.write_all(head("python", "", body.len()).as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }

    fn asynchronous(&mut self) {
        let answer = self.invoke("own", "X-Amz-Invocation-Type: Event\r\n", "{}");
        assert_eq!((answer.status, answer.body.len()), (202, 0));
    }

    fn tail(&mut self) {
        let answer = self.invoke("python", "X-Amz-Log-Type: Tail\r\n", r#"{"print":10000}"#);
        // Four kilobytes in base64.
        assert_eq!(answer.header("x-amz-log-result").map(str::len), Some(5_464));
    }

    fn invoke(&mut self, function: &str, headers: &str, body: &str) -> Answer {
        self.stream.write_all(head(function, headers, body.len()).as_bytes()).unwrap();
        self.stream.write_all(body.as_bytes()).unwrap();
        wire::read_answer(&mut self.stream)
    }
}

fn head(function: &str, headers: &str, length: usize) -> String {
    format!(
        "POST /2015-03-31/functions/{function}/invocations HTTP/1.1\r\nHost: localhost\r\n\
         {headers}Content-Length: {length}\r\n\r\n"
    )
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
    stream
}
