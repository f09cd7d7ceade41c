//! The playground: temporary PostgreSQL clusters and a local Lambda service, for the demo, the
//! tests and the benchmarks.
//!
//! Everything is out of process and real: a real server with the real extensions, the real `psql`,
//! the real `sqlambda local`. Nothing is written outside one temporary folder, nothing needs root,
//! and everything that is started ends with its owner.
//!
//! A test attaches to the playground that `cargo xtask test` keeps running:
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let playground = e2e::Playground::attach()?;
//! let database = playground.cluster().create_database()?;
//! let answer = playground.cluster().psql().database(&database).run("SELECT 1")?;
//! assert_eq!(answer.stdout_if_ok()?, "1\n");
//! # Ok(())
//! # }
//! ```

mod aws_services;
mod child_setup;
mod clients;
mod cluster;
mod cluster_config;
pub mod docs;
mod example;
mod extension_files;
mod folder;
mod live;
mod mariadb;
mod mariadb_client;
mod mariadb_install;
mod pg_config;
mod pg_install;
mod pg_upgrade;
mod pgbouncer;
mod playground;
mod process;
mod psql;
mod raw_server;
mod server_user;
mod service;
mod template;
mod venv;
mod waiting;
mod workspace;

pub use crate::aws_services::AwsServices;
pub use crate::clients::{CLIENTS_VARIABLE, Clients, ready_clients};
pub use crate::cluster::{Cluster, StopMode};
pub use crate::cluster_config::ClusterConfig;
pub use crate::example::Example;
pub use crate::extension_files::{ExtensionFile, extension_files};
pub use crate::live::{Group, end_everything, track};
pub use crate::mariadb::MariaDb;
pub use crate::mariadb_client::{MariaDbClient, MariaDbOutput};
pub use crate::mariadb_install::{Brand, MariaDbInstall};
pub use crate::pg_config::PgConfig;
pub use crate::pg_install::PgInstall;
pub use crate::pg_upgrade::OLDER_PG_CONFIG_VARIABLE;
pub use crate::pgbouncer::PgBouncer;
pub use crate::playground::{PLAYGROUND_VARIABLE, Playground};
pub use crate::process::{Lifetime, ProcessId};
pub use crate::psql::{Psql, PsqlOutput};
pub use crate::raw_server::{RawConnection, RawRequest, RawServer};
pub use crate::service::{LocalService, ServiceConfig};
pub use crate::venv::venv;
pub use crate::waiting::{wait_for, wait_until};
pub use crate::workspace::{Profile, Workspace};
