//! A running example, and clients to look at it with.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use e2e::{Example, Playground};
use postgres::{Client, NoTls};
use serde_json::{Value, json};

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

/// Prints what each line of its input gives: an endpoint and an expression, as JSON.
const EVALUATE: &str = r#"
import boto3, functools, json, sys
make = functools.lru_cache(boto3.client)
for line in sys.stdin:
    endpoint, expression = json.loads(line)
    client = functools.partial(make, endpoint_url=endpoint)
    try:
        answer = {"value": eval(expression, {"client": client})}
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer, default=str), flush=True)
"#;

/// The Python that answers: to import boto3 and to make a client takes longer than to use it. It ends
/// with the tests, which closes its input.
static PYTHON: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>> = Mutex::new(None);

#[expect(clippy::zombie_processes, reason = "it ends when this process, which would wait, does")]
fn start_python(programs: &Path) -> (ChildStdin, BufReader<ChildStdout>) {
    let python = Command::new(programs.join("python"))
        .args(["-c", EVALUATE])
        .env_clear()
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .envs([("AWS_DEFAULT_REGION", "us-east-1"), ("HOME", "/nonexistent")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    (python.stdin.unwrap(), BufReader::new(python.stdout.unwrap()))
}

/// What a Python expression over boto3 gives: `client("s3")` is a client of the AWS services.
#[track_caller]
pub fn boto3(example: &Example, expression: &str) -> Value {
    let mut line = String::new();
    {
        let mut python = PYTHON.lock().unwrap_or_else(PoisonError::into_inner);
        let (input, output) = python.get_or_insert_with(|| start_python(example.aws().programs()));
        writeln!(input, "{}", json!([example.aws().endpoint(), expression])).unwrap();
        output.read_line(&mut line).unwrap();
    }
    let mut answer: Value = serde_json::from_str(&line).unwrap();
    assert!(answer["error"].is_null(), "{expression}: {}", answer["error"]);
    answer["value"].take()
}
