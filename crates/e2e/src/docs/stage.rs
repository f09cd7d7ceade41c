//! Where blocks are run: a database, and an environment for commands.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context as _, Result};

use super::blocks::{self, Block, Exchange, Language};
use super::commands::{Fate, fate};
use super::{Line, Tell, mariadb, pattern};
use crate::cluster::Cluster;
use crate::cluster_config::ClusterConfig;
use crate::mariadb::MariaDb;
use crate::playground::Playground;

/// Begins the line that tells one statement's output from the next one's.
pub(super) const MARK: &str = "--docs-mark--";

/// What begins a statement, and its further lines.
const PSQL_PROMPTS: [&str; 2] = ["=> ", "-> "];

/// What begins a command, and its further lines.
const SHELL_PROMPTS: [&str; 2] = ["$ ", "> "];

/// How long a block that says `eventually` may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Until it is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// A database, and an environment for commands.
#[derive(Debug)]
pub struct Stage {
    cluster: Cluster,
    database: String,
    /// Its MariaDB, and the database in it.
    mariadb: Option<(MariaDb, String)>,
    programs: Vec<PathBuf>,
    environment: Vec<(String, OsString)>,
    /// Where commands run; none: each block in an empty folder.
    folder: Option<PathBuf>,
    /// Beginnings of commands that can be run here and not everywhere.
    commands: Vec<&'static str>,
}

/// Told of a problem: the line in the block, 0 for its fence, and what is wrong.
type Problem<'a> = dyn FnMut(usize, String) + 'a;

impl Stage {
    /// A cluster of the stage's own, because roles are known to all databases of one. It calls the
    /// functions of the playground.
    pub fn new(playground: &Playground) -> Result<Self> {
        // Preloaded, because servers before 17 count calls only then; patient, because a busy machine
        // is not what the documentation is about.
        let cluster = playground.new_cluster(|config: ClusterConfig| {
            config
                .setting("shared_preload_libraries", "aws_lambda")
                .setting("aws_lambda.connect_timeout_ms", "10000")
                .setting("aws_lambda.request_timeout_ms", "10000")
        })?;
        let database = cluster.create_database()?;
        Self::on(playground, cluster, database)
            .map(|stage| stage.env("AWS_ENDPOINT_URL_LAMBDA", playground.service().endpoint()))
    }

