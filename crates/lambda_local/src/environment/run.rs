//! Running one call in an environment, and what the caller and the log are told of its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::event::{Event, Outcome};
use super::exit::ExitReason;
use super::logs::Log;
use super::process::Environment;
use super::report;
use super::stream::StreamError;
use crate::functions::Function;
use crate::invocations::{Status, Usage};
use crate::limits::{MEMORY_POLL, RESPONSE_BYTES};

/// How a call ended, as the caller is told.
#[derive(Debug)]
pub struct Execution {
    /// The answer, or the error's description.
    pub payload: Bytes,
    /// Whether it is an answer, or why not.
    pub status: Status,
    /// Whether the error is the service's own: the function did not see the call.
    pub of_service: bool,
    /// The log.
    pub log: Log,
    /// What it took.
    pub usage: Usage,
    /// Whether the answer went to the caller bit by bit. Then the payload is only what the runtime
    /// said of an error in the middle.
    pub streamed: bool,
    /// The code of an error in the middle of a streamed answer, `Unhandled` of any other.
    pub error_code: Option<String>,
}

/// The ways a call can end inside an environment.
#[derive(Debug)]
pub(super) enum End {
    Answered(Bytes),
    Failed(Bytes),
    Streamed(Option<StreamError>),
    TooLarge,
    Truncated,
    InvalidMode,
    Exited(ExitReason),
    OutOfMemory,
    TimedOut,
}

/// Why a call has to be run again, elsewhere: the function has not seen it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotRun {
    /// The process ended before it took the call.
    Gone,
    /// The process is still busy with what it does after its last answer.
    StillBusy,
    /// It did not finish its initialisation in time.
    InitTimedOut,
}

/// How long a process that has already answered its last call may take to ask for the next one
/// before another process is used.
const SETTLE_TIME: Duration = Duration::from_millis(100);

/// How long a first start may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InitLimit {
    /// The usual time; a process that needs longer is started once more.
    First(Duration),
    /// The time of the call, for the second start. Exceeding it is the call's timeout.
    Second(Duration),
}

impl InitLimit {
    fn time(self) -> Duration {
        match self {
            Self::First(time) | Self::Second(time) => time,
        }
    }
}

/// Runs the event in the environment. `init` limits a first start.
pub(super) async fn run(
    environment: &Environment,
    function: &Function,
    event: &Arc<Event>,
    init: InitLimit,
) -> Result<Execution, NotRun> {
    let cold = environment.lock().ready_at().is_none();
    environment.logs.begin(&event.request_id, &function.version);
    let (mut outcome, delivered) = environment.assign(Arc::clone(event));
    let patience = if cold { init.time() } else { SETTLE_TIME };
    let end = match wait_for_delivery(&mut outcome, delivered, patience).await {
        Delivery::Taken(at) => {
            if cold {
                environment.memory_peak_kib();
            }
            wait_for_end(environment, function, outcome, at).await
        }
        Delivery::Ended(outcome) => end_of(outcome),
        Delivery::Late if !environment.lock().withdraw() => {
            // It was taken at the last moment.
            wait_for_end(environment, function, outcome, Instant::now()).await
        }
        Delivery::Late if cold => {
            environment.stop();
            if matches!(init, InitLimit::Second(_)) {
                Ok(End::TimedOut)
            } else {
                Err(NotRun::InitTimedOut)
            }
        }
        Delivery::Late => Err(NotRun::StillBusy),
    };
    match end {
        Ok(end) => Ok(finish(environment, function, event, end, cold)),
        Err(not_run) => {
            environment.logs.end(&report::not_run(&not_run, init.time()));
            Err(not_run)
        }
    }
}

enum Delivery {
    Taken(Instant),
    Ended(Outcome),
    Late,
}

async fn wait_for_delivery(
    outcome: &mut oneshot::Receiver<Outcome>,
    mut delivered: oneshot::Receiver<Instant>,
    patience: Duration,
) -> Delivery {
    let late = tokio::time::sleep(patience);
    tokio::pin!(late);
    tokio::select! {
        biased;
        Ok(at) = &mut delivered => Delivery::Taken(at),
        ended = outcome => Delivery::Ended(ended.unwrap_or(Outcome::NotDelivered)),
        () = &mut late => Delivery::Late,
    }
}

/// Waits for the answer, the exit, the deadline or too much memory, whichever comes first.
async fn wait_for_end(
    environment: &Environment,
    function: &Function,
    mut outcome: oneshot::Receiver<Outcome>,
    delivered_at: Instant,
) -> Result<End, NotRun> {
    let deadline = tokio::time::sleep_until((delivered_at + function.timeout).into());
    tokio::pin!(deadline);
    loop {
        let end = tokio::select! {
            biased;
            ended = &mut outcome => return end_of(ended.unwrap_or(Outcome::NotDelivered)),
            () = &mut deadline => End::TimedOut,
            () = tokio::time::sleep(MEMORY_POLL) => {
                if environment.memory_kib() <= u64::from(function.memory_mb) * 1024 {
                    continue;
                }
                End::OutOfMemory
            }
        };
        environment.stop();
        return Ok(end);
    }
}

