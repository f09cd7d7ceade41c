//! The command line of `sqlambda local`.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;

use crate::auth::Credentials;
use crate::connections::raise_limit;
use crate::environment::Guard;
use crate::events::{Endpoints, EventSettings};
use crate::functions::{Context, Discovered, RuntimeFamily, Sources, check_variable};
use crate::logging::{self, LogGuard};
use crate::page::{PageAccess, PageToken};
use crate::reload::Reload;
use crate::runtimes::Toolchain;
use crate::service::Service;
use crate::settings::Settings;
use crate::state::StateFolder;

/// Holds the page's token.
const PAGE_TOKEN: &str = "SQLAMBDA_PAGE_TOKEN";

const AFTER_HELP: &str = include_str!("help.txt");

/// Serves functions as AWS Lambda would: those in folders and AWS SAM templates, and those made
/// through the API.
///
/// Every function runs in processes of its own, through Amazon's own runtime clients. The AWS CLI,
/// the SDKs and the database extensions reach the service through AWS_ENDPOINT_URL_LAMBDA.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct Local {
    /// Folders with one sub-folder or one file per function, and AWS SAM or CloudFormation templates
    #[arg(value_name = "FOLDER | TEMPLATE")]
    folders: Vec<PathBuf>,

    /// Set a parameter of the templates, over its default; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    parameter: Vec<(String, String)>,

    /// Do not run functions anew when their files change
    #[arg(long)]
    no_reload: bool,

    /// Keep functions made through the API here [default: a folder for these FOLDERs in
    /// ~/.local/state/sqlambda]
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    state: Option<PathBuf>,

    /// Keep nothing after the service has ended
    #[arg(long)]
    ephemeral: bool,

    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:9001", value_name = "ADDRESS")]
    listen: SocketAddr,

    /// Allow an address that other machines can reach: whoever has the credentials can run code
    #[arg(long)]
    allow_public: bool,

    /// Show the page at /_sqlambda and /metrics to whoever has the token in this file
    /// [env: SQLAMBDA_PAGE_TOKEN holds a token itself]
    #[arg(long, value_name = "PATH", conflicts_with = "no_page")]
    page_token_file: Option<PathBuf>,

    /// Serve neither the page at /_sqlambda nor /metrics
    #[arg(long)]
    no_page: bool,

    /// The account in the functions' ARNs
    #[arg(long, default_value = "000000000000", value_name = "ID", value_parser = account)]
    account: String,

    /// The region of unsigned requests and of the functions' environment; signed requests may name
    /// any region
    #[arg(long, default_value = "us-east-1")]
    region: String,

    /// Accept also the access keys of every profile in this file (as ~/.aws/credentials)
    #[arg(long, value_name = "PATH")]
    credentials_file: Option<PathBuf>,

    /// Set an environment variable of every function, over its own; may be repeated. Not for secrets:
    /// other users can read a command line
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,

    /// How long a failed asynchronous event waits before each retry; the last also before further ones
    #[arg(long, value_name = "TIME,...", value_delimiter = ',', default_value = "60s,120s",
        value_parser = humantime::parse_duration)]
    event_retry_delays: Vec<Duration>,

    /// Accept unsigned requests
    #[arg(long)]
    no_auth: bool,

    /// Install the runtimes and packages that the functions need, and exit
    #[arg(long)]
    prepare: bool,

    /// How to write the log on stderr
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,

    /// How much to log
    #[arg(long, default_value = "info", value_name = "LEVEL")]
    log_level: LevelFilter,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line of text for each event.
    Text,
    /// One JSON object for each event.
    Json,
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account has 12 digits".to_owned())
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it must be NAME=VALUE")?;
    check_variable(name, value)?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Local {
    /// Serves until a signal ends the service; an error is told on stderr.
    #[must_use]
    pub fn run(self) -> ExitCode {
        crate::allocator::give_large_buffers_back();
        let format = self.log_format;
        let log = logging::start(format, self.log_level);
        let result = self.serve_folders(&log);
        if let (Err(error), LogFormat::Json) = (&result, format) {
            tracing::error!("{error:#}");
        }
        log.flush();
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                if format == LogFormat::Text {
                    eprintln!("sqlambda: {error:#}");
                }
                ExitCode::FAILURE
            }
        }
    }

    fn serve_folders(self, log: &LogGuard) -> anyhow::Result<()> {
        let ip = self.listen.ip();
        anyhow::ensure!(
            is_loopback(ip) || self.allow_public,
            "{ip} can be reached from other machines, and whoever has the credentials can run code \
             here; add --allow-public if that is what you want"
        );
        let sources = self.sources()?;
        let discovered = self.discover(&sources)?;
        if self.prepare {
            return Ok(Service::prepare(&discovered.found, &sources.toolchain)?);
        }
        let state = if self.ephemeral {
            StateFolder::temporary()?
        } else {
            StateFolder::open(self.state.clone(), &self.folders)?
        };
        let settings = Settings {
            account: self.account.clone(),
            region: self.region.clone(),
            credentials: self.credentials()?,
            variables: self.env.iter().cloned().collect(),
            state: state.path().to_owned(),
            durable: !self.ephemeral,
            public: self.allow_public,
            events: EventSettings {
                account: self.account.clone(),
                retry_delays: self.event_retry_delays.clone(),
                endpoints: Endpoints::from_environment(&self.region),
            },
            page: self.page()?,
        };
        let guard = Guard::start().context("cannot start the guard process")?;
        if let StateFolder::Temporary(folder) = &state {
            guard.remove_at_end(folder.path());
        }
        raise_limit();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let served = runtime.block_on(async {
            let found = &discovered.found;
            let service = Service::new(settings, found, &sources.toolchain, Some(guard))?;
            let service = Arc::new(service);
            if !self.no_reload && !self.folders.is_empty() {
                let service = Arc::clone(&service);
                Reload::start(service, sources, &discovered)
                    .context("cannot follow the functions' files; --no-reload serves without")?;
            }
            self.serve(service).await
        });
        log.flush();
        // Children die with the process; there is nothing to wait for.
        runtime.shutdown_background();
        served
    }

    fn sources(&self) -> anyhow::Result<Sources> {
        Ok(Sources {
            paths: self.folders.clone(),
            context: Context {
                account: self.account.clone(),
                region: self.region.clone(),
                parameters: self.parameter.iter().cloned().collect(),
                variables: self.env.iter().map(|(name, _)| name.clone()).collect(),
            },
            toolchain: Toolchain::from_environment()?,
        })
    }

    /// The functions; everything that is wrong with them is one error.
    fn discover(&self, sources: &Sources) -> anyhow::Result<Discovered> {
        let discovered = sources.discover();
        for note in &discovered.notes {
            tracing::warn!("{note}");
        }
        let problems: Vec<String> =
            discovered.problems.iter().map(|problem| problem.error.to_string()).collect();
        anyhow::ensure!(problems.is_empty(), "{}", problems.join("\n"));
        anyhow::ensure!(
            !discovered.found.is_empty() || self.folders.is_empty(),
            "no function found in {:?}",
            self.folders
        );
        Ok(discovered)
    }

    fn credentials(&self) -> anyhow::Result<Option<Credentials>> {
        if self.no_auth {
            return Ok(None);
        }
        let mut credentials = Credentials::for_tests();
        if let Some(path) = &self.credentials_file {
            credentials.add_file(path)?;
        }
        Ok(Some(credentials))
    }

    /// Who sees the page. A token from the environment is for this process alone: functions get an
    /// environment of their own.
    fn page(&self) -> anyhow::Result<PageAccess> {
        if self.no_page {
            return Ok(PageAccess::Off);
        }
        let token = match (&self.page_token_file, std::env::var(PAGE_TOKEN)) {
            (Some(path), _) => Some(PageToken::read(path)?),
            (None, Ok(token)) => Some(PageToken::new(&token).context(PAGE_TOKEN)?),
            (None, Err(_)) => None,
        };
        Ok(match token {
            Some(token) => PageAccess::Token(token),
            None if is_loopback(self.listen.ip()) => PageAccess::Local,
            None => PageAccess::NoToken,
        })
    }

    async fn serve(&self, service: Arc<Service>) -> anyhow::Result<()> {
        // Listen to signals before saying that the service is ready.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        let address = listener.local_addr()?;
        announce(&service, address, &self.region)?;
        tell_page(service.page_access(), address);
        let mut serving = tokio::spawn(Arc::clone(&service).serve(listener));
        let signal = tokio::select! {
            ended = &mut serving => return Ok(ended?),
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!("stopping on {signal}: running calls may finish; a second signal ends them");
        tokio::select! {
            () = service.stop() => Ok(()),
            _ = terminate.recv() => Err(cut_off()),
            _ = interrupt.recv() => Err(cut_off()),
        }
    }
}

