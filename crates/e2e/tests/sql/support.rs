//! What the tests of this program share: databases, sessions, and what a statement left.

use std::fs;
use std::sync::LazyLock;

use e2e::{Cluster, Playground, Psql};
use postgres::{Client, NoTls, SimpleQueryMessage};

/// The playground of the test run.
pub fn playground() -> &'static Playground {
    static PLAYGROUND: LazyLock<Playground> = LazyLock::new(|| Playground::attach().unwrap());
    &PLAYGROUND
}

/// The cluster that all tests share.
pub fn cluster() -> &'static Cluster {
    playground().cluster()
}

/// A database of the caller's own, with the extensions.
pub fn database() -> String {
    patient(cluster(), cluster().create_database().unwrap())
}

/// Such a database in another encoding than UTF-8.
pub fn database_in(encoding: &str) -> String {
    patient(cluster(), cluster().create_database_in(encoding).unwrap())
}

/// Gives the calls of a database all the time they need: a busy machine is no failure.
pub fn patient(cluster: &Cluster, database: String) -> String {
    for setting in ["connect_timeout_ms", "request_timeout_ms"] {
        let sql = format!("ALTER DATABASE {database} SET aws_lambda.{setting} = 60000;");
        cluster.query("postgres", &sql).unwrap();
    }
    database
}

/// The real `psql`, bound for `database`.
pub fn psql(database: &str) -> Psql {
    cluster().psql().database(database)
}

/// A role that can log in, of a name that no other test has.
pub fn role(cluster: &Cluster, name: &str) -> String {
    let name = format!("{name}_{}", std::process::id());
    cluster.query("postgres", &format!("CREATE ROLE {name} LOGIN;")).unwrap();
    name
}

/// One row, as PostgreSQL prints the values.
pub type Row = Vec<Option<String>>;

/// A session of a client library.
pub struct Session {
    pub client: Client,
}

impl Session {
    /// A superuser's session in a database of its own.
    pub fn new() -> Self {
        Self::open(cluster(), &database())
    }

    /// A superuser's session.
    pub fn open(cluster: &Cluster, database: &str) -> Self {
        Self::connect(&cluster.connection_string(database))
    }

    /// A session of `role`.
    pub fn open_as(role: &str, cluster: &Cluster, database: &str) -> Self {
        Self::connect(&cluster.connection_string_as(role, database))
    }

    fn connect(connection: &str) -> Self {
        Self { client: Client::connect(connection, NoTls).unwrap() }
    }

    /// Runs statements by the simple protocol; the rows of all of them.
    pub fn try_rows(&mut self, sql: &str) -> Result<Vec<Row>, Failure> {
        let messages = self.client.simple_query(sql)?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    /// The rows of statements that must succeed.
    #[track_caller]
    pub fn rows(&mut self, sql: &str) -> Vec<Row> {
        self.try_rows(sql).unwrap_or_else(|failure| panic!("{failure:#?}\n{sql}"))
    }

    /// The only row.
    #[track_caller]
    pub fn row(&mut self, sql: &str) -> Row {
        let mut rows = self.rows(sql);
        assert_eq!(rows.len(), 1, "{rows:?}\n{sql}");
        rows.remove(0)
    }

    /// The only column of the only row.
    #[track_caller]
    pub fn value(&mut self, sql: &str) -> Option<String> {
        let mut row = self.row(sql);
        assert_eq!(row.len(), 1, "{row:?}\n{sql}");
        row.remove(0)
    }

    /// The only column of the only row, which is not NULL.
    #[track_caller]
    pub fn text(&mut self, sql: &str) -> String {
        self.value(sql).unwrap_or_else(|| panic!("NULL: {sql}"))
    }

    /// Runs statements that must succeed.
    #[track_caller]
    pub fn run(&mut self, sql: &str) {
        self.rows(sql);
    }

    /// Runs a statement that must fail.
    #[track_caller]
    pub fn fail(&mut self, sql: &str) -> Failure {
        match self.try_rows(sql) {
            Ok(rows) => panic!("it succeeded: {rows:?}\n{sql}"),
            Err(failure) => failure,
        }
    }

    /// Sends the next calls to `url`; to where the environment says if that is empty.
    #[track_caller]
    pub fn go_to(&mut self, url: &str) {
        self.run(&format!("SET aws_lambda.endpoint_override = '{url}'"));
    }

    /// Asserts that the same session still calls real functions.
    #[track_caller]
    pub fn assert_usable(&mut self) {
        let answer = self.row("SELECT * FROM aws_lambda.invoke('echo', '{\"a\": 1.10}'::json)");
        let latest = Some("$LATEST".to_owned());
        let expected = [Some("200".to_owned()), Some("{\"a\": 1.10}".to_owned()), latest, None];
        assert_eq!(answer, expected);
    }
}

/// What a statement failed with. Request ids are replaced by `<id>`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Failure {
    pub code: String,
    pub message: String,
    pub detail: String,
    pub hint: String,
}

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        let report = error.as_db_error().unwrap_or_else(|| panic!("the session ended: {error:?}"));
        Self {
            code: report.code().code().to_owned(),
            message: report.message().to_owned(),
            detail: without_ids(report.detail().unwrap_or_default()),
            hint: without_ids(report.hint().unwrap_or_default()),
        }
    }
}

