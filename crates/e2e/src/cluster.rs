//! A temporary PostgreSQL server with a data folder of its own.

use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::cluster_config::ClusterConfig;
use crate::pg_install::PgInstall;
use crate::process::{Lifetime, Managed, ProcessId, send};
use crate::psql::Psql;
use crate::server_user::ServerUser;
use crate::template::{SUPERUSER, TEMPLATE_DATABASE, Template};
use crate::waiting::answer_within;

/// The three ways to shut a PostgreSQL server down.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StopMode {
    /// Waits for every session to end by itself.
    Smart,
    /// Ends the sessions, rolls their transactions back.
    Fast,
    /// Ends at once, as in a crash: the next start recovers.
    Immediate,
}

impl StopMode {
    fn signal(self) -> Signal {
        match self {
            Self::Smart => Signal::SIGTERM,
            Self::Fast => Signal::SIGINT,
            Self::Immediate => Signal::SIGQUIT,
        }
    }
}

/// A temporary PostgreSQL server. The one who made it owns it: dropping it stops the server and
/// removes its folder. A shared one, from [`crate::Playground::cluster`], can only be used.
#[derive(Debug)]
pub struct Cluster {
    description: ClusterDescription,
    lifetime: Lifetime,
    role: Role,
}

#[derive(Debug)]
enum Role {
    Owner(Option<Managed>),
    Guest,
}

/// What another process needs to know about a cluster.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ClusterDescription {
    install: PgInstall,
    folder: PathBuf,
    port: u16,
    config: ClusterConfig,
    /// None while it is stopped.
    pub(crate) process: Option<ProcessId>,
}

impl Cluster {
    /// Copies the template into a new folder below `parent` and starts a server on it.
    pub(crate) fn create(
        install: &PgInstall,
        template: &Template,
        parent: &Path,
        config: ClusterConfig,
        lifetime: Lifetime,
    ) -> Result<Self> {
        fs::create_dir_all(parent)?;
        let folder = tempfile::Builder::new().prefix("c").tempdir_in(parent)?.keep();
        let mut cluster = Self::at(install, folder, config, lifetime);
        let folder = &cluster.description.folder;
        fs::set_permissions(folder, Permissions::from_mode(0o755))?;
        ServerUser::choose()?.own(folder)?;
        template.copy(&cluster.data_folder())?;
        cluster.start()?;
        Ok(cluster)
    }

    /// A stopped cluster whose data folder is `folder/data`.
    pub(crate) fn at(
        install: &PgInstall,
        folder: PathBuf,
        config: ClusterConfig,
        lifetime: Lifetime,
    ) -> Self {
        let description =
            ClusterDescription { install: install.clone(), folder, port: 0, config, process: None };
        Self { description, lifetime, role: Role::Owner(None) }
    }

    pub(crate) fn attach(description: ClusterDescription) -> Self {
        Self { description, lifetime: Lifetime::Detached, role: Role::Guest }
    }

    pub(crate) fn description(&self) -> &ClusterDescription {
        &self.description
    }

