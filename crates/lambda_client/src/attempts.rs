//! The tries of one call, within one budget of time.
//!
//! The rule of this module: a request that may have reached the function is never sent again.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::body::Body as _;
use lambda_core::answer::RawAnswer;
use lambda_core::{Answer, Endpoint, Invocation, InvokeError, Stage};
use tokio::time::{Instant, sleep, timeout_at};

use crate::config::AwsConfig;
use crate::connection::Connection;
use crate::exchange::{ExchangeError, build_request, exchange};
use crate::proxy::proxy_for;
use crate::redact::Secrets;
use crate::sign::sign_request;
use crate::{CallOptions, Client, Report};

/// The first wait is drawn from 0 to this; each further limit is twice the one before.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// No wait is longer, unless the service asks for it with `Retry-After`.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// What is known when the budget runs out.
#[derive(Default)]
struct Progress {
    /// What the call waits for.
    stage: Stage,
    /// Why the last try failed.
    failure: Option<InvokeError>,
    /// What the tries did.
    report: Report,
}

/// What a call does when the service throttles it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Throttled {
    /// Waits and tries again, as long as its own attempts and time last.
    TriesAgain,
    /// Fails: whoever made it slows down and makes it again.
    Fails,
}

/// Makes one call; `body` stands for the invocation's own payload.
pub(crate) async fn run(
    client: &Client,
    invocation: &Invocation,
    body: Bytes,
    options: &CallOptions,
    throttled: Throttled,
) -> (Result<Answer, InvokeError>, Report) {
    let deadline = Instant::now() + options.request_timeout;
    let mut progress = Progress::default();
    let tries = retry(client, invocation, body, options, deadline, throttled, &mut progress);
    if let Ok(result) = timeout_at(deadline, tries).await {
        return (result, progress.report);
    }
    let error = match progress {
        Progress { failure: Some(failure), stage, .. } if stage != Stage::Answer => failure,
        Progress { stage, .. } => InvokeError::Timeout { after: options.request_timeout, stage },
    };
    (Err(error), progress.report)
}

async fn retry(
    client: &Client,
    invocation: &Invocation,
    body: Bytes,
    options: &CallOptions,
    deadline: Instant,
    throttled: Throttled,
    progress: &mut Progress,
) -> Result<Answer, InvokeError> {
    let config = client.config(options).await;
    let config = config.as_ref();
    let mut attempt = 1;
    let mut renewed = false;
    loop {
        let failure =
            match try_once(client, config, invocation, body.clone(), options, progress).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
        if failure.is_throttling() {
            progress.report.throttles += 1;
            if throttled == Throttled::Fails {
                return Err(failure);
            }
        }
        if is_expired(&failure) && !renewed {
            // Refused before the function: new credentials may be there already.
            renewed = true;
            progress.report.retries += 1;
            config.credentials.forget().await;
            continue;
        }
        if is_incomplete(&failure) {
            client.forget_config().await;
        }
        if attempt >= options.max_attempts || !failure.may_retry() {
            return Err(failure);
        }
        let wait = backoff(attempt, &failure);
        if wait >= deadline.saturating_duration_since(Instant::now()) {
            return Err(failure);
        }
        progress.failure = Some(failure);
        sleep(wait).await;
        progress.report.retries += 1;
        attempt += 1;
    }
}

async fn try_once(
    client: &Client,
    config: &AwsConfig,
    invocation: &Invocation,
    body: Bytes,
    options: &CallOptions,
    progress: &mut Progress,
) -> Result<Answer, InvokeError> {
    progress.stage = Stage::Credentials;
    let region = config.region(options).await?;
    progress.report.region = Some(region.clone());
    invocation.check_allowed(options.allowed_functions.as_deref(), &region)?;
    let endpoint = config.endpoint(options, &region)?;
    // One that cannot be used is told of before STS or SSO is asked for credentials around it.
    let proxy = proxy_for(&endpoint)?;
    let credentials = config.credentials.get().await?;
    let path = format!("{}{}", endpoint.path, invocation.path_and_query());
    let url = format!("{}://{}{path}", endpoint.scheme(), endpoint.authority());
    let mut request = build_request(invocation, &endpoint, &path, body.clone())?;
    sign_request(&mut request, &url, &body, credentials.clone(), &region)?;
    if let Some(proxy) = proxy.filter(|_| !endpoint.https) {
        proxy.address(&mut request, &url)?;
    }
    let secrets = Secrets::of(credentials, request.headers());
    let result = deliver(client, &endpoint, request, invocation, options, progress).await;
    result.map_err(|error| secrets.hide_in(error))
}

