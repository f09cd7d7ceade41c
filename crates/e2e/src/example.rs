//! A folder of `examples/` with everything it needs: databases, its functions, AWS services.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::aws_services::AwsServices;
use crate::docs::{Document, Stage, Tell};
use crate::playground::Playground;
use crate::service::LocalService;
use crate::workspace::Workspace;

/// The database of an example.
const DATABASE: &str = "example";

/// A running example. Everything ends when it is dropped.
#[derive(Debug)]
pub struct Example {
    folder: PathBuf,
    stage: Stage,
    service: LocalService,
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
        let aws = AwsServices::start(&own, tell)?;

        tell("starting PostgreSQL");
        let cluster = playground.new_cluster(|config| config)?;
        cluster.query("postgres", &format!("CREATE DATABASE {DATABASE};"))?;
        tell("starting the local Lambda service");
        let postgresql =
            format!("postgresql://lambda_writer@127.0.0.1:{}/{DATABASE}", cluster.port());
        let service = playground.new_service(|config| {
            let variables = [("AWS_ENDPOINT_URL", aws.endpoint()), ("DATABASE_URL", &postgresql)];
            variables.iter().fold(config.folders(vec![functions]), |config, (name, value)| {
                config.arg("--env").arg(format!("{name}={value}"))
            })
        })?;
        // The cluster's environment names the playground's service. A function that starts on a busy
        // machine may need more than the usual three seconds.
        for (name, value) in
            [("endpoint_override", service.endpoint()), ("request_timeout_ms", "30000")]
        {
            let set = format!("ALTER DATABASE {DATABASE} SET aws_lambda.{name} = '{value}';");
            cluster.query("postgres", &set)?;
        }
        let stage = Stage::on(playground, cluster, DATABASE.to_owned())?
            .folder(&folder)
            .program("aws", aws.programs())
            .env("AWS_ENDPOINT_URL", aws.endpoint())
            .env("AWS_ENDPOINT_URL_LAMBDA", service.endpoint())
            // The AWS CLI 1 knows this name only.
            .env("AWS_DEFAULT_REGION", "us-east-1");
        Ok(Self { folder, stage, service, aws })
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

    /// The service that runs its functions.
    pub fn service(&self) -> &LocalService {
        &self.service
    }

    /// The AWS services that its functions call.
    pub fn aws(&self) -> &AwsServices {
        &self.aws
    }
}
