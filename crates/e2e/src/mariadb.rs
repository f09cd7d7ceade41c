//! A temporary MariaDB (or MySQL) server with a data folder of its own.

use std::fs::{self, File, Permissions};
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::cluster_config::ClusterConfig;
use crate::mariadb_client::MariaDbClient;
use crate::mariadb_install::{Brand, MariaDbInstall};
use crate::process::{Lifetime, Managed, ProcessId};
use crate::server_user::ServerUser;
use crate::template;
use crate::waiting::answer_within;
use crate::workspace::Workspace;

/// The script that declares the functions, as users run it.
const INSTALL_SCRIPT: &str = "crates/lambda_udf/sql/install.sql";

/// An initialised data folder and a plugin folder, of which servers are made.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct MariaDbGrounds {
    pub(crate) install: MariaDbInstall,
    plugins: PathBuf,
    /// With the servers' folders, and what they are copied from.
    data: PathBuf,
    install_script: PathBuf,
}

impl MariaDbGrounds {
    /// Lays them out below `folder`, and what is data below `data`.
    pub(crate) fn lay(
        install: MariaDbInstall,
        workspace: &Workspace,
        folder: &Path,
        data: PathBuf,
    ) -> Result<Self> {
        let (plugins, template) = (folder.join("plugins"), data.join("template"));
        fs::create_dir_all(&template)?;
        ServerUser::choose()?.own(&template)?;
        install.lay_plugins(workspace, &plugins)?;
        install.initialise(&template.join("data"))?;
        let install_script = workspace.root.join(INSTALL_SCRIPT);
        Ok(Self { install, plugins, data, install_script })
    }

    /// Starts a server on a copy, and declares the functions in it.
    pub(crate) fn new_server(&self, config: ClusterConfig, lifetime: Lifetime) -> Result<MariaDb> {
        let folder = tempfile::Builder::new().prefix("m").tempdir_in(&self.data)?.keep();
        fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        ServerUser::choose()?.own(&folder)?;
        template::copy(&self.data.join("template/data"), &folder.join("data"))?;
        let description = MariaDbDescription {
            install: self.install.clone(),
            plugins: self.plugins.clone(),
            folder,
            port: 0,
            config,
            process: None,
        };
        let mut server = MariaDb { description, lifetime, role: Role::Owner(None) };
        server.start()?;
        let script = fs::read_to_string(&self.install_script)?;
        server.client().run(&script)?.stdout_if_ok().context("the functions do not install")?;
        Ok(server)
    }
}

/// A temporary MariaDB, or the MySQL that is used in the same way. The one who made it owns it:
/// dropping it stops the server and removes its folder. A shared one can only be used.
#[derive(Debug)]
pub struct MariaDb {
    description: MariaDbDescription,
    lifetime: Lifetime,
    role: Role,
}

#[derive(Debug)]
enum Role {
    Owner(Option<Managed>),
    Guest,
}

/// What another process needs to know about a server.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct MariaDbDescription {
    install: MariaDbInstall,
    plugins: PathBuf,
    folder: PathBuf,
    port: u16,
    config: ClusterConfig,
    /// None while it is stopped.
    pub(crate) process: Option<ProcessId>,
}

impl MariaDb {
    pub(crate) fn attach(description: MariaDbDescription) -> Self {
        Self { description, lifetime: Lifetime::Detached, role: Role::Guest }
    }

    pub(crate) fn description(&self) -> &MariaDbDescription {
        &self.description
    }