/// Sends the request over an idle connection, or else over a new one.
async fn deliver(
    client: &Client,
    endpoint: &Endpoint,
    mut request: Request<Full<Bytes>>,
    invocation: &Invocation,
    options: &CallOptions,
    progress: &mut Progress,
) -> Result<Answer, InvokeError> {
    progress.stage = Stage::Connection;
    // Let the drivers of idle connections run first: they learn now of a close that has arrived.
    tokio::task::yield_now().await;
    while let Some(mut connection) = client.pool.take(endpoint) {
        match send(&mut connection, request, invocation, options, progress).await {
            Ok(answer) => return finish(client, endpoint, connection, answer, invocation),
            Err(ExchangeError::Failed(error)) => return Err(error),
            Err(ExchangeError::NotSent(unsent)) => request = unsent,
        }
    }
    let open = Box::pin(Connection::open(endpoint, options.connect_timeout));
    let mut connection = open.await?;
    match send(&mut connection, request, invocation, options, progress).await {
        Ok(answer) => finish(client, endpoint, connection, answer, invocation),
        Err(ExchangeError::Failed(error)) => Err(error),
        Err(ExchangeError::NotSent(_)) => Err(InvokeError::Connect {
            endpoint: format!("{}://{}", endpoint.scheme(), endpoint.authority()),
            cause: "the connection was closed as soon as it was open".to_owned(),
        }),
    }
}

/// One exchange, with `progress` telling whether the function may be running because of it.
async fn send(
    connection: &mut Connection,
    request: Request<Full<Bytes>>,
    invocation: &Invocation,
    options: &CallOptions,
    progress: &mut Progress,
) -> Result<RawAnswer, ExchangeError> {
    progress.stage = Stage::Answer;
    let size = request.body().size_hint().exact().unwrap_or(0);
    // Counted before the answer: when that does not come, nothing after this line runs.
    progress.report.bytes_out += size;
    let function = invocation.function.as_str();
    let result = exchange(connection, request, function, options.max_response_bytes).await;
    progress.stage = Stage::Connection;
    match &result {
        Ok(answer) => progress.report.bytes_in += answer.body.len() as u64,
        Err(ExchangeError::NotSent(_)) => progress.report.bytes_out -= size,
        Err(ExchangeError::Failed(_)) => {}
    }
    result
}

/// Keeps the connection for the next call and reads the answer.
fn finish(
    client: &Client,
    endpoint: &Endpoint,
    connection: Connection,
    answer: RawAnswer,
    invocation: &Invocation,
) -> Result<Answer, InvokeError> {
    client.pool.put(endpoint, connection);
    answer.interpret(invocation)
}

fn is_expired(failure: &InvokeError) -> bool {
    matches!(failure, InvokeError::Service { code, .. } if code.starts_with("ExpiredToken"))
}

/// Whether the environment or a file lacked something, or held something unusable.
fn is_incomplete(failure: &InvokeError) -> bool {
    matches!(
        failure,
        InvokeError::Credentials(_) | InvokeError::NoRegion | InvokeError::Endpoint(_)
    )
}

/// Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"), but at least what the
/// service asks for.
fn backoff(attempt: u32, failure: &InvokeError) -> Duration {
    let limit = FIRST_BACKOFF.saturating_mul(1 << (attempt - 1).min(10)).min(LONGEST_BACKOFF);
    let wait = limit.mul_f64(fastrand::f64());
    match failure {
        InvokeError::Service { retry_after: Some(asked), .. } => wait.max(*asked),
        _ => wait,
    }
}
