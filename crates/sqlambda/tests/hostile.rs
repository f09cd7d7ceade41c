//! Clients that are slow, many or not what they seem: the others do not notice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use support::{Service, function, request, wire};

/// A function that answers with how long its event is.
const LENGTH: &str = "def lambda_handler(event, context): return len(event)\n";

const INVOKE: &str = "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: localhost\r\n";

/// A service with the function `f`, called once.
fn service(folder: &tempfile::TempDir, options: &[&str]) -> Service {
    function(folder.path(), "f", &[("lambda_function.py", LENGTH)]);
    let service = Service::start(&[folder.path().to_owned()], options);
    assert_eq!(request_of(&service, "\"abc\"").text(), "3");
    service
}

fn request_of(service: &Service, body: &str) -> support::Answer {
    service.invoke("f", &[], body.as_bytes())
}

/// Calls on a connection that stays open.
fn call(stream: &mut TcpStream) -> Result<String, std::io::Error> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(stream, "{INVOKE}Content-Length: 4\r\n\r\n\"ab\"")?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(wire::read_answer(stream).text())
}

/// Whether the other side has closed the connection.
fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let read = stream.read(&mut [0; 16]);
    stream.set_nonblocking(false).unwrap();
    match read {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// Heads and bodies that come a byte at a time are ended; a slow large upload is not, nor is a
/// connection that is silent between its calls, nor does anybody else wait.
#[test]
fn slow_requests_are_ended_and_honest_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder, &["--no-auth"]);
    let connect = || TcpStream::connect(&service.address).unwrap();
    let mut silent = connect();
    assert_eq!(call(&mut silent).unwrap(), "2");
    let mut slow: Vec<TcpStream> = (0..100).map(|_| connect()).collect();
    for (number, stream) in slow.iter_mut().enumerate() {
        // Every other one has sent its head, and then its body comes as slowly.
        let head: &str = if number % 2 == 0 { INVOKE } else { "POST /2015-03-31/functions" };
        stream.write_all(head.as_bytes()).unwrap();
        if number % 2 == 0 {
            stream.write_all(b"Content-Length: 5000\r\n\r\n\"").unwrap();
        }
    }
    let honest = std::thread::spawn({
        let address = service.address.clone();
        move || slow_upload(&address)
    });
    let begin = Instant::now();
    while slow.iter().any(|stream| !is_closed(stream)) {
        assert!(begin.elapsed() < Duration::from_secs(60), "they are never ended");
        assert_eq!(request_of(&service, "\"abcd\"").text(), "4");
        for stream in &mut slow {
            // Those that are closed already say so.
            let _ = stream.write_all(b"x");
        }
        sleep(Duration::from_millis(200));
    }
    assert_eq!(honest.join().unwrap(), "59998");
    assert!(!is_closed(&silent));
    assert_eq!(call(&mut silent).unwrap(), "2");
    assert!(service.log().contains("its request comes too slowly"), "{}", service.log());
}

/// Sixty kilobytes at 4 KB a second: longer than a slow head may take.
fn slow_upload(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let body = format!("\"{}\"", "x".repeat(59_998));
    write!(stream, "{INVOKE}Content-Length: {}\r\n\r\n", body.len()).unwrap();
    for part in body.as_bytes().chunks(2_000) {
        stream.write_all(part).unwrap();
        sleep(Duration::from_millis(500));
    }
    wire::read_answer(&mut stream).text()
}