    /// Starts the server and waits until it accepts connections.
    pub fn start(&mut self) -> Result<()> {
        if self.is_running() {
            bail!("the server runs already");
        }
        // Another program can take a free port before the server does; then the next one is tried.
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.try_start() {
                Err(error) if attempt < 5 && error.to_string().contains("already in use") => {
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
        let mut process = Managed::start(self.server_command()?, self.lifetime, Signal::SIGKILL)?;
        let started = answer_within(Duration::from_secs(60), || {
            if self.greets() { Some(Ok(())) } else { process.exit_status().map(Err) }
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
        let MariaDbDescription { install, plugins, folder, port, config, .. } = &self.description;
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let mut command = install.server();
        match install.brand {
            Brand::MySql => command.args([
                "--mysqlx=OFF",
                "--innodb-redo-log-capacity=32M",
                // It takes as long to set up as all the rest.
                "--performance-schema=OFF",
            ]),
            // As it was initialised: a log of another size is made anew.
            Brand::MariaDb => {
                command.args(["--innodb-log-file-size=8M", "--aria-log-file-size=8M"])
            }
        };
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(&config.environment)
            .arg(format!("--datadir={}", self.data_folder().display()))
            .arg(format!("--plugin-dir={}", plugins.display()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--pid-file={}", folder.join("server.pid").display()))
            .arg(format!("--secure-file-priv={}", folder.display()))
            // Of its own: in a shared one a server that starts removes the others' temporary tables.
            .arg(format!("--tmpdir={}", folder.display()))
            .args(["--bind-address=127.0.0.1", &format!("--port={port}")])
            .args(["--skip-name-resolve", "--max-connections=200", "--server-id=1"])
            .args(["--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0"])
            .args(["--innodb-flush-method=nosync", "--innodb-doublewrite=OFF"])
            .args(["--sync-binlog=0", "--default-time-zone=+00:00"])
            .args(config.settings.iter().map(|(name, value)| format!("--{name}={value}")))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        ServerUser::choose()?.apply(&mut command);
        Ok(command)
    }

    /// The first byte of the protocol's greeting comes once sessions are accepted.
    fn greets(&self) -> bool {
        let Ok(mut stream) = UnixStream::connect(self.socket()) else { return false };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        stream.read_exact(&mut [0]).is_ok()
    }

    /// Stops the server as a shutdown of the machine does, and waits for its end; an error if that
    /// takes more than 30 seconds.
    pub fn stop(&mut self) -> Result<()> {
        self.end(Signal::SIGTERM)
    }

    /// Ends the server as a crash does.
    pub fn kill(&mut self) -> Result<()> {
        self.end(Signal::SIGKILL)
    }

    fn end(&mut self, signal: Signal) -> Result<()> {
        let process = match &mut self.role {
            Role::Owner(Some(process)) => process,
            Role::Owner(None) => bail!("the server is stopped"),
            Role::Guest => bail!(
                "this server is shared by all tests; make your own with Playground::new_mariadb"
            ),
        };
        let status = process.stop(signal, Duration::from_secs(30))?;
        self.role = Role::Owner(None);
        self.description.process = None;
        if signal == Signal::SIGTERM && !status.success() {
            bail!("the server's end was not an orderly one: {status}");
        }
        Ok(())
    }

    /// Stops, then starts on the same port.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.start()
    }

    /// The number of the server's process.
    pub fn pid(&self) -> Result<u32> {
        let process = self.description.process.as_ref().context("the server is stopped")?;
        Ok(process.pid)
    }

    /// Whether the server's process still runs.
    pub fn is_running(&self) -> bool {
        self.description.process.as_ref().is_some_and(ProcessId::is_running)
    }

    /// From now on the server is not stopped, and its folder not removed, with this.
    pub(crate) fn keep(&mut self) {
        if let Role::Owner(Some(process)) = std::mem::replace(&mut self.role, Role::Guest) {
            process.release();
        }
    }

    /// The programs that run it.
    pub fn install(&self) -> &MariaDbInstall {
        &self.description.install
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.description.port
    }

    /// The Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.description.folder.join("socket")
    }

    /// The folder of its files, which the server's user owns.
    pub fn folder(&self) -> &Path {
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

    /// The real client, to be run against this server.
    pub fn client(&self) -> MariaDbClient {
        MariaDbClient::new(self)
    }

    /// Runs statements as root and gives their bare results; an error if one fails.
    pub fn query(&self, database: &str, sql: &str) -> Result<String> {
        let output = self.client().bare().database(database).run(sql)?;
        Ok(output.stdout_if_ok()?.trim_end_matches('\n').to_owned())
    }

    /// Makes a database and gives its name.
    pub fn create_database(&self) -> Result<String> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // Test programs share a server: the process number keeps their names apart.
        let name = format!("db_{}_{number}", std::process::id());
        self.query("mysql", &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4;"))?;
        Ok(name)
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let Role::Owner(process) = &mut self.role else { return };
        drop(process.take());
        // The playground's folder is removed as a whole later: nothing is lost by a failure.
        let _ = fs::remove_dir_all(&self.description.folder);
    }
}
