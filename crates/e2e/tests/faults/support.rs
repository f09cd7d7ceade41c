//! What the tests of this program share: sessions, calls that run meanwhile, and waiting.

pub mod proc;
pub mod stuck;

use std::sync::LazyLock;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use e2e::{Cluster, Playground, wait_until};
use nix::sys::signal::Signal;
use postgres::{CancelToken, Client, NoTls};

/// "At once", with room for a busy machine, where what a call waits for never comes. The benchmarks
/// measure the true figure.
pub const AT_ONCE: Duration = Duration::from_secs(3);

/// The playground of the test run.
pub fn playground() -> &'static Playground {
    static PLAYGROUND: LazyLock<Playground> = LazyLock::new(|| Playground::attach().unwrap());
    &PLAYGROUND
}

/// The database of this program in the shared cluster.
pub fn database() -> &'static str {
    static DATABASE: LazyLock<String> =
        LazyLock::new(|| playground().cluster().create_database().unwrap());
    &DATABASE
}

/// A superuser's session.
pub struct Session {
    pub client: Client,
    pub pid: u32,
}

/// The row that a call returned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub status: i32,
    pub payload: Option<String>,
    pub version: Option<String>,
}

/// What a statement failed with.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// SQLSTATE; empty when the connection ended without a word.
    pub code: String,
    pub message: String,
    pub detail: String,
    pub hint: String,
}

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        let Some(report) = error.as_db_error() else {
            let (code, detail, hint) = Default::default();
            return Self { code, message: error.to_string(), detail, hint };
        };
        Self {
            code: report.code().code().to_owned(),
            message: report.message().to_owned(),
            detail: report.detail().unwrap_or_default().to_owned(),
            hint: report.hint().unwrap_or_default().to_owned(),
        }
    }
}

impl Failure {
    /// Asserts PostgreSQL's own error for an interrupt: nothing in it is ours.
    #[track_caller]
    pub fn assert_own(&self, code: &str, message: &str) {
        let own = Self {
            code: code.to_owned(),
            message: message.to_owned(),
            detail: String::new(),
            hint: String::new(),
        };
        assert_eq!(*self, own);
    }

    /// Asserts a failure on the way to the function, with what the client said.
    #[track_caller]
    pub fn assert_api(&self, said: &str) {
        assert_eq!((self.code.as_str(), self.message.as_str()), ("38000", "invoke API failed"));
        assert_eq!(self.detail, format!("AWS Lambda client returned '{said}'."));
    }

    /// Asserts a failure of the function or its answer.
    #[track_caller]
    pub fn assert_function(&self, part_of_detail: &str) {
        let found = (self.code.as_str(), self.message.as_str());
        assert_eq!(found, ("38000", "lambda invocation failed"), "{self:?}");
        let start: String = self.detail.chars().take(500).collect();
        assert!(self.detail.contains(part_of_detail), "{start}");
    }
}

impl Session {
    /// A session whose calls go to the shared local service, with time enough for everything.
    pub fn open() -> Self {
        Self::open_in(playground().cluster(), database())
    }

    /// A session in another cluster or database.
    pub fn open_in(cluster: &Cluster, database: &str) -> Self {
        let mut client = Client::connect(&cluster.connection_string(database), NoTls).unwrap();
        let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
        let mut session = Self { client, pid: pid.unsigned_abs() };
        session.set("aws_lambda.connect_timeout_ms", "60000");
        session.set("aws_lambda.request_timeout_ms", "60000");
        session
    }

    /// A session whose calls go to `url`.
    pub fn at(url: &str) -> Self {
        let mut session = Self::open();
        session.go_to(url);
        session
    }

    /// Sends the next calls to `url`; to the shared local service if that is empty.
    pub fn go_to(&mut self, url: &str) {
        self.set("aws_lambda.endpoint_override", url);
    }

    /// `SET name = value`
    #[track_caller]
    pub fn set(&mut self, name: &str, value: &str) {
        self.client.execute("SELECT set_config($1, $2, false)", &[&name, &value]).unwrap();
    }

