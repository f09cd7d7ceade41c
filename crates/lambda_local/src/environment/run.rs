//! Running one call in an environment, and what the caller and the log are told of its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::exit::ExitReason;
use super::logs::Log;
use super::machine::{Event, Outcome};
use super::process::Environment;
use super::report;
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
}

/// The ways a call can end inside an environment.
#[derive(Debug)]
pub(super) enum End {
    Answered(Bytes),
    Failed(Bytes),
    TooLarge,
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
        Outcome::ResponseTooLarge => Ok(End::TooLarge),
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
    let error = |error_type: &str, message: &str| error_body(error_type, message);
    let (status, payload) = match end {
        End::Answered(bytes) => (Status::Success, bytes),
        End::Failed(body) => (Status::Error, body),
        End::TooLarge => (
            Status::Error,
            error(
                "Function.ResponseSizeTooLarge",
                &format!(
                    "Response payload size exceeded maximum allowed payload size \
                     ({RESPONSE_BYTES} bytes)."
                ),
            ),
        ),
        End::Exited(reason) => {
            (Status::Error, error("Runtime.ExitError", &format!("RequestId: {id} Error: {reason}")))
        }
        End::OutOfMemory => {
            let reason = ExitReason::Signal(9);
            (
                Status::Error,
                error("Runtime.OutOfMemory", &format!("RequestId: {id} Error: {reason}")),
            )
        }
        End::TimedOut => (Status::Timeout, timed_out(id, function.timeout)),
    };
    Execution { payload, status, of_service: false, log, usage }
}

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
        Self { payload, status: Status::Error, of_service: true, log, usage }
    }

    /// Whether the payload is an error.
    pub fn failed(&self) -> bool {
        self.status != Status::Success
    }
}
