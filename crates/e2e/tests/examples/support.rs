//! A running example, and clients to look at it with.

use std::fs;
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Example, Playground};
use postgres::{Client, NoTls};
use serde_json::Value;

/// The example `name`, with everything it needs.
pub fn start(name: &str) -> Example {
    let playground = Playground::attach().unwrap();
    Example::start(&playground, name, &mut |_| ()).unwrap()
}

/// An example that the tests of a file use one after the other: starting one, and its functions,
/// takes longer than most of them.
pub type Shared = LazyLock<Mutex<Example>>;

/// The example `name`, with the SQL of its folder.
pub fn shared(name: &str) -> Mutex<Example> {
    let example = start(name);
    set_up(&example);
    Mutex::new(example)
}

/// A test's turn.
pub fn turn(shared: &'static Shared) -> MutexGuard<'static, Example> {
    // A test that failed leaves nothing that the next one does not clear.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Plays its README, which must be true.
#[track_caller]
pub fn play(example: &Example) {
    let problems = example.play(&mut |_| ()).unwrap();
    assert!(problems.is_empty(), "\n{}\n{}", problems.join("\n"), log(example));
}

/// Runs the SQL of the example's folder.
fn set_up(example: &Example) {
    let psql = example.stage().cluster().psql().database(example.stage().database());
    let output = psql.run_file(&example.folder().join("postgresql.sql")).unwrap();
    output.stdout_if_ok().unwrap();
    mariadb(example, &fs::read_to_string(example.folder().join("mariadb.sql")).unwrap());
}

/// A superuser's session in its database.
pub fn connect(example: &Example) -> Client {
    let (cluster, database) = (example.stage().cluster(), example.stage().database());
    Client::connect(&cluster.connection_string(database), NoTls).unwrap()
}

/// What statements print on MariaDB, bare; they must succeed.
#[track_caller]
pub fn mariadb(example: &Example, sql: &str) -> String {
    try_mariadb(example, sql).unwrap_or_else(|error| panic!("{error}\n{sql}"))
}

/// What statements print on MariaDB, or the error of the first that fails.
pub fn try_mariadb(example: &Example, sql: &str) -> Result<String, String> {
    let server = example.stage().mariadb_server().unwrap();
    let answer = server.query(example.stage().database(), sql);
    answer.map_err(|error| error.to_string())
}

/// What the functions logged.
pub fn log(example: &Example) -> String {
    example.services().each_ref().map(|service| service.log_text().unwrap()).concat()
}

/// What a Python expression over boto3 gives: `client("s3")` is a client of the AWS services.
#[track_caller]
pub fn boto3(example: &Example, expression: &str) -> Value {
    let script = "import boto3, functools, json, sys\n\
                  client = functools.lru_cache(boto3.client)\n\
                  print(json.dumps(eval(sys.argv[1]), default=str))\n";
    let output = Command::new(example.aws().programs().join("python"))
        .args(["-c", script, expression])
        .env_clear()
        .env("AWS_ENDPOINT_URL", example.aws().endpoint())
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .envs([("AWS_DEFAULT_REGION", "us-east-1"), ("HOME", "/nonexistent")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{expression}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Asks `condition` every few milliseconds until it holds.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
