//! What the tests of this program share: a database, sessions, and what a statement left.

use std::sync::LazyLock;

use e2e::Playground;
use postgres::{Client, NoTls};

/// The playground of the test run.
pub fn playground() -> &'static Playground {
    static PLAYGROUND: LazyLock<Playground> = LazyLock::new(|| Playground::attach().unwrap());
    &PLAYGROUND
}

/// The database of this program in the shared cluster.
fn database() -> &'static str {
    static DATABASE: LazyLock<String> =
        LazyLock::new(|| playground().cluster().create_database().unwrap());
    &DATABASE
}

/// A session of a superuser, whose calls have all the time they need.
pub fn session() -> Client {
    session_as("postgres")
}

/// A session of `role`.
pub fn session_as(role: &str) -> Client {
    let string = playground().cluster().connection_string_as(role, database());
    let mut client = Client::connect(&string, NoTls).unwrap();
    client
        .batch_execute(
            "SET aws_lambda.request_timeout_ms = 60000; SET aws_lambda.connect_timeout_ms = 60000",
        )
        .unwrap();
    client
}

/// What a statement failed with.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Failure {
    /// SQLSTATE.
    pub code: String,
    pub message: String,
    pub detail: String,
    pub hint: String,
}

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        let Some(report) = error.as_db_error() else {
            return Self { message: error.to_string(), ..Self::default() };
        };
        Self {
            code: report.code().code().to_owned(),
            message: report.message().to_owned(),
            detail: report.detail().unwrap_or_default().to_owned(),
            hint: report.hint().unwrap_or_default().to_owned(),
        }
    }
}