    /// Calls a function synchronously.
    pub fn call(&mut self, function: &str, payload: &str) -> Result<Answer, Failure> {
        let row = self.client.query_one(
            "SELECT status_code, payload::text, executed_version
               FROM aws_lambda.invoke($1::text, $2::text::json)",
            &[&function, &payload],
        )?;
        Ok(Answer { status: row.get(0), payload: row.get(1), version: row.get(2) })
    }

    /// Makes `count` calls by one statement, all in flight at once. The status is how many rows came.
    pub fn call_many(
        &mut self,
        function: &str,
        payload: &str,
        count: i32,
    ) -> Result<Answer, Failure> {
        let row = self.client.query_one(
            "SELECT count(*)::int FROM aws_lambda.invoke_many($1::text,
               array_fill($2::text::json, ARRAY[$3::int]), max_concurrency => $3)",
            &[&function, &payload, &count],
        )?;
        Ok(Answer { status: row.get(0), ..Answer::default() })
    }

    /// A call that must fail.
    #[track_caller]
    pub fn fail(&mut self, function: &str, payload: &str) -> Failure {
        self.call(function, payload).expect_err("the call succeeded")
    }

    /// The server's major version.
    pub fn major(&mut self) -> u32 {
        let row = self.client.query_one("SHOW server_version_num", &[]).unwrap();
        row.get::<_, &str>(0).parse::<u32>().unwrap() / 10_000
    }

    /// Runs statements that must succeed.
    #[track_caller]
    pub fn run(&mut self, sql: &str) {
        self.client.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Asserts that the backend still does its work: SQL, and a call of a real function.
    #[track_caller]
    pub fn assert_usable(&mut self) {
        self.run("SET statement_timeout = 0");
        self.set("aws_lambda.request_timeout_ms", "60000");
        self.set("aws_lambda.connect_timeout_ms", "60000");
        self.go_to("");
        let answer = self.call("echo", "{\"still\": [1.10, \"here\"]}");
        let payload = answer.expect("the backend does not call any more").payload;
        assert_eq!(payload.as_deref(), Some("{\"still\": [1.10, \"here\"]}"));
    }

    /// Makes a call from a thread, so that the test can look at it meanwhile.
    pub fn start(self, function: &str, payload: String) -> Running {
        let function = function.to_owned();
        self.start_doing(move |session| session.call(&function, &payload))
    }

    /// Makes `count` calls by one statement, from a thread.
    pub fn start_many(self, function: &str, payload: String, count: i32) -> Running {
        let function = function.to_owned();
        self.start_doing(move |session| session.call_many(&function, &payload, count))
    }

    fn start_doing(
        mut self,
        call: impl FnOnce(&mut Self) -> Result<Answer, Failure> + Send + 'static,
    ) -> Running {
        let pid = self.pid;
        let token = self.client.cancel_token();
        let thread = thread::spawn(move || {
            let begin = Instant::now();
            let result = call(&mut self);
            Ended { result, at: Instant::now(), took: begin.elapsed(), session: self }
        });
        Running { pid, token, thread }
    }
}

/// A call that was started.
pub struct Running {
    pub pid: u32,
    pub token: CancelToken,
    thread: JoinHandle<Ended>,
}

/// A call that has ended.
pub struct Ended {
    pub session: Session,
    pub result: Result<Answer, Failure>,
    pub at: Instant,
    pub took: Duration,
}

impl Running {
    /// Cancels it as `pg_cancel_backend` does, by one signal. (A driver's cancel request makes the
    /// server send two, and the second may come late enough to hit the next statement.)
    pub fn cancel(&self) {
        playground().cluster().signal_backend(self.pid, Signal::SIGINT).unwrap();
    }

    /// Waits for its end.
    pub fn join(self) -> Ended {
        wait_until("a call ends", || self.thread.is_finished());
        self.thread.join().unwrap()
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

impl Ended {
    /// The failure; a success is one of the test.
    #[track_caller]
    pub fn failure(&self) -> Failure {
        self.result.clone().expect_err("the call succeeded")
    }
}
