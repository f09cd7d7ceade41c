//! The AWS CLI and scripts for boto3: many runs, one import (`clients.py`).

use std::io::{BufRead as _, BufReader, PipeReader, Read as _, Write as _, pipe};
use std::os::fd::AsRawFd as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::json;

/// What a run printed, and its exit status.
pub struct Run {
    pub stdout: String,
    pub stderr: String,
    pub status: i32,
}

/// The process that has everything imported. It ends with the test program, whose end closes its
/// standard input.
struct Imported {
    process: Child,
    started: BufReader<ChildStdout>,
}

static IMPORTED: LazyLock<Mutex<Imported>> = LazyLock::new(|| {
    let mut process = Command::new(super::tools::clients().join("python"))
        .args(["-c", include_str!("clients.py")])
        .env_clear()
        .envs([("HOME", "/nonexistent"), ("PYTHONDONTWRITEBYTECODE", "1")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let started = BufReader::new(process.stdout.take().unwrap());
    Mutex::new(Imported { process, started })
});

/// Runs `aws`, or `python` with `-c` or a file, with these variables and no others.
#[track_caller]
pub fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    let (readers, writers): (Vec<PipeReader>, Vec<_>) = (0..3).map(|_| pipe().unwrap()).unzip();
    let path = |pipe: &std::io::PipeWriter| {
        format!("/proc/{}/fd/{}", std::process::id(), pipe.as_raw_fd())
    };
    let environment: serde_json::Map<_, _> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let request = json!({
        "program": program, "arguments": arguments, "environment": environment,
        "pipes": writers.iter().map(path).collect::<Vec<_>>(),
    });
    {
        let mut imported = IMPORTED.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(imported.process.stdin.as_mut().unwrap(), "{request}").unwrap();
        let mut line = String::new();
        imported.started.read_line(&mut line).unwrap();
        assert_eq!(line, "started\n", "what runs the clients has ended");
    }
    drop(writers);
    // At the same time: neither may fill up while the other one is read.
    let reading = readers.into_iter().map(|mut pipe| {
        std::thread::spawn(move || {
            let mut text = String::new();
            pipe.read_to_string(&mut text).unwrap();
            text
        })
    });
    let reading: Vec<_> = reading.collect();
    let mut texts = reading.into_iter().map(|reader| reader.join().unwrap());
    let [stdout, stderr, status] = [(); 3].map(|()| texts.next().unwrap());
    let status = status.parse().unwrap_or_else(|_| panic!("{program} broke off: {stderr}"));
    Run { stdout, stderr, status }
}
