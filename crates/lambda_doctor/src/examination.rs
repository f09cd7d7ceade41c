//! The checks of the configuration and of the permission, and the order of all.

use std::future::Future;
use std::time::{Duration, SystemTime};

use lambda_client::CallOptions;
use lambda_client::diagnose::{CredentialsReport, Diagnosis, EndpointSource, RegionSource};
use lambda_core::{Endpoint, Invocation, InvokeError, Region};
use tokio::time::timeout;

use crate::advice;
use crate::report::{Finding, Report, Status};
use crate::way;

/// Credentials that end sooner are told of.
const SOON: Duration = Duration::from_secs(15 * 60);

/// What is asked on the command line.
pub(crate) struct Question {
    pub(crate) options: CallOptions,
    /// Who gave the region of the options.
    pub(crate) region_by: &'static str,
    /// The dry run, if a function was named.
    pub(crate) invocation: Option<Invocation>,
}

/// Runs every check that can be run.
pub(crate) async fn examine(question: &Question, report: &mut Report) {
    let limit = question.options.request_timeout;
    let diagnosis = Diagnosis::new(question.options.clone());
    let region = region(&diagnosis, question, limit, report).await;
    let credentials = credentials(&diagnosis, limit, report).await;
    let endpoint = endpoint(&diagnosis, region.as_ref(), report).await;
    let reached = match &endpoint {
        Some(endpoint) => way::walk(endpoint, limit, report).await,
        None => Err("endpoint"),
    };
    if let Err(failed) = reached {
        for check in way::CHECKS {
            if !report.has(check) {
                report.add(Finding::skipped(check, format!("because {failed} failed")));
            }
        }
    }
    let failed = match (&region, &credentials, reached) {
        (None, _, _) => Err("region"),
        (_, None, _) => Err("credentials"),
        (_, _, Err(failed)) => Err(failed),
        (Some(_), Some(credentials), Ok(())) => Ok(credentials),
    };
    report.add(dry_run(&diagnosis, question, failed).await);
}

/// The result of one check within its time.
pub(crate) async fn within<T>(
    limit: Duration,
    check: impl Future<Output = Result<T, InvokeError>>,
) -> Result<T, String> {
    match timeout(limit, check).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(InvokeError::Connect { cause, .. } | InvokeError::Interrupted { cause })) => {
            Err(cause)
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", limit.as_secs_f64())),
    }
}

async fn region(
    diagnosis: &Diagnosis,
    question: &Question,
    limit: Duration,
    report: &mut Report,
) -> Option<Region> {
    match within(limit, diagnosis.region()).await {
        Ok((region, RegionSource::Given)) => {
            report.add(Finding::ok("region", format!("{region}, from {}", question.region_by)));
            Some(region)
        }
        Ok((region, source)) => {
            report.add(Finding::ok("region", format!("{region}, from {source}")));
            Some(region)
        }
        Err(problem) => {
            let source = timeout(limit, diagnosis.region_source()).await.ok();
            report.add(Finding::failed("region", problem, advice::region(source.as_ref())));
            None
        }
    }
}

async fn credentials(
    diagnosis: &Diagnosis,
    limit: Duration,
    report: &mut Report,
) -> Option<CredentialsReport> {
    let credentials = match within(limit, diagnosis.credentials()).await {
        Ok(credentials) => credentials,
        Err(problem) => {
            report.add(Finding::failed("credentials", problem, advice::NO_CREDENTIALS));
            return None;
        }
    };
    let CredentialsReport { access_key_id, source, expiry, .. } = &credentials;
    let told = format!("{access_key_id}, from {source}");
    let left = expiry.map(|end| end.duration_since(SystemTime::now()));
    let finding = match left {
        Some(Err(since)) => Finding::failed(
            "credentials",
            format!("{told}; they ended {} ago", span(since.duration())),
            advice::ended(&credentials),
        ),
        Some(Ok(left)) if left < SOON => Finding::warning(
            "credentials",
            format!("{told}; they end in {}", span(left)),
            "Look whether their source gives new ones in time: it is asked again 5 minutes before \
             the end.",
        ),
        Some(Ok(left)) => Finding::ok("credentials", format!("{told}; they end in {}", span(left))),
        None if credentials.is_temporary && credentials.is_static => Finding::warning(
            "credentials",
            format!("{told}; they are temporary, and do not tell when they end"),
            "Nobody renews them: give the server an IAM role, or a credential_process.",
        ),
        None => Finding::ok("credentials", format!("{told}; they have no end")),
    };
    let has_ended = finding.status == Status::Failed;
    report.add(finding);
    (!has_ended).then_some(credentials)
}

async fn endpoint(
    diagnosis: &Diagnosis,
    region: Option<&Region>,
    report: &mut Report,
) -> Option<Endpoint> {
    match diagnosis.endpoint(region).await {
        Ok((endpoint, source)) => {
            let source = match source {
                EndpointSource::Given => "from --endpoint".to_owned(),
                EndpointSource::Region(_) => source.to_string(),
                _ => format!("from {source}"),
            };
            report.add(Finding::ok("endpoint", format!("{endpoint}, {source}")));
            Some(endpoint)
        }
        Err(InvokeError::NoRegion) => {
            report.add(Finding::skipped("endpoint", "because region failed"));
            None
        }
        Err(error) => {
            report.add(Finding::failed("endpoint", error.to_string(), advice::ENDPOINT));
            None
        }
    }
}

async fn dry_run(
    diagnosis: &Diagnosis,
    question: &Question,
    ready: Result<&CredentialsReport, &'static str>,
) -> Finding {
    const CHECK: &str = "dry-run";
    let Some(invocation) = &question.invocation else {
        return Finding::skipped(CHECK, "no --function was named");
    };
    let function = lambda_core::cut(invocation.function.as_str(), 256);
    let credentials = match ready {
        Ok(credentials) => credentials,
        Err(failed) => return Finding::skipped(CHECK, format!("because {failed} failed")),
    };
    match diagnosis.call(invocation.clone()).await {
        Ok(answer) => {
            let status = answer.status_code;
            Finding::ok(CHECK, format!("{function} may be called (HTTP status {status})"))
        }
        Err(InvokeError::Service { status: 429, code, message, .. }) => Finding::warning(
            CHECK,
            format!("{function}: {message} ({code}, HTTP status 429)"),
            advice::THROTTLED,
        ),
        Err(InvokeError::Service { status, code, message, .. }) => {
            let said = format!("{function}: {message} ({code}, HTTP status {status})");
            Finding::failed(CHECK, said, advice::refusal(status, &code, &message, credentials))
        }
        Err(InvokeError::Connect { cause, .. } | InvokeError::Interrupted { cause }) => {
            Finding::failed(CHECK, format!("{function}: {cause}"), advice::TCP)
        }
        Err(error) => Finding::failed(CHECK, format!("{function}: {error}"), advice::TCP),
    }
}

/// A time as people say it.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}
