//! A data folder that is initialised once and copied for every cluster: a copy takes a tenth of
//! what `initdb` takes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::pg_install::PgInstall;
use crate::server_user::ServerUser;

/// The superuser of every cluster.
pub(crate) const SUPERUSER: &str = "postgres";
/// The database that others are copied from: the extensions are in it.
pub(crate) const TEMPLATE_DATABASE: &str = "sqlambda_template";

/// An initialised data folder.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Template {
    pub(crate) data: PathBuf,
}

impl Template {
    /// Runs `initdb` for the data folder `folder/data`.
    pub(crate) fn initdb(install: &PgInstall, folder: &Path) -> Result<Self> {
        Self::initdb_with(install, folder, &[])
    }

    /// Runs `initdb` with further options.
    pub(crate) fn initdb_with(
        install: &PgInstall,
        folder: &Path,
        options: &[&str],
    ) -> Result<Self> {
        let user = ServerUser::choose()?;
        std::fs::create_dir_all(folder)?;
        user.own(folder)?;
        let data = folder.join("data");

        let mut command = Command::new(install.program("initdb"));
        command
            .env_clear()
            .envs(install.environment())
            .current_dir("/")
            .arg("--pgdata")
            .arg(&data)
            .args(["--username", SUPERUSER, "--auth", "trust", "--no-sync"])
            // The C locale exists everywhere and sorts the same everywhere. Small WAL segments make
            // the folder half the size, and so the copies twice as fast.
            .args(["--encoding", "UTF8", "--locale", "C", "--wal-segsize", "1"])
            .args(options);
        user.apply(&mut command);
        run(command, "initdb")?;

        let include = "\ninclude_if_exists = 'sqlambda.conf'\n";
        let conf = data.join("postgresql.conf");
        let text = std::fs::read_to_string(&conf).context("initdb wrote no postgresql.conf")?;
        std::fs::write(&conf, text + include)?;
        Ok(Self { data })
    }

    /// Copies it to `to`.
    pub(crate) fn copy(&self, to: &Path) -> Result<()> {
        copy(&self.data, to)
    }
}

/// Copies a folder, as a copy-on-write clone where the file system can.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("cp");
    if cfg!(target_os = "linux") {
        command.args(["-a", "--reflink=auto"]);
    } else {
        command.args(["-R", "-p"]);
    }
    command.arg(from).arg(to);
    run(command, "cp")
}

fn run(mut command: Command, name: &str) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} failed: {}\n{}", output.status, said.trim_end());
    }
    Ok(())
}