fn cut_off() -> anyhow::Error {
    anyhow::anyhow!("a second signal: running calls were cut off")
}

/// Where the page is, or why there is none.
fn tell_page(access: &PageAccess, address: SocketAddr) {
    match access {
        PageAccess::Off => {}
        PageAccess::NoToken => tracing::info!(
            "no page: other machines can reach this service; --page-token-file would let in whoever \
             has the token"
        ),
        PageAccess::Local => tracing::info!("page: http://{address}/_sqlambda"),
        PageAccess::Token(_) => tracing::info!("page, with a token: http://{address}/_sqlambda"),
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// What is served, and what a client needs to reach it. Scripts read these lines.
fn announce(service: &Service, address: SocketAddr, region: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for record in service.functions().all().values() {
        let configuration = &record.latest.configuration;
        let what = match configuration.runtime.family() {
            RuntimeFamily::Provided => "bootstrap",
            _ => &configuration.handler,
        };
        writeln!(out, "{:<24} {:<16} {what}", record.name, configuration.runtime.to_string())?;
    }
    writeln!(out, "export AWS_ENDPOINT_URL_LAMBDA=http://{address}")?;
    // The AWS CLI and boto3 know the second name of the region only, the other SDKs the first.
    writeln!(
        out,
        "export AWS_REGION={region} AWS_DEFAULT_REGION={region} AWS_ACCESS_KEY_ID={key} \
         AWS_SECRET_ACCESS_KEY={key}",
        key = crate::auth::TEST_KEY
    )?;
    out.flush()?;
    Ok(())
}
