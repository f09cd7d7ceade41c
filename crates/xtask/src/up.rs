//! `cargo xtask up` and `down`, and the playground of every other command.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use e2e::{
    Lifetime, MariaDbInstall, PLAYGROUND_VARIABLE, PgConfig, Playground, Profile, Workspace,
};

use crate::Server;
use crate::build;
use crate::command;
use crate::mysql;
use crate::progress::{self, Steps};
use crate::setup::{self, Purpose};

/// Sets up, builds everything, and starts a playground that has what `purpose` needs.
pub fn playground(
    purpose: Purpose,
    server: &Server,
    profile: Profile,
    lifetime: Lifetime,
) -> Result<Started> {
    let pg_config = setup::prepare(server, purpose)?;
    let mariadbs = mariadbs(purpose)?;
    let workspace = build::workspace(profile)?;
    build::everything(&workspace, &pg_config)?;
    prepare_functions(&workspace, &workspace.function_folders())?;
    progress::stage("starting the playground");
    let mut steps = Steps::default();
    let tell = &mut |step: &str| steps.begin(step);
    let playground = Playground::start(&workspace, &pg_config, mariadbs, lifetime, tell)?;
    Ok(Started { playground, pg_config })
}

/// The servers to start beside PostgreSQL.
fn mariadbs(purpose: Purpose) -> Result<Vec<MariaDbInstall>> {
    let mut installs = Vec::new();
    if purpose >= Purpose::BothDatabases {
        installs.extend(MariaDbInstall::system_mariadb());
    }
    if matches!(purpose, Purpose::EveryDatabase | Purpose::Tests) {
        installs.extend(mysql::provide()?);
    }
    Ok(installs)
}

/// A playground, and the PostgreSQL that it was built for.
pub struct Started {
    /// The playground.
    pub playground: Playground,
    /// The PostgreSQL.
    pub pg_config: PgConfig,
}

/// Has the service install what the functions in these folders need, which takes a while the first
/// time.
pub fn prepare_functions(workspace: &Workspace, folders: &[PathBuf]) -> Result<()> {
    let shown = folders.iter().map(|folder| folder.strip_prefix(&workspace.root).unwrap_or(folder));
    let shown: Vec<_> = shown.map(|folder| folder.display().to_string()).collect();
    progress::stage(&format!("preparing the functions in {}", shown.join(" and ")));
    let mut prepare = Command::new(workspace.sqlambda());
    prepare.args(["local", "--prepare"]).args(folders);
    command::succeed(prepare)
}

/// `cargo xtask up`
pub fn up(server: &Server) -> Result<ExitCode> {
    let state = state_file()?;
    if let Ok(running) = Playground::read(&state)
        && running.is_running()
    {
        println!("A playground is up already; `cargo xtask down` ends it.\n");
        tell(&running, &state);
        return Ok(ExitCode::SUCCESS);
    }
    let Started { mut playground, .. } =
        self::playground(Purpose::EveryDatabase, server, Profile::Debug, Lifetime::Detached)?;
    playground.write(&state)?;
    playground.keep();
    tell(&playground, &state);
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask down`
pub fn down() -> Result<ExitCode> {
    let state = state_file()?;
    if !state.is_file() {
        bail!("no playground is up: there is no {}", state.display());
    }
    Playground::read(&state)?.end()?;
    std::fs::remove_file(&state).with_context(|| format!("cannot remove {}", state.display()))?;
    println!("The playground is down: its processes have ended, its folder is removed.");
    Ok(ExitCode::SUCCESS)
}

fn state_file() -> Result<PathBuf> {
    Ok(build::workspace(Profile::Debug)?.target.join("sqlambda-playground.json"))
}

fn tell(playground: &Playground, state: &std::path::Path) {
    let cluster = playground.cluster();
    let install = cluster.install();
    // The one in PATH talks to any server; without one, there is still the one beside the server.
    let psql = match command::output("psql", &["--version"]) {
        Some(_) => "psql".into(),
        None => install.program("psql"),
    };
    let (psql, host, port) = (psql.display(), cluster.socket_folder().display(), cluster.port());
    println!(
        "
{version} runs here, the extensions are installed in it:

  {psql} -h {host} -p {port} -U postgres

  CREATE EXTENSION IF NOT EXISTS aws_lambda CASCADE;
  SELECT * FROM aws_lambda.invoke('simple', '{{\"body\": \"Hello from Postgres!\"}}'::json);

{mariadb}The local Lambda service serves {folders}.
The databases know it already; for other programs, such as the AWS CLI:

  export AWS_ENDPOINT_URL_LAMBDA={endpoint}
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1

End-to-end tests run on it with

  export {PLAYGROUND_VARIABLE}={state}

`cargo xtask down` ends it.",
        version = install.config.version,
        mariadb = mariadb(playground),
        folders = folders(playground),
        endpoint = playground.service().endpoint(),
        state = state.display(),
    );
}

/// How to reach the MariaDB, if there is one.
fn mariadb(playground: &Playground) -> String {
    let Ok(server) = playground.mariadb() else { return String::new() };
    format!(
        "{version} runs here, the functions are installed in it:

  mariadb --no-defaults --socket={socket} --user=root

  SELECT lambda_sync('simple', '{{\"body\": \"Hello from MariaDB!\"}}');

",
        version = server.install().version,
        socket = server.socket().display(),
    )
}

fn folders(playground: &Playground) -> String {
    let workspace = playground.workspace();
    let names: Vec<_> = workspace
        .function_folders()
        .iter()
        .map(|folder| folder.strip_prefix(&workspace.root).unwrap_or(folder).display().to_string())
        .collect();
    names.join(" and ")
}