impl Failure {
    /// The failure on the way to a function, with what the client says and our hint.
    pub fn api(said: &str, hint: &str) -> Self {
        let detail = format!("AWS Lambda client returned '{said}'.");
        Self::of("38000", "invoke API failed", &detail, hint)
    }

    /// The failure of a function or of its answer.
    pub fn function(detail: &str, hint: &str) -> Self {
        Self::of("38000", "lambda invocation failed", detail, hint)
    }

    /// The refusal of an argument's value.
    pub fn argument(name: &str, detail: &str, hint: &str) -> Self {
        Self::of("22023", &format!("invalid value for argument \"{name}\""), detail, hint)
    }

    /// Any failure.
    pub fn of(code: &str, message: &str, detail: &str, hint: &str) -> Self {
        let [code, message, detail, hint] = [code, message, detail, hint].map(str::to_owned);
        Self { code, message, detail, hint }
    }
}

/// `text` with every UUID replaced by `<id>`.
pub fn without_ids(text: &str) -> String {
    const UUID: [usize; 5] = [8, 4, 4, 4, 12];
    let is_id = |part: &str| {
        let groups: Vec<&str> = part.split('-').collect();
        groups.iter().map(|group| group.len()).eq(UUID)
            && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let mut rest = text;
    let mut clean = String::new();
    while let Some(first) = rest.chars().next() {
        if rest.get(..36).is_some_and(is_id) {
            clean.push_str("<id>");
            rest = &rest[36..];
        } else {
            clean.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    clean
}

/// The example of AWS's pages, whose placeholders stand for the local service's region and account.
pub fn localise(printed: &str) -> String {
    let region = |text: String, name| text.replace(name, "us-east-1");
    let text =
        ["aws-region", "us-west-1", "us-west-2"].into_iter().fold(printed.to_owned(), region);
    ["111122223333", "444455556666", "555555555555"]
        .into_iter()
        .fold(text, |text, account| text.replace(account, "000000000000"))
}

/// A file in which the function `counter` counts its runs.
pub struct Counter {
    folder: tempfile::TempDir,
}

impl Counter {
    /// No runs yet.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The file.
    pub fn path(&self) -> String {
        self.folder.path().join("runs").to_str().unwrap().to_owned()
    }

    /// A call of it; `more` are further arguments of `json_build_object`.
    pub fn call(&self, more: &str) -> String {
        format!("aws_lambda.invoke('counter', json_build_object('file', '{}'{more}))", self.path())
    }

    /// How often it ran.
    pub fn runs(&self) -> usize {
        fs::read_to_string(self.path()).unwrap_or_default().lines().count()
    }
}
