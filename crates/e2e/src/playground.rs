//! A cluster and a local Lambda service that know each other.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::cluster::{Cluster, ClusterDescription, StopMode};
use crate::cluster_config::ClusterConfig;
use crate::folder::Folder;
use crate::mariadb::{MariaDb, MariaDbDescription, MariaDbGrounds};
use crate::mariadb_install::{Brand, MariaDbInstall};
use crate::pg_config::PgConfig;
use crate::pg_install::PgInstall;
use crate::pg_upgrade;
use crate::process::Lifetime;
use crate::service::{LocalService, ServiceConfig, ServiceDescription};
use crate::template::{TEMPLATE_DATABASE, Template};
use crate::workspace::Workspace;

/// The environment variable by which tests find the playground's description.
pub const PLAYGROUND_VARIABLE: &str = "SQLAMBDA_PLAYGROUND";

/// A cluster and a local Lambda service that know each other.
#[derive(Debug)]
pub struct Playground {
    // In this order: dropped from top to bottom, the folder last.
    cluster: Cluster,
    mariadbs: Vec<MariaDb>,
    service: LocalService,
    grounds: Grounds,
    folder: Folder,
}

/// What more clusters and services are made of.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Grounds {
    workspace: Workspace,
    install: PgInstall,
    template: Template,
    /// One for each brand that was started.
    mariadbs: Vec<MariaDbGrounds>,
    folder: PathBuf,
    /// Where the servers' data are.
    data: PathBuf,
}

#[derive(Debug, Deserialize, Serialize)]
struct Description {
    grounds: Grounds,
    cluster: ClusterDescription,
    mariadbs: Vec<MariaDbDescription>,
    service: ServiceDescription,
}