    /// A stage on this database of this cluster.
    pub fn on(playground: &Playground, cluster: Cluster, database: String) -> Result<Self> {
        let psql = cluster.install().program("psql");
        let psql = psql.parent().context("psql is in no folder")?.to_owned();
        let stage = Self {
            database,
            mariadb: None,
            programs: vec![playground.workspace().built(), psql],
            environment: Vec::new(),
            folder: None,
            commands: Vec::new(),
            cluster,
        };
        let (host, port) = (stage.cluster.socket_folder(), stage.cluster.port().to_string());
        let host = host.to_owned();
        Ok(stage
            .env("PGHOST", host)
            .env("PGPORT", port)
            .env("PGUSER", "postgres")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1"))
    }

    /// Sets an environment variable of the commands.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Has the commands run in this folder.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Lets commands begin with `command`, of which the program is in `folder`.
    #[must_use]
    pub fn program(mut self, command: &'static str, folder: &Path) -> Self {
        self.programs.push(folder.to_owned());
        self.commands.push(command);
        self
    }

    /// Adds a MariaDB, whose `database` its blocks share.
    pub fn mariadb(mut self, server: MariaDb, database: &str) -> Result<Self> {
        mariadb::write_options(&server, database)?;
        let folder = server.folder().to_owned();
        self.mariadb = Some((server, database.to_owned()));
        Ok(self.env("MYSQL_HOME", folder))
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The major of its PostgreSQL.
    pub fn major(&self) -> u16 {
        self.cluster.install().config.major
    }

    /// The database that the blocks share.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Its MariaDB, if it has one.
    pub fn mariadb_server(&self) -> Option<&MariaDb> {
        self.mariadb.as_ref().map(|(server, _)| server)
    }

    /// What a reader's own shell needs to be where the commands are.
    pub fn environment(&self) -> impl Iterator<Item = (&str, &OsString)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(super) fn run(
        &self,
        block: &Block,
        tell: &mut Tell<'_>,
        problem: &mut Problem<'_>,
    ) -> Result<()> {
        let creates = block.lines.iter().any(|line| line.contains("CREATE EXTENSION"));
        let plain = creates.then(|| self.cluster.create_plain_database()).transpose()?;
        let database = plain.as_deref().unwrap_or(&self.database);
        match block.language {
            Language::Psql => {
                let run = |exchanges: &[Exchange]| self.psql_outputs(database, exchanges);
                Self::session(block, PSQL_PROMPTS, run, tell, problem)
            }
            Language::MariaDb => {
                let Some((server, database)) = &self.mariadb else {
                    problem(0, "this stage has no MariaDB".to_owned());
                    return Ok(());
                };
                let run = |exchanges: &[Exchange]| mariadb::outputs(server, database, exchanges);
                Self::session(block, mariadb::PROMPTS, run, tell, problem)
            }
            Language::Sql => self.statements(database, block, tell, problem),
            Language::Console => self.commands(database, block, tell, problem),
            Language::Json | Language::Shown | Language::Unknown(_) => Ok(()),
        }
    }

    /// A session: `run` has its exchanges played in one client, and gives what each printed.
    fn session(
        block: &Block,
        prompts: [&'static str; 2],
        run: impl Fn(&[Exchange]) -> Result<Vec<String>>,
        tell: &mut Tell<'_>,
        problem: &mut Problem<'_>,
    ) -> Result<()> {
        let exchanges = block.exchanges(prompts);
        if exchanges.is_empty() {
            let what = format!("this session has no statement: they begin with `{}`", prompts[0]);
            problem(0, what);
            return Ok(());
        }
        let deadline = Instant::now() + PATIENCE;
        let mut outputs = run(&exchanges)?;
        let matches =
            |outputs: &[String]| exchanges.iter().zip(outputs).all(|(it, out)| it.matches(out));
        while block.eventually && !matches(&outputs) && Instant::now() < deadline {
            thread::sleep(PAUSE);
            outputs = run(&exchanges)?;
        }
        for (exchange, output) in exchanges.iter().zip(&outputs) {
            exchange.tell(prompts, output, tell);
            exchange.compare(output, problem);
        }
        Ok(())
    }

    /// What each exchange prints in one psql: after it, both streams get a line that ends its output.
    fn psql_outputs(&self, database: &str, exchanges: &[Exchange]) -> Result<Vec<String>> {
        let mut script = String::new();
        for exchange in exchanges {
            let input = exchange.input.join("\n");
            script.push_str(&format!("{input}\n\\echo {MARK}\n\\warn {MARK}\n"));
        }
        let output = self.cluster.psql().database(database).run(&script)?;
        let (results, messages) = (split(&output.stdout), split(&output.stderr));
        let part = |parts: &[String], number| parts.get(number).cloned().unwrap_or_default();
        // As in a terminal: notices and errors come before the result.
        Ok((0..exchanges.len())
            .map(|number| format!("{}{}", part(&messages, number), part(&results, number)))
            .collect())
    }

    fn statements(
        &self,
        database: &str,
        block: &Block,
        tell: &mut Tell<'_>,
        problem: &mut Problem<'_>,
    ) -> Result<()> {
        block.lines.iter().for_each(|line| tell(Line::Input(line)));
        let psql = self.cluster.psql().database(database).variable("ON_ERROR_STOP", "1");
        let output = psql.run(&block.lines.join("\n"))?;
        if let Err(error) = output.stdout_if_ok() {
            problem(0, format!("{error}"));
        }
        Ok(())
    }

    fn commands(
        &self,
        database: &str,
        block: &Block,
        tell: &mut Tell<'_>,
        problem: &mut Problem<'_>,
    ) -> Result<()> {
        let empty = tempfile::tempdir()?;
        let folder = self.folder.as_deref().unwrap_or(empty.path());
        for exchange in block.exchanges(SHELL_PROMPTS) {
            let text = exchange.input.join("\n");
            match self.fate(&text) {
                Fate::NotRun => {
                    exchange.tell(SHELL_PROMPTS, &exchange.output.join("\n"), tell);
                    continue;
                }
                Fate::Unknown => {
                    let what = format!("e2e/src/docs/commands.rs does not know: {text}");
                    problem(exchange.line, what);
                    continue;
                }
                Fate::Run => {}
            }
            let deadline = Instant::now() + PATIENCE;
            let (mut succeeded, mut said) = self.command(&text, database, folder)?;
            while block.eventually
                && !(succeeded && exchange.matches(&said))
                && Instant::now() < deadline
            {
                thread::sleep(PAUSE);
                (succeeded, said) = self.command(&text, database, folder)?;
            }
            exchange.tell(SHELL_PROMPTS, &said, tell);
            if !succeeded {
                problem(exchange.line, format!("{text}: failed\n{said}"));
            } else if !exchange.output.iter().all(|line| line.trim().is_empty()) {
                exchange.compare(&said, problem);
            }
        }
        Ok(())
    }

    fn fate(&self, text: &str) -> Fate {
        let ours =
            |command: &&str| text.strip_prefix(*command).is_some_and(|it| it.starts_with(' '));
        if self.commands.iter().any(ours) { Fate::Run } else { fate(text) }
    }

    /// Whether the command succeeded, and what it said.
    fn command(&self, text: &str, database: &str, folder: &Path) -> Result<(bool, String)> {
        let caller = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(self.programs.iter().cloned().chain(env::split_paths(&caller)))?;
        // One stream for both, as in a terminal.
        let output = Command::new("bash")
            .args(["-c", &format!("exec 2>&1\n{text}")])
            .current_dir(folder)
            .env("PATH", path)
            .env("PGDATABASE", database)
            .envs(self.environment())
            .stdin(Stdio::null())
            .output()
            .context("cannot run bash")?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}

impl Block {
    fn exchanges(&self, [first, further]: [&str; 2]) -> Vec<Exchange> {
        // A superuser's prompts, too.
        let as_superuser = |prompt: &str| prompt.replace("=>", "=#").replace("->", "-#");
        let (first_too, further_too) = (as_superuser(first), as_superuser(further));
        blocks::exchanges(&self.lines, &[first, &first_too], &[further, &further_too])
    }
}

impl Exchange {
    fn matches(&self, output: &str) -> bool {
        pattern::matches(&self.output.join("\n"), output)
    }

    /// Tells the input with the first and further prompts, and what was answered.
    fn tell(&self, prompts: [&str; 2], output: &str, tell: &mut Tell<'_>) {
        for (number, line) in self.input.iter().enumerate() {
            tell(Line::Input(&format!("{}{line}", prompts[usize::from(number > 0)])));
        }
        output.trim_end().lines().for_each(|line| tell(Line::Output(line)));
        if self.output.last().is_some_and(String::is_empty) {
            // Between this exchange and the next.
            tell(Line::Output(""));
        }
    }

    fn compare(&self, output: &str, problem: &mut Problem<'_>) {
        if self.matches(output) {
            return;
        }
        let (shown, output) = (pattern::tidy(&self.output.join("\n")), pattern::tidy(output));
        let input = self.input.join("\n");
        problem(self.line, format!("{input}\n--- shown\n{shown}\n--- but it is\n{output}\n---"));
    }
}

/// The parts of a stream that end with the mark.
pub(super) fn split(stream: &str) -> Vec<String> {
    stream.split(&format!("{MARK}\n")).map(str::to_owned).collect()
}