    /// Starts the server and waits until it accepts connections.
    pub fn start(&mut self) -> Result<()> {
        if self.description.process.as_ref().is_some_and(ProcessId::is_running) {
            bail!("the cluster runs already");
        }
        // Another program can take a free port before the server does; then the next one is tried.
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.try_start() {
                Err(error) if attempt < 5 && is_address_in_use(&error) => {
                    self.description.port = 0;
                }
                other => return other,
            }
        }
    }

    fn try_start(&mut self) -> Result<()> {
        let log_before = self.log_text().unwrap_or_default().len();
        if self.description.port == 0 {
            self.description.port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        }
        self.write_settings()?;
        let command = self.server_command()?;
        let mut process = Managed::start(command, self.lifetime, StopMode::Immediate.signal())?;

        // Under another program, such as valgrind, everything takes as many times longer.
        let patience = if self.description.config.under.is_empty() { 60 } else { 600 };
        let started = answer_within(Duration::from_secs(patience), || {
            let ready = self.is_ready(process.pid());
            if ready { Some(Ok(())) } else { process.exit_status().map(Err) }
        });
        if let Some(Ok(())) = started {
            self.description.process = Some(ProcessId::of(process.pid())?);
            self.role = Role::Owner(Some(process));
            return Ok(());
        }
        let log = self.log_text().unwrap_or_default();
        let said = log.get(log_before..).unwrap_or_default().trim_end();
        match started {
            Some(Err(status)) => Err(anyhow!("the server ended at start: {status}\n{said}")),
            _ => Err(anyhow!("the server does not become ready\n{said}")),
        }
    }

    fn server_command(&self) -> Result<Command> {
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let program = self.install().program("postgres");
        let mut command = match self.description.config.under.as_slice() {
            [] => Command::new(program),
            [under, arguments @ ..] => {
                let mut command = Command::new(under);
                command.args(arguments).arg(program);
                command
            }
        };
        command
            .env_clear()
            .envs(self.install().environment())
            .env("PATH", "/usr/bin:/bin")
            .envs(&self.description.config.environment)
            .arg("-D")
            .arg(self.data_folder())
            .current_dir(&self.description.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        ServerUser::choose()?.apply(&mut command);
        Ok(command)
    }

    /// As `pg_ctl -w` does: the server writes its state into the last line of its lock file.
    fn is_ready(&self, pid: u32) -> bool {
        let text = fs::read_to_string(self.data_folder().join("postmaster.pid"));
        let text = text.unwrap_or_default();
        let mut lines = text.lines();
        lines.next() == Some(&pid.to_string()) && lines.nth(6).map(str::trim) == Some("ready")
    }

    fn write_settings(&self) -> Result<()> {
        let text = self
            .description
            .config
            .settings_file(self.port(), &self.socket_folder().to_string_lossy());
        fs::write(self.data_folder().join("sqlambda.conf"), text).context("cannot write settings")
    }

    /// Stops the server and waits for its end; an error if that takes more than 30 seconds.
    pub fn stop(&mut self, mode: StopMode) -> Result<()> {
        let process = self.own()?;
        process.stop(mode.signal(), Duration::from_secs(30))?;
        self.role = Role::Owner(None);
        self.description.process = None;
        Ok(())
    }

    /// Stops fast, then starts on the same port.
    pub fn restart(&mut self) -> Result<()> {
        self.stop(StopMode::Fast)?;
        self.start()
    }

    /// Changes the settings or the environment; [`Self::reload`] or [`Self::restart`] apply them.
    pub fn reconfigure(
        &mut self,
        change: impl FnOnce(ClusterConfig) -> ClusterConfig,
    ) -> Result<()> {
        self.own()?;
        self.description.config = change(std::mem::take(&mut self.description.config));
        self.write_settings()
    }

    /// Has the server read its settings again. Sessions notice at their next statement.
    pub fn reload(&mut self) -> Result<()> {
        self.own()?.signal(Signal::SIGHUP)
    }

    fn own(&mut self) -> Result<&mut Managed> {
        match &mut self.role {
            Role::Owner(Some(process)) => Ok(process),
            Role::Owner(None) => bail!("the cluster is stopped"),
            Role::Guest => bail!(
                "this cluster is shared by all tests; make your own with Playground::new_cluster"
            ),
        }
    }

    /// The number of the server's main process.
    pub fn pid(&self) -> Result<u32> {
        let process = self.description.process.as_ref().context("the cluster is stopped")?;
        Ok(process.pid)
    }

    /// Whether the server's main process still runs.
    pub fn is_running(&self) -> bool {
        self.description.process.as_ref().is_some_and(ProcessId::is_running)
    }

    /// From now on the server is not stopped, and its folder not removed, with this.
    pub(crate) fn keep(&mut self) {
        if let Role::Owner(Some(process)) = std::mem::replace(&mut self.role, Role::Guest) {
            process.release();
        }
    }

    /// Sends a signal to a process of the server, such as a backend by `pg_backend_pid()`.
    pub fn signal_backend(&self, pid: u32, signal: Signal) -> Result<()> {
        send(pid, signal)
    }

    /// The PostgreSQL that runs it.
    pub fn install(&self) -> &PgInstall {
        &self.description.install
    }

    /// The port on 127.0.0.1, and of the socket's name.
    pub fn port(&self) -> u16 {
        self.description.port
    }

    /// The folder of the Unix socket: the host to connect to.
    pub fn socket_folder(&self) -> &Path {
        &self.description.folder
    }

    /// The data folder.
    pub fn data_folder(&self) -> PathBuf {
        self.description.folder.join("data")
    }

    /// The server's log, all of it.
    pub fn log_text(&self) -> Result<String> {
        let bytes = fs::read(self.log_file()).context("cannot read the server's log")?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn log_file(&self) -> PathBuf {
        self.description.folder.join("server.log")
    }

    /// A connection string for client libraries: the superuser in `database`.
    pub fn connection_string(&self, database: &str) -> String {
        self.connection_string_as(SUPERUSER, database)
    }

    /// A connection string for client libraries: `role` in `database`.
    pub fn connection_string_as(&self, role: &str, database: &str) -> String {
        let (host, port) = (self.socket_folder().display(), self.port());
        format!("host={host} port={port} user={role} dbname={database}")
    }

    /// The real `psql`, to be run against this cluster.
    pub fn psql(&self) -> Psql {
        Psql::new(self)
    }

    /// Runs statements as the superuser and gives their bare results; an error if one fails.
    pub fn query(&self, database: &str, sql: &str) -> Result<String> {
        let psql = self.psql().bare().variable("ON_ERROR_STOP", "1").database(database);
        Ok(psql.run(sql)?.stdout_if_ok()?.trim_end().to_owned())
    }

    /// Makes a database that has the extensions, in UTF-8, and gives its name.
    pub fn create_database(&self) -> Result<String> {
        self.new_database(&format!("TEMPLATE {TEMPLATE_DATABASE}"))
    }

    /// Makes a database without the extensions, in UTF-8.
    pub fn create_plain_database(&self) -> Result<String> {
        self.new_database("TEMPLATE template0")
    }

    /// Makes a database that has the extensions, in `encoding`, such as `LATIN1` or `SQL_ASCII`.
    pub fn create_database_in(&self, encoding: &str) -> Result<String> {
        let options = format!("TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'");
        let name = self.new_database(&options)?;
        self.query(
            &name,
            "SET client_min_messages = warning; CREATE EXTENSION aws_lambda CASCADE;",
        )?;
        Ok(name)
    }

    fn new_database(&self, options: &str) -> Result<String> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // Test programs share a cluster: the process number keeps their names apart.
        let name = format!("db_{}_{number}", std::process::id());
        // By way of the log, as newer servers do by themselves, takes twice the processor's time.
        let knows_strategies = self.install().config.major >= 15;
        let strategy = if knows_strategies { "STRATEGY file_copy" } else { "" };
        self.query("postgres", &format!("CREATE DATABASE {name} {options} {strategy};"))?;
        Ok(name)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Role::Owner(process) = &mut self.role else { return };
        drop(process.take());
        // The playground's folder is removed as a whole later: nothing is lost by a failure.
        let _ = fs::remove_dir_all(&self.description.folder);
    }
}

fn is_address_in_use(error: &anyhow::Error) -> bool {
    error.to_string().contains("Address already in use")
}
