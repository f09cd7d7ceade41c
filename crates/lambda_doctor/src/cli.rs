//! The command line of `sqlambda doctor`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use lambda_client::CallOptions;
use lambda_core::{Arguments, Endpoint, Invocation, Region};

use crate::examination::{self, Question};
use crate::report::Report;
use crate::server::Server;

/// The exit code for what is wrong with the command line, as clap's own.
const USAGE: u8 = 2;

const AFTER_HELP: &str = "\
What is checked, in this order; what depends on a failed check is skipped:
  region       which Region a call is signed for, and who names it
  credentials  where they come from and when they end; never the secret or a token
  endpoint     where calls are sent, and who says so
  proxy        HTTPS_PROXY or HTTP_PROXY, if they apply
  dns          the addresses; private ones are those of a VPC endpoint
  tcp          a connection, and how long it took
  tls          version, certificate, and whose certificates are trusted
  clock        AWS refuses signatures that are more than 5 minutes off
  dry-run      the permission to run the function that --function names; it is not run

The environment of a server is not that of a shell. To check with the server's own, as its user:
  sudo sqlambda doctor --data-directory /var/lib/postgresql/15/main --function my-function
  sudo sqlambda doctor --server-pid $(pidof mariadbd) --function my-function
A server in a container is checked from inside that container.

Exit code: 0 all is well (warnings allowed), 1 a check failed, 2 the command line is wrong.";

/// Checks what a call of AWS Lambda from this machine's database server needs, and says for each
/// failure what to change.
///
/// Nothing is changed and no function is run. The output holds no secret: it can be pasted.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct Doctor {
    /// The function whose permission is checked: a name or an ARN, with an optional :qualifier
    #[arg(long, value_name = "NAME|ARN")]
    function: Option<String>,

    /// The Region of the call, as the SQL argument or aws_lambda.region would be
    #[arg(long, value_parser = region)]
    region: Option<Region>,

    /// The URL of the service, as aws_lambda.endpoint_override would be
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    endpoint: Option<Endpoint>,

    /// Limit for each check
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    timeout: Duration,

    /// Check with the environment of this server process, as its user
    #[arg(long, value_name = "PID", conflicts_with = "data_directory")]
    server_pid: Option<u32>,

    /// The same, for the PostgreSQL server that runs on this data folder
    #[arg(long, value_name = "DIR")]
    data_directory: Option<PathBuf>,

    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,

    /// Whose environment this process was given
    #[arg(long, hide = true, value_name = "TEXT")]
    environment_of: Option<String>,
}

fn region(text: &str) -> Result<Region, String> {
    text.parse().map_err(|error: lambda_core::ArgumentError| error.hint.into_owned())
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    Endpoint::parse(text).map_err(str::to_owned)
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.1..=900.0).contains(&number) => Ok(Duration::from_secs_f64(number)),
        _ => Err("it must be a number from 0.1 to 900".to_owned()),
    }
}

impl Doctor {
    /// Checks, and tells what was found.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let dry_run = match self.dry_run() {
            Ok(dry_run) => dry_run,
            Err(problem) => return fail(USAGE, &problem),
        };
        match self.server() {
            Ok(None) => self.examine(dry_run),
            // Returns only if it fails: the process goes on with the server's environment.
            Ok(Some(server)) => fail(1, &format!("{:#}", server.become_its_like())),
            Err(error) => fail(1, &format!("{error:#}")),
        }
    }

    /// The call that `--function` names, and the region that its ARN says.
    fn dry_run(&self) -> Result<Option<(Invocation, Option<Region>)>, String> {
        let Some(name) = &self.function else { return Ok(None) };
        let arguments = Arguments {
            function_name: Some(name.clone()),
            region: self.region.as_ref().map(ToString::to_string),
            invocation_type: Some("DryRun".to_owned()),
            ..Arguments::default()
        };
        let call = arguments.check().map_err(|error| {
            let argument = error.message.replace("argument \"function_name\"", "--function");
            format!("{argument}: {} {}", error.detail, error.hint)
        })?;
        Ok(Some(call))
    }

    fn server(&self) -> anyhow::Result<Option<Server>> {
        match (self.server_pid, &self.data_directory) {
            (Some(pid), _) => Server::of_process(pid).map(Some),
            (None, Some(folder)) => Server::of_data_directory(folder).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn examine(self, dry_run: Option<(Invocation, Option<Region>)>) -> ExitCode {
        let (invocation, arn_region) = dry_run.unzip();
        let region = self.region.clone().or(arn_region.flatten());
        let question = Question {
            region_by: if self.region.is_some() { "--region" } else { "the ARN in --function" },
            options: CallOptions {
                region,
                endpoint: self.endpoint,
                connect_timeout: self.timeout,
                request_timeout: self.timeout,
                max_attempts: 1,
                allowed_functions: None,
                max_response_bytes: lambda_core::limits::ANSWER_BYTES,
            },
            invocation,
        };
        let mut report = Report::begin(self.json, self.environment_of);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => {
                runtime.block_on(examination::examine(&question, &mut report));
                // A resolver that hangs has a thread of its own, which nobody waits for.
                runtime.shutdown_background();
                report.end()
            }
            Err(error) => fail(1, &error.to_string()),
        }
    }
}

fn fail(code: u8, problem: &str) -> ExitCode {
    eprintln!("sqlambda doctor: {problem}");
    ExitCode::from(code)
}
