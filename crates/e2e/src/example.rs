//! A folder of `examples/` with everything it needs: databases, its functions, AWS services.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::aws_services::AwsServices;
use crate::clients::ready_clients;
use crate::docs::{Document, Stage, Tell};
use crate::mariadb_install::Brand;
use crate::playground::Playground;
use crate::server_user::ServerUser;
use crate::service::LocalService;
use crate::workspace::Workspace;

/// The database of an example.
const DATABASE: &str = "example";

/// A function that starts on a busy machine may need more than the usual three seconds.
const REQUEST_TIMEOUT_MS: &str = "30000";

/// A running example. Everything ends when it is dropped.
#[derive(Debug)]
pub struct Example {
    folder: PathBuf,
    stage: Stage,
    /// PostgreSQL's and MariaDB's: a function is told of the database that calls it.
    services: [LocalService; 2],
    aws: AwsServices,
}

impl Example {
    /// The names of the examples: the folders of `examples/` that have functions of their own.
    pub fn names(workspace: &Workspace) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(workspace.root.join("examples"))? {
            let path = entry?.path();
            if path.join("functions").is_dir() {
                names.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// The folder of the example's functions; an error that lists the examples if there is none of
    /// this name.
    pub fn functions(workspace: &Workspace, name: &str) -> Result<PathBuf> {
        let names = Self::names(workspace)?;
        if !names.iter().any(|known| known == name) {
            bail!("there is no example {name:?}: there are {}", names.join(", "));
        }
        Ok(workspace.root.join("examples").join(name).join("functions"))
    }

    /// Starts the example `name`; `tell` hears each step as it begins.
    pub fn start(playground: &Playground, name: &str, tell: &mut dyn FnMut(&str)) -> Result<Self> {
        let functions = Self::functions(playground.workspace(), name)?;
        let folder = functions.parent().context("an example is in a folder")?.to_owned();
        let own =
            tempfile::Builder::new().prefix("example").tempdir_in(playground.folder())?.keep();
        fs::set_permissions(&own, Permissions::from_mode(0o755))?;
        let aws = AwsServices::start(&own, tell)?;
        let serve = |database_url: String| {
            let variables = [("AWS_ENDPOINT_URL", aws.endpoint()), ("DATABASE_URL", &database_url)];
            let variables = variables.map(|(name, value)| format!("{name}={value}"));
            playground.new_service(|config| {
                let config = config.folders(vec![functions.clone()]);
                variables.iter().fold(config, |config, it| config.arg("--env").arg(it))
            })
        };

        tell("starting PostgreSQL");
        let cluster = playground.new_cluster(|config| config)?;
        let service = serve(url("postgresql", cluster.port()))?;
        cluster.query("postgres", &format!("CREATE DATABASE {DATABASE};"))?;
        let settings =
            [("endpoint_override", service.endpoint()), ("request_timeout_ms", REQUEST_TIMEOUT_MS)];
        for (name, value) in settings {
            let set = format!("ALTER DATABASE {DATABASE} SET aws_lambda.{name} = '{value}';");
            cluster.query("postgres", &set)?;
        }

        tell("starting MariaDB");
        let settings = own.join("lambda_udf.ini");
        let mariadb = playground.new_mariadb(Brand::MariaDb, |config| {
            config.env("SQLAMBDA_UDF_FILE", settings.to_string_lossy())
        })?;
        let mariadb_service = serve(url("mysql", mariadb.port()))?;
        write_settings(&settings, mariadb_service.endpoint())?;
        mariadb.query("mysql", &format!("CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4;"))?;

        let stage = Stage::on(playground, cluster, DATABASE.to_owned())?
            .mariadb(mariadb, DATABASE)?
            .folder(&folder)
            .program("aws", ready_clients(aws.programs())?)
            .env("AWS_ENDPOINT_URL", aws.endpoint())
            .env("AWS_ENDPOINT_URL_LAMBDA", service.endpoint())
            // The AWS CLI 1 knows this name only.
            .env("AWS_DEFAULT_REGION", "us-east-1");
        Ok(Self { folder, stage, services: [service, mariadb_service], aws })
    }

    /// Plays its README: runs what it shows, and gives what is different from it.
    pub fn play(&self, tell: &mut Tell<'_>) -> Result<Vec<String>> {
        Document::read(&self.folder.join("README.md"))?.play(Some(&self.stage), tell)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its database, and the environment of its commands.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The services that run its functions, for PostgreSQL and for MariaDB.
    pub fn services(&self) -> &[LocalService; 2] {
        &self.services
    }

    /// The AWS services that its functions call.
    pub fn aws(&self) -> &AwsServices {
        &self.aws
    }
}

/// What a function connects to.
fn url(scheme: &str, port: u16) -> String {
    format!("{scheme}://lambda_writer@127.0.0.1:{port}/{DATABASE}")
}

/// The settings of MariaDB's functions: its environment was made before there was a service.
fn write_settings(path: &Path, endpoint: &str) -> Result<()> {
    let text =
        format!("[lambda_udf]\nendpoint = {endpoint}\nrequest_timeout_ms = {REQUEST_TIMEOUT_MS}\n");
    fs::write(path, text)?;
    // Others may not even read it: the server would refuse it.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    ServerUser::choose()?.own(path)
}
