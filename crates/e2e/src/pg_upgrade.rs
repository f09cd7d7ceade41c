//! The real `pg_upgrade`, from one cluster to another of the same or a newer major.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::cluster::Cluster;
use crate::pg_install::PgInstall;
use crate::server_user::ServerUser;
use crate::template::{SUPERUSER, Template};

/// The environment variable by which tests find the `pg_config` of an older PostgreSQL that the
/// extensions are built for, too. `cargo xtask test --pg 15,18` sets it on 18.
pub const OLDER_PG_CONFIG_VARIABLE: &str = "SQLAMBDA_OLDER_PG_CONFIG";

/// What `pg_upgrade` runs beside the server, of both PostgreSQLs.
const PROGRAMS: [&str; 5] = ["pg_controldata", "pg_ctl", "pg_dumpall", "pg_resetwal", "pg_upgrade"];
/// The first major whose new clusters have checksums without being asked to.
const WITH_CHECKSUMS: u16 = 18;

impl PgInstall {
    /// Whether it has what `pg_upgrade` needs: some that are carried in packages of other languages
    /// are a server and little more.
    pub fn can_upgrade(&self) -> bool {
        PROGRAMS.iter().all(|name| self.program(name).is_file())
    }
}

/// Whether the server is of the minor releases since November 2026, such as 15.20, which write a version
/// beside each column. Earlier ones of newer majors, such as 18.4, refuse to restore it.
pub(crate) fn has_versions_of_columns(cluster: &Cluster) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attoptions::text ~ 'pg_attver=')";
    Ok(cluster.query("postgres", sql)? == "t")
}

/// Takes these versions away. No setting makes a server leave them.
pub(crate) fn forget_versions_of_columns(cluster: &Cluster) -> Result<()> {
    let databases = cluster.query(
        "postgres",
        "SELECT datname FROM pg_database WHERE datallowconn AND datname <> 'template0'",
    )?;
    for database in databases.lines() {
        cluster.query(
            database,
            "UPDATE pg_attribute SET attoptions = NULLIF(ARRAY(
                 SELECT option FROM unnest(attoptions) option WHERE option !~ '^pg_attver='), '{}')
             WHERE attoptions::text ~ 'pg_attver='",
        )?;
    }
    Ok(())
}

/// Makes a data folder below `folder` that has the databases of the stopped cluster `old`, for the
/// server of `install`: `folder/data`.
///
/// # Errors
/// What `pg_upgrade` says of that which cannot be upgraded.
pub(crate) fn upgrade(old: &Cluster, install: &PgInstall, folder: &Path) -> Result<()> {
    ensure!(!old.is_running(), "a running cluster cannot be upgraded");
    // `pg_upgrade` takes no cluster without checksums to one that has them.
    let with_checksums = |install: &PgInstall| install.config.major >= WITH_CHECKSUMS;
    let differ = with_checksums(install) && !with_checksums(old.install());
    let options: &[&str] = if differ { &["--no-data-checksums"] } else { &[] };
    let new = Template::initdb_with(install, folder, options)?;

    // Of its own, because it writes its reports, and its sockets, where it is.
    let reports = folder.join("reports");
    fs::create_dir(&reports)?;
    ServerUser::choose()?.own(&reports)?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
    let mut upgrade = Command::new(install.program("pg_upgrade"));
    upgrade
        .env_clear()
        .envs(install.environment())
        .env("PATH", "/usr/bin:/bin")
        .current_dir(&reports)
        .args(["--username", SUPERUSER, "--old-port", &port, "--new-port", &port])
        .arg("--old-bindir")
        .arg(&old.install().config.bin)
        .arg("--new-bindir")
        .arg(&install.config.bin)
        .arg("--old-datadir")
        .arg(old.data_folder())
        .arg("--new-datadir")
        .arg(&new.data);
    ServerUser::choose()?.apply(&mut upgrade);
    let output = upgrade.output().context("cannot run pg_upgrade")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        bail!("pg_upgrade failed: {}\n{}", output.status, said.trim_end());
    }
    Ok(())
}
