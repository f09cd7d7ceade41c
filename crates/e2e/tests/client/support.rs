//! Sessions, servers and files that several of these tests need.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use e2e::{Cluster, ClusterConfig, Playground, RawConnection, RawRequest, RawServer};
use postgres::{Client, NoTls, SimpleQueryMessage};

/// The playground that the tests run under.
pub static PLAYGROUND: LazyLock<Playground> =
    LazyLock::new(|| Playground::attach().unwrap_or_else(|error| panic!("{error:#}")));

/// A database of the shared cluster, for tests that only set session settings.
static DATABASE: LazyLock<String> =
    LazyLock::new(|| PLAYGROUND.cluster().create_database().unwrap());

/// Time enough on a machine that is busy with other tests.
const PATIENCE_MS: &str = "30000";

/// The call that most tests make.
pub const CALL: &str = "SELECT payload FROM aws_lambda.invoke('f', '{}'::json)";

/// One backend.
pub struct Session {
    client: Client,
}

/// What a failed statement says.
#[derive(Clone, Debug)]
pub struct Failure {
    pub code: String,
    pub message: String,
    pub detail: String,
    pub hint: String,
}

impl Session {
    /// A new backend of the shared cluster, as the superuser, with time for a busy machine.
    pub fn shared() -> Self {
        let mut session = Self::open(&PLAYGROUND.cluster().connection_string(&DATABASE));
        session.set("connect_timeout_ms", PATIENCE_MS);
        session.set("request_timeout_ms", PATIENCE_MS);
        session
    }

    /// A new backend of the shared cluster whose calls go to `server`.
    pub fn to(server: &RawServer) -> Self {
        let mut session = Self::shared();
        session.set("endpoint_override", &server.url());
        session
    }

    pub fn open(connection: &str) -> Self {
        Self { client: Client::connect(connection, NoTls).unwrap() }
    }

    /// Sets `aws_lambda.NAME`.
    pub fn set(&mut self, name: &str, value: &str) {
        self.run(&format!("SET aws_lambda.{name} = '{value}'")).unwrap();
    }

    /// Runs one statement and gives the first value of its first row, which may be NULL.
    pub fn run(&mut self, sql: &str) -> Result<Option<String>, Failure> {
        let messages = self.client.simple_query(sql).map_err(|error| Failure::read(&error))?;
        Ok(messages
            .into_iter()
            .find_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
                _ => None,
            })
            .flatten())
    }

    /// The first value of the first row.
    pub fn value(&mut self, sql: &str) -> String {
        self.run(sql).unwrap_or_else(|failure| panic!("{sql}: {failure:#?}")).unwrap()
    }

    /// The error of a statement that must fail.
    pub fn failure(&mut self, sql: &str) -> Failure {
        match self.run(sql) {
            Ok(value) => panic!("{sql} did not fail: {value:?}"),
            Err(failure) => failure,
        }
    }
}

impl Failure {
    fn read(error: &postgres::Error) -> Self {
        let Some(error) = error.as_db_error() else { panic!("the session is gone: {error:?}") };
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self {
            code: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: text(error.detail()),
            hint: text(error.hint()),
        }
    }

    /// That it is an error on the way to the function, with the client's words `said`.
    #[track_caller]
    pub fn assert_api(&self, said: &str) {
        assert_eq!(
            (self.code.as_str(), self.message.as_str()),
            ("38000", "invoke API failed"),
            "{self:#?}"
        );
        assert_eq!(self.detail, format!("AWS Lambda client returned '{said}'."), "{self:#?}");
    }
}

/// A cluster with an environment of its own, and a database in it.
pub struct Server {
    pub cluster: Cluster,
    pub database: String,
}

impl Server {
    /// Starts it. `change` begins with no environment but an empty home and no instance metadata.
    pub fn start(change: impl FnOnce(ClusterConfig) -> ClusterConfig) -> Self {
        let home = PLAYGROUND.folder().join("home").to_string_lossy().into_owned();
        let cluster = PLAYGROUND
            .new_cluster(|config| {
                change(
                    config
                        .without_any_env()
                        .env("HOME", home)
                        .env("AWS_EC2_METADATA_DISABLED", "true")
                        .setting("aws_lambda.request_timeout_ms", PATIENCE_MS),
                )
            })
            .unwrap();
        let database = cluster.create_database().unwrap();
        Self { cluster, database }
    }

    /// Starts it over with another environment.
    pub fn restart_with(&mut self, change: impl FnOnce(ClusterConfig) -> ClusterConfig) {
        self.cluster.reconfigure(change).unwrap();
        self.cluster.restart().unwrap();
    }

    /// A new backend.
    pub fn session(&self) -> Session {
        Session::open(&self.cluster.connection_string(&self.database))
    }
}

/// Static credentials, for tests that are about something else.
pub fn with_keys(config: ClusterConfig) -> ClusterConfig {
    config.env("AWS_ACCESS_KEY_ID", "AKIDTEST").env("AWS_SECRET_ACCESS_KEY", "secret")
}

/// A folder that the database server may read; it goes with the playground.
pub fn folder() -> PathBuf {
    let path = tempfile::Builder::new().prefix("t").tempdir_in(PLAYGROUND.folder()).unwrap().keep();
    fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
    path
}

/// Writes a file that the database server may read, its folders included, and gives its path.
pub fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    let parent = path.parent().unwrap();
    fs::create_dir_all(parent).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path.to_string_lossy().into_owned()
}

/// A server that answers every request as a function does that returns `null`.
pub fn answering() -> RawServer {
    serving(|_request, connection| {
        connection.respond(200, &["x-amz-executed-version: $LATEST"], b"null")
    })
}

/// A server that answers each request in turn, over connections that stay open.
pub fn serving(
    answer: impl Fn(&RawRequest, &mut RawConnection) -> std::io::Result<()> + Send + Sync + 'static,
) -> RawServer {
    RawServer::start(move |connection| {
        while let Some(request) = connection.read_request()? {
            answer(&request, connection)?;
        }
        Ok(())
    })
    .unwrap()
}

/// The only request that `server` has seen.
#[track_caller]
pub fn only_request(server: &RawServer) -> RawRequest {
    let mut requests = server.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    requests.remove(0)
}

/// Access key and region of a request's signature.
#[track_caller]
pub fn scope(request: &RawRequest) -> (String, String) {
    let authorization = request.header("authorization").expect("the request is signed");
    let credential = authorization.split("Credential=").nth(1).unwrap().split(',').next().unwrap();
    let parts: Vec<&str> = credential.split('/').collect();
    assert_eq!((parts.len(), parts[3], parts[4]), (5, "lambda", "aws4_request"), "{authorization}");
    (parts[0].to_owned(), parts[2].to_owned())
}