fn end_of(outcome: Outcome) -> Result<End, NotRun> {
    match outcome {
        Outcome::Response(bytes) => Ok(End::Answered(bytes)),
        Outcome::Error(body) | Outcome::InitError(body) => Ok(End::Failed(body)),
        Outcome::Streamed(error) => Ok(End::Streamed(error)),
        Outcome::ResponseTooLarge => Ok(End::TooLarge),
        Outcome::Truncated => Ok(End::Truncated),
        Outcome::InvalidMode => Ok(End::InvalidMode),
        Outcome::Exited(reason) => Ok(End::Exited(reason)),
        Outcome::NotDelivered => Err(NotRun::Gone),
    }
}

/// Closes the call's log and builds what the caller gets.
fn finish(
    environment: &Environment,
    function: &Function,
    event: &Event,
    end: End,
    cold: bool,
) -> Execution {
    let id = &event.request_id;
    let usage = report::usage(environment, cold);
    let log = environment.logs.end(&report::lines(function, id, &end, &usage));
    if environment.lock().is_dead() {
        // The runtime reported an error of its initialisation and is about to exit, or it hangs.
        environment.kill_group();
    }
    let timed_out = matches!(end, End::TimedOut);
    let streamed = environment.lock().has_streamed();
    let (error_code, payload) =
        if streamed { end_of_stream(end) } else { whole(function, id, end) };
    let status = match &error_code {
        None => Status::Success,
        Some(_) if timed_out => Status::Timeout,
        Some(_) => Status::Error,
    };
    Execution { payload, status, of_service: false, log, usage, streamed, error_code }
}

/// The code of a call's error, and the payload for a caller who has had nothing of it yet.
fn whole(function: &Function, id: &str, end: End) -> (Option<String>, Bytes) {
    let error = |error_type: &str, message: &str| error_body(error_type, message);
    let about = |what: &dyn std::fmt::Display| format!("RequestId: {id} Error: {what}");
    let payload = match end {
        End::Answered(bytes) => return (None, bytes),
        // A stream has its own end; without one there was nothing to tell.
        End::Streamed(_) => return (None, Bytes::new()),
        End::Failed(body) => body,
        End::TooLarge => error(
            "Function.ResponseSizeTooLarge",
            &format!(
                "Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES} \
                 bytes)."
            ),
        ),
        End::Truncated => error(TRUNCATED, &about(&"The response was cut off")),
        End::InvalidMode => error(INVALID_MODE, &about(&"Invalid function response mode")),
        End::Exited(reason) => error("Runtime.ExitError", &about(&reason)),
        End::OutOfMemory => error("Runtime.OutOfMemory", &about(&ExitReason::Signal(9))),
        End::TimedOut => timed_out(id, function.timeout),
    };
    (Some("Unhandled".to_owned()), payload)
}

/// The code of an error after the answer has begun, and what the runtime itself says of it. AWS
/// gives no details of the errors that it finds itself; a process that ends leaves a cut answer.
fn end_of_stream(end: End) -> (Option<String>, Bytes) {
    let code = match end {
        End::Answered(_) | End::Streamed(None) => return (None, Bytes::new()),
        End::Streamed(Some(error)) => return (Some(error.code), error.details),
        End::Failed(body) => return (Some("Unhandled".to_owned()), body),
        End::TooLarge => "Function.ResponseSizeTooLarge",
        End::InvalidMode => INVALID_MODE,
        End::Truncated | End::Exited(_) | End::OutOfMemory => TRUNCATED,
        End::TimedOut => "Sandbox.Timedout",
    };
    (Some(code.to_owned()), Bytes::new())
}

const TRUNCATED: &str = "Runtime.TruncatedResponse";

const INVALID_MODE: &str = "Runtime.InvalidResponseModeHeader";

fn timed_out(id: &str, timeout: Duration) -> Bytes {
    let seconds = timeout.as_secs_f64();
    error_body(
        "Sandbox.Timedout",
        &format!("RequestId: {id} Error: Task timed out after {seconds:.2} seconds"),
    )
}

/// An error's description, its members in AWS's order.
fn error_body(error_type: &str, message: &str) -> Bytes {
    let message = serde_json::Value::from(message);
    format!("{{\"errorType\":\"{error_type}\",\"errorMessage\":{message}}}").into()
}

impl Execution {
    /// A call that found no process to run it.
    pub(super) fn not_started(id: &str, reason: &str) -> Self {
        let message = format!("RequestId: {id} Error: {reason}");
        let error_type = "Runtime.InvalidEntrypoint";
        let log = Log::of(&[message.clone(), error_type.to_owned()]);
        let usage = Usage { cold: true, ..Usage::default() };
        let payload = error_body(error_type, &message);
        let error_code = Some("Unhandled".to_owned());
        let (status, of_service, streamed) = (Status::Error, true, false);
        Self { payload, status, of_service, log, usage, streamed, error_code }
    }

    /// Whether the payload is an error.
    pub fn failed(&self) -> bool {
        self.status != Status::Success
    }
}