/// More connections than there is room for: the oldest go, and whoever comes is served.
#[test]
fn ten_thousand_idle_connections_keep_nobody_out() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder, &["--no-auth"]);
    // Half of the service's descriptors are for connections, and this process needs some itself.
    let room = usize::try_from(hard / 2).unwrap().min(16_384);
    let many = 10_000.min(room);
    let before = resident_kib(service.pid());
    let mut idle: Vec<TcpStream> = Vec::new();
    let mut connect = |count: usize| {
        for _ in 0..count {
            let mut stream = TcpStream::connect(&service.address).unwrap();
            write!(stream, "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            assert_eq!(wire::read_answer(&mut stream).status, 404);
            idle.push(stream);
        }
    };
    connect(many - 1);
    let each = (resident_kib(service.pid()) - before) / many as u64;
    assert!(each < 32, "{each} KB for an idle connection");
    assert_eq!(request_of(&service, "\"abc\"").text(), "3");
    if room > 10_000 {
        return;
    }
    connect(100);
    assert_eq!(request_of(&service, "\"abc\"").text(), "3");
    let closed: Vec<bool> = idle.iter().map(is_closed).collect();
    let count = closed.iter().filter(|closed| **closed).count();
    assert!((99..=101).contains(&count), "{count} were closed");
    assert!(closed[..count].iter().all(|closed| *closed), "the oldest go first");
    assert_eq!(call(idle.last_mut().unwrap()).unwrap(), "2");
}

/// The same with so few descriptors that there are none left before the bound is reached.
#[test]
fn without_descriptors_idle_connections_make_room() {
    let folder = tempfile::tempdir().unwrap();
    function(folder.path(), "f", &[("lambda_function.py", LENGTH)]);
    let service = Service::limited(&[folder.path().to_owned()], 128);
    let idle: Vec<TcpStream> =
        (0..300).map(|_| TcpStream::connect(&service.address).unwrap()).collect();
    for _ in 0..3 {
        assert_eq!(request_of(&service, "\"abc\"").text(), "3");
    }
    assert!(idle.iter().filter(|stream| is_closed(stream)).count() >= 200);
}

/// The resident memory of a process.
fn resident_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A function may open as many files as on AWS, not as many as the service.
#[test]
fn functions_have_as_many_descriptors_as_on_aws() {
    let folder = tempfile::tempdir().unwrap();
    let tells = "import resource\n\
        def lambda_handler(event, context):\n    \
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]\n";
    function(folder.path(), "f", &[("lambda_function.py", tells)]);
    let service = Service::open(&[folder.path().to_owned()]);
    assert_eq!(request_of(&service, "{}").text(), "1024");
}

/// What a page could send without asking first, also under a name that it has had rebound to
/// 127.0.0.1, neither runs nor shows anything; with signatures or without.
#[test]
fn pages_in_a_browser_cannot_call() {
    let folder = tempfile::tempdir().unwrap();
    for options in [&["--no-auth"][..], &[]] {
        function(folder.path(), "f", &[("lambda_function.py", LENGTH)]);
        let service = Service::start(&[folder.path().to_owned()], options);
        let own = format!("http://{}", service.address);
        let foreign: [&[(&str, &str)]; 4] = [
            &[("Origin", "https://page.example"), ("Content-Type", "text/plain")],
            &[("Origin", "null"), ("Sec-Fetch-Site", "cross-site")],
            &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")],
            &[("Host", "page.example:9001"), ("Origin", "http://page.example:9001")],
        ];
        let paths = [
            ("POST", "/2015-03-31/functions/f/invocations"),
            ("POST", "/2015-03-31/functions"),
            ("GET", "/2015-03-31/functions/f"),
        ];
        for (headers, (method, path)) in foreign.iter().flat_map(|h| paths.map(|p| (h, p))) {
            let answer = request(&service.address, method, path, headers, b"{}");
            assert_eq!(answer.status, 403, "{method} {path} {headers:?}");
            let refused = answer.header("x-amzn-errortype");
            assert_eq!(refused, Some("AccessDeniedException"), "{}", answer.text());
        }
        assert!(!service.log().contains("START RequestId"), "{}", service.log());
        if !options.is_empty() {
            let headers = [("Origin", own.as_str()), ("Sec-Fetch-Site", "same-origin")];
            assert_eq!(service.invoke("f", &headers, b"[1]").text(), "1");
        }
    }
}
