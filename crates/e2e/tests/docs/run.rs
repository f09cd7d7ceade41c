//! Runs the blocks of a file.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use e2e::{Cluster, Playground};

use crate::blocks::{self, Block, Exchange, Language};
use crate::commands::{Fate, fate};
use crate::pattern;

/// Begins the line that tells one statement's output from the next one's.
const MARK: &str = "--docs-mark--";

/// Runs a file and gives what is wrong with it.
pub fn file(playground: &Playground, path: &Path) -> Vec<String> {
    let markdown = fs::read_to_string(path).unwrap();
    let blocks = blocks::read(&markdown);
    let name = path.file_name().unwrap().to_string_lossy();
    let needs_database = |block: &Block| {
        !block.no_run
            && matches!(block.language, Language::Psql | Language::Sql | Language::Console)
    };
    // Only if there is something to run: many files have none.
    let session = blocks.iter().any(needs_database).then(|| Session::start(playground));
    let mut problems = Vec::new();
    for block in &blocks {
        let mut tell = |line: usize, what: String| {
            problems.push(format!("{name}:{}: {what}", block.line + line));
        };
        match (&block.language, &session) {
            (Language::Unknown(word), _) if word.is_empty() => {
                tell(0, "this block says not what it is".to_owned());
            }
            (Language::Unknown(word), _) => tell(0, format!("nobody knows the language {word}")),
            (_, Some(session)) if !block.no_run => session.run(block, &mut tell),
            _ => {}
        }
    }
    problems
}

struct Session {
    cluster: Cluster,
    database: String,
    path: String,
    endpoint: String,
}

/// Told of a problem: the line in the block, 0 for its fence, and what is wrong.
type Tell<'a> = dyn FnMut(usize, String) + 'a;

impl Session {
    /// A cluster of the file's own, because roles are known to all databases of one.
    fn start(playground: &Playground) -> Self {
        let cluster = playground.new_cluster(|config| config).unwrap();
        let database = cluster.create_database().unwrap();
        let programs = [
            playground.workspace().built(),
            cluster.install().program("psql").parent().unwrap().to_owned(),
        ];
        let caller = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(programs.into_iter().chain(env::split_paths(&caller))).unwrap();
        let endpoint = playground.service().endpoint().to_owned();
        Self { cluster, database, path: path.into_string().unwrap(), endpoint }
    }

    fn run(&self, block: &Block, tell: &mut Tell<'_>) {
        let creates = block.lines.iter().any(|line| line.contains("CREATE EXTENSION"));
        let plain = creates.then(|| self.cluster.create_plain_database().unwrap());
        let database = plain.as_deref().unwrap_or(&self.database);
        match block.language {
            Language::Psql => self.session(database, block, tell),
            Language::Sql => self.statements(database, block, tell),
            Language::Console => self.commands(database, block, tell),
            Language::Shown | Language::Unknown(_) => {}
        }
    }

    /// A session in one psql: after each statement, both streams get a line that ends its output.
    fn session(&self, database: &str, block: &Block, tell: &mut Tell<'_>) {
        let exchanges = blocks::exchanges(&block.lines, &["=> ", "=# "], &["-> ", "-# "]);
        if exchanges.is_empty() {
            return tell(0, "this session has no statement: they begin with `=> `".to_owned());
        }
        let mut script = String::new();
        for exchange in &exchanges {
            script.push_str(&format!(
                "{}\n\\echo {MARK}\n\\warn {MARK}\n",
                exchange.input.join("\n")
            ));
        }
        let output = self.cluster.psql().database(database).run(&script).unwrap();
        let (results, messages) = (split(&output.stdout), split(&output.stderr));
        for (number, exchange) in exchanges.iter().enumerate() {
            let part = |parts: &[String]| parts.get(number).cloned().unwrap_or_default();
            // As in a terminal: notices and errors come before the result.
            compare(exchange, &format!("{}{}", part(&messages), part(&results)), tell);
        }
    }

    fn statements(&self, database: &str, block: &Block, tell: &mut Tell<'_>) {
        let psql = self.cluster.psql().database(database).variable("ON_ERROR_STOP", "1");
        let output = psql.run(&block.lines.join("\n")).unwrap();
        if let Err(error) = output.stdout_if_ok() {
            tell(0, format!("{error}"));
        }
    }

    fn commands(&self, database: &str, block: &Block, tell: &mut Tell<'_>) {
        let folder = tempfile::tempdir().unwrap();
        for exchange in blocks::exchanges(&block.lines, &["$ "], &["> "]) {
            let text = exchange.input.join("\n");
            match fate(&text) {
                Fate::NotRun => continue,
                Fate::Unknown => {
                    tell(exchange.line, format!("tests/docs/commands.rs does not know: {text}"));
                    continue;
                }
                Fate::Run => {}
            }
            // One stream for both, as in a terminal.
            let output = Command::new("bash")
                .args(["-c", &format!("exec 2>&1\n{text}")])
                .current_dir(folder.path())
                .env("PATH", &self.path)
                .env("PGHOST", self.cluster.socket_folder())
                .env("PGPORT", self.cluster.port().to_string())
                .env("PGUSER", "postgres")
                .env("PGDATABASE", database)
                .env("AWS_ENDPOINT_URL_LAMBDA", &self.endpoint)
                .env("AWS_ACCESS_KEY_ID", "test")
                .env("AWS_SECRET_ACCESS_KEY", "test")
                .env("AWS_REGION", "us-east-1")
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            if !output.status.success() {
                tell(exchange.line, format!("{text}: {}\n{said}", output.status));
            } else if !exchange.output.iter().all(|line| line.trim().is_empty()) {
                compare(&exchange, &said, tell);
            }
        }
    }
}

/// The parts of a stream that end with the mark.
fn split(stream: &str) -> Vec<String> {
    stream.split(&format!("{MARK}\n")).map(str::to_owned).collect()
}

fn compare(exchange: &Exchange, output: &str, tell: &mut Tell<'_>) {
    let shown = exchange.output.join("\n");
    if !pattern::matches(&shown, output) {
        let (shown, output) = (pattern::tidy(&shown), pattern::tidy(output));
        let input = exchange.input.join("\n");
        tell(exchange.line, format!("{input}\n--- shown\n{shown}\n--- but it is\n{output}\n---"));
    }
}
