//! The real PgBouncer, in front of a cluster.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::cluster::Cluster;
use crate::process::{Lifetime, Managed};
use crate::server_user::ServerUser;
use crate::template::SUPERUSER;
use crate::waiting::answer_within;

/// A connection pooler in transaction mode, ended when this is dropped.
#[derive(Debug)]
pub struct PgBouncer {
    // In this order: the process ends before its folder goes.
    _process: Managed,
    _folder: tempfile::TempDir,
    port: u16,
}

impl PgBouncer {
    /// Where the system has it.
    pub fn program() -> Option<PathBuf> {
        ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
            .into_iter()
            .map(|folder| Path::new(folder).join("pgbouncer"))
            .find(|program| program.is_file())
    }

    /// Starts one that shares `server_connections` among all clients of a database.
    ///
    /// # Errors
    /// There is none on this machine, or it does not start.
    pub fn start(cluster: &Cluster, server_connections: u16) -> Result<Self> {
        let program = Self::program().context("there is no pgbouncer: install the package")?;
        let folder = tempfile::Builder::new().prefix("sqlambda-").tempdir_in("/tmp")?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let (settings, users) = (folder.path().join("settings.ini"), folder.path().join("users"));
        fs::write(&users, format!("\"{SUPERUSER}\" \"\"\n"))?;
        let text = format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {}\n\
             pool_mode = transaction\ndefault_pool_size = {server_connections}\n\
             max_client_conn = 1000\n",
            cluster.socket_folder().display(),
            cluster.port(),
            users.display(),
        );
        fs::write(&settings, text)?;
        let user = ServerUser::choose()?;
        for path in [folder.path(), &settings, &users] {
            user.own(path)?;
        }
        let log = File::create(folder.path().join("log"))?;
        let mut command = Command::new(program);
        command.env_clear().arg(&settings).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        user.apply(&mut command);
        let mut process = Managed::start(command, Lifetime::Owner, Signal::SIGINT)?;
        let ready = answer_within(Duration::from_secs(30), || {
            let answers = TcpStream::connect(("127.0.0.1", port)).is_ok();
            if answers { Some(true) } else { process.exit_status().map(|_| false) }
        });
        if ready != Some(true) {
            let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            bail!("pgbouncer does not start:\n{log}");
        }
        Ok(Self { _process: process, _folder: folder, port })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection string for client libraries: the superuser in `database`.
    pub fn connection_string(&self, database: &str) -> String {
        format!("host=127.0.0.1 port={} user={SUPERUSER} dbname={database}", self.port)
    }
}