impl Playground {
    /// Starts a playground on what is built in `workspace`, with these servers beside PostgreSQL; `tell`
    /// hears each step as it begins.
    pub fn start(
        workspace: &Workspace,
        pg_config: &PgConfig,
        mariadbs: Vec<MariaDbInstall>,
        lifetime: Lifetime,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Self> {
        let folder = Folder::create(lifetime)?;
        let (path, data) = (&folder.path, &folder.data);
        let grounds = Grounds::lay(workspace, pg_config, mariadbs, path, data, tell)?;

        tell("starting the local Lambda service");
        let service =
            LocalService::start(&grounds.service_config(), &folder.path.join("service"), lifetime)?;
        tell("starting PostgreSQL");
        let config = grounds.environment(service.endpoint());
        let cluster = grounds.new_cluster(config.clone(), lifetime)?;
        let mut mariadbs = Vec::new();
        for grounds in &grounds.mariadbs {
            tell(&format!("starting {}", grounds.install.name()));
            mariadbs.push(grounds.new_server(config.clone(), lifetime)?);
        }
        Ok(Self { cluster, mariadbs, service, grounds, folder })
    }

    /// The playground of the `cargo xtask test` or `cargo xtask up` that this process runs under.
    pub fn attach() -> Result<Self> {
        let path = env::var_os(PLAYGROUND_VARIABLE).with_context(|| {
            format!(
                "{PLAYGROUND_VARIABLE} is not set: run `cargo xtask test` (or `cargo xtask up`)"
            )
        })?;
        Self::read(Path::new(&path))
    }

    /// The playground that a description file tells of.
    pub fn read(description: &Path) -> Result<Self> {
        let about = || format!("cannot read the playground's {}", description.display());
        let text = fs::read_to_string(description).with_context(about)?;
        let description: Description = serde_json::from_str(&text).with_context(about)?;
        Ok(Self {
            cluster: Cluster::attach(description.cluster),
            mariadbs: description.mariadbs.into_iter().map(MariaDb::attach).collect(),
            service: LocalService::attach(description.service),
            folder: Folder::of_another(
                description.grounds.folder.clone(),
                description.grounds.data.clone(),
            ),
            grounds: description.grounds,
        })
    }

    /// Writes the description file that [`Self::read`] and [`Self::attach`] read.
    pub fn write(&self, path: &Path) -> Result<()> {
        let description = Description {
            grounds: self.grounds.clone(),
            cluster: self.cluster.description().clone(),
            mariadbs: self.mariadbs.iter().map(|server| server.description().clone()).collect(),
            service: self.service.description().clone(),
        };
        fs::write(path, serde_json::to_string_pretty(&description)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// The shared cluster. Tests make databases in it, and leave its settings alone.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The shared MariaDB. Tests make databases in it, and leave its settings alone.
    ///
    /// # Errors
    /// This playground was started without one, as by `cargo xtask demo`.
    pub fn mariadb(&self) -> Result<&MariaDb> {
        self.server_of(Brand::MariaDb).context("this playground has no MariaDB")
    }

    /// The shared MySQL; None where its packages cannot be had.
    pub fn mysql(&self) -> Option<&MariaDb> {
        self.server_of(Brand::MySql)
    }

    fn server_of(&self, brand: Brand) -> Option<&MariaDb> {
        self.mariadbs.iter().find(|server| server.install().brand == brand)
    }

    /// The shared local service.
    pub fn service(&self) -> &LocalService {
        &self.service
    }

    /// The temporary folder of everything.
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// The source tree and build results that it runs.
    pub fn workspace(&self) -> &Workspace {
        &self.grounds.workspace
    }

    /// Starts a cluster of the caller's own; `change` says what is different about it.
    pub fn new_cluster(
        &self,
        change: impl FnOnce(ClusterConfig) -> ClusterConfig,
    ) -> Result<Cluster> {
        let config = self.grounds.environment(self.service.endpoint());
        self.grounds.new_cluster(change(config), Lifetime::Owner)
    }

    /// Starts a cluster on a copy of a stopped one's data folder, such as its standby.
    ///
    /// # Errors
    /// The server's, or that `original` still runs: a copy of files that change is no copy.
    pub fn new_cluster_from(
        &self,
        original: &Cluster,
        change: impl FnOnce(ClusterConfig) -> ClusterConfig,
    ) -> Result<Cluster> {
        anyhow::ensure!(!original.is_running(), "a running cluster cannot be copied");
        let data = Template { data: original.data_folder() };
        let config = change(self.grounds.environment(self.service.endpoint()));
        self.grounds.new_cluster_on(&data, config, Lifetime::Owner)
    }

    /// Starts a cluster of another PostgreSQL, which the extensions must have been built for.
    ///
    /// # Errors
    /// The server's, or that the extensions' library for its major is not there.
    pub fn new_cluster_of(&self, pg_config: &PgConfig) -> Result<Cluster> {
        let [folder, data] = [&self.folder.path, &self.folder.data].map(|parent| -> Result<_> {
            let folder = tempfile::Builder::new().prefix("grounds").tempdir_in(parent)?.keep();
            fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
            Ok(folder)
        });
        let workspace = &self.grounds.workspace;
        let (folder, data, tell) = (folder?, data?, &mut |_: &str| ());
        let grounds = Grounds::lay(workspace, pg_config, Vec::new(), &folder, &data, tell)?;
        let config = grounds.environment(self.service.endpoint());
        grounds.new_cluster(config, Lifetime::Owner)
    }

    /// Stops a cluster of an older PostgreSQL, or of the same, for good, and starts one of this
    /// playground's PostgreSQL that `pg_upgrade` has taken its databases to.
    ///
    /// # Errors
    /// What `pg_upgrade` says of that which cannot be upgraded.
    pub fn upgrade(&self, old: &mut Cluster) -> Result<Cluster> {
        if !pg_upgrade::has_versions_of_columns(&self.cluster)? {
            pg_upgrade::forget_versions_of_columns(old)?;
        }
        old.stop(StopMode::Fast)?;
        let folder = tempfile::Builder::new().prefix("u").tempdir_in(&self.folder.data)?.keep();
        fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        pg_upgrade::upgrade(old, &self.grounds.install, &folder)?;
        let config = self.grounds.environment(self.service.endpoint());
        let mut new = Cluster::at(&self.grounds.install, folder, config, Lifetime::Owner);
        new.start()?;
        Ok(new)
    }

    /// Starts a MariaDB or MySQL of the caller's own; `change` says what is different about it. A
    /// setting is an option of the server, such as `max_allowed_packet`.
    ///
    /// # Errors
    /// The server's, or that this playground has none of this brand.
    pub fn new_mariadb(
        &self,
        brand: Brand,
        change: impl FnOnce(ClusterConfig) -> ClusterConfig,
    ) -> Result<MariaDb> {
        let mut all = self.grounds.mariadbs.iter();
        let grounds = all.find(|grounds| grounds.install.brand == brand);
        let grounds = grounds.with_context(|| format!("this playground has no {brand:?}"))?;
        let config = self.grounds.environment(self.service.endpoint());
        grounds.new_server(change(config), Lifetime::Owner)
    }

    /// Starts a local service of the caller's own; `change` says what is different about it.
    pub fn new_service(
        &self,
        change: impl FnOnce(ServiceConfig) -> ServiceConfig,
    ) -> Result<LocalService> {
        let folder = tempfile::Builder::new().prefix("service").tempdir_in(self.folder())?.keep();
        LocalService::start(&change(self.grounds.service_config()), &folder, Lifetime::Owner)
    }

    /// Lets everything live on after this process; [`Self::end`] ends it, from any process.
    pub fn keep(&mut self) {
        self.cluster.keep();
        self.mariadbs.iter_mut().for_each(MariaDb::keep);
        self.service.keep();
        self.folder.keep();
    }

    /// Whether the processes of the playground still run.
    pub fn is_running(&self) -> bool {
        self.cluster.is_running()
            && self.mariadbs.iter().all(MariaDb::is_running)
            && self.service.description().process.is_running()
    }

    /// Ends a playground that was kept.
    pub fn end(self) -> Result<()> {
        let patience = Duration::from_secs(10);
        self.service.description().process.end(Signal::SIGTERM, patience)?;
        if let Some(server) = &self.cluster.description().process {
            server.end(Signal::SIGQUIT, patience)?;
        }
        for server in &self.mariadbs {
            if let Some(server) = &server.description().process {
                server.end(Signal::SIGKILL, patience)?;
            }
        }
        self.folder.remove()
    }
}

impl Grounds {
    fn lay(
        workspace: &Workspace,
        pg_config: &PgConfig,
        mariadbs: Vec<MariaDbInstall>,
        folder: &Path,
        data: &Path,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Self> {
        tell(&format!("laying out a private view of {}", pg_config.version));
        let install = PgInstall::create(pg_config, &folder.join("pg"))?;
        install.install_extensions(workspace)?;
        fs::create_dir(folder.join("home"))?;

        let names: Vec<_> = mariadbs.iter().map(MariaDbInstall::name).collect();
        let names = [vec!["PostgreSQL"], names].concat().join(", ");
        tell(&format!("initialising data folders to copy from: {names}"));
        // At the same time: MySQL's takes longer than the others together.
        let (template, mariadbs) = thread::scope(|scope| {
            let lay = |of: MariaDbInstall| {
                let name = of.name().to_lowercase();
                let (folder, data) = (folder.join(&name), data.join(&name));
                scope.spawn(move || MariaDbGrounds::lay(of, workspace, &folder, data))
            };
            let laid: Vec<_> = mariadbs.into_iter().map(lay).collect();
            let template = Self::template(&install, data);
            let join = |laid: thread::ScopedJoinHandle<'_, Result<MariaDbGrounds>>| {
                laid.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            (template, laid.into_iter().map(join).collect::<Result<Vec<_>>>())
        });

        let (workspace, folder, data) = (workspace.clone(), folder.to_owned(), data.to_owned());
        Ok(Self { workspace, install, template: template?, mariadbs: mariadbs?, folder, data })
    }

    /// An initialised data folder with a database that has the extensions.
    fn template(install: &PgInstall, data: &Path) -> Result<Template> {
        let folder = data.join("template");
        let template = Template::initdb(install, &folder)?;
        let config = ClusterConfig::default();
        let mut cluster = Cluster::at(install, folder, config, Lifetime::Owner);
        cluster.start()?;
        cluster.query("postgres", &format!("CREATE DATABASE {TEMPLATE_DATABASE};"))?;
        let quiet = "SET client_min_messages = warning;";
        let create = format!("{quiet} CREATE EXTENSION aws_lambda CASCADE;");
        cluster.query(TEMPLATE_DATABASE, &create).context("the extensions do not install")?;
        cluster.stop(StopMode::Fast)?;
        // Dropped as an owner it would take the template along.
        cluster.keep();
        Ok(template)
    }

    fn new_cluster(&self, config: ClusterConfig, lifetime: Lifetime) -> Result<Cluster> {
        self.new_cluster_on(&self.template, config, lifetime)
    }

    fn new_cluster_on(
        &self,
        data: &Template,
        config: ClusterConfig,
        lifetime: Lifetime,
    ) -> Result<Cluster> {
        Cluster::create(&self.install, data, &self.data.join("clusters"), config, lifetime)
    }

    /// The account of the local service, and a home without any file of the user's.
    fn environment(&self, endpoint: &str) -> ClusterConfig {
        ClusterConfig::default()
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_LAMBDA", endpoint)
            .env("HOME", self.folder.join("home").to_string_lossy())
    }

    fn service_config(&self) -> ServiceConfig {
        ServiceConfig::new(self.workspace.sqlambda(), self.workspace.function_folders())
    }
}
