//! What a backend keeps between calls: its I/O thread, its connections and its credentials.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use lambda_client::{CallOptions, Calls, Client, Landed, Report, invoke_many};
use lambda_core::batch_answer::{self, Results};
use lambda_core::{Answer, Invocation, InvokeError, Shape};
use pg_support::io_thread::{IoThread, Task, at_backend_exit};
use pg_support::queue::{Receiver, Wanted};
use pgrx::prelude::*;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::statistics::{self, Callee};

struct Backend {
    io: IoThread,
    client: Arc<Client>,
}

/// Set by a backend's first call, never in the postmaster: threads do not survive a fork.
static BACKEND: OnceLock<Backend> = OnceLock::new();

/// Makes a call and waits for it. An interrupt unwinds, and the call is abandoned.
pub(crate) fn call(invocation: Invocation, options: CallOptions) -> Result<Answer, InvokeError> {
    let backend = backend()?;
    let client = Arc::clone(&backend.client);
    let begun = Instant::now();
    let counted = Callee::new(&invocation, options.region.as_ref()).begin();
    let call = async move { client.invoke_and_report(invocation, &options).await };
    let (result, report) =
        backend.io.run(call).unwrap_or_else(|_panicked| (Err(failed()), Report::default()));
    counted.finish(begun.elapsed(), result.as_ref().err(), &report);
    result
}

/// A call of several.
pub(crate) type Request = lambda_client::Request;

/// Calls of one statement that are in flight. Dropping it abandons them.
pub(crate) struct ManyCalls {
    callee: Callee,
    requests: UnboundedSender<Request>,
    results: Receiver<Landing>,
    _task: Task,
}

/// What became of a call: the answer without its payload, and the rows' parts of that.
pub(crate) type Outcome = Result<(Answer, Option<Results>), InvokeError>;

/// The outcome, and what the statistics want to know.
struct Landing {
    outcome: Outcome,
    report: Report,
    took: Duration,
}

impl ManyCalls {
    /// Ready to make calls; nothing is sent yet. `shape` is what their answers must have.
    pub(crate) fn start(calls: Calls, shape: Shape) -> Result<Self, InvokeError> {
        let backend = backend()?;
        let callee = Callee::new(&calls.invocation, calls.options.region.as_ref());
        let function = calls.invocation.function.as_str().to_owned();
        let (requests, incoming) = unbounded_channel();
        let (sender, results) = backend.io.queue();
        let sink = Box::new(move |request: Request, landed: Landed| {
            let split = |answer| results_of(answer, &shape, request.rows, &function);
            let outcome = landed.result.and_then(split);
            let (report, took) = (landed.report, landed.took);
            sender.send(request.number, Landing { outcome, report, took });
        });
        let client = Arc::clone(&backend.client);
        let task = backend.io.spawn(invoke_many(client, calls, incoming, sink));
        Ok(Self { callee, requests, results, _task: task })
    }

    /// Hands a call over. The result is given back with its outcome.
    pub(crate) fn send(&self, request: Request) -> Counted {
        // The other end is only gone after a failure, which shows as a missing result.
        let _ = self.requests.send(request);
        Counted(self.callee.begin())
    }

    /// Waits for what is `wanted`, and takes every outcome that has come with it, by the calls'
    /// numbers. `count` gives back what `send` gave.
    ///
    /// # Errors
    /// When the calls have failed as a whole.
    pub(crate) fn wait(
        &self,
        wanted: Wanted,
        mut count: impl FnMut(u64) -> Option<Counted>,
    ) -> Result<Vec<(u64, Outcome)>, InvokeError> {
        let landings = self.results.wait(wanted);
        if landings.is_empty() {
            return Err(failed());
        }
        let outcomes = landings.into_iter().map(|(number, landing)| {
            if let Some(Counted(call)) = count(number) {
                call.finish(landing.took, landing.outcome.as_ref().err(), &landing.report);
            }
            (number, landing.outcome)
        });
        Ok(outcomes.collect())
    }
}

/// A call that counts as cancelled if this is dropped before its outcome has come.
pub(crate) struct Counted(statistics::Call);

/// Splits a batch's answer. Runs on the I/O thread, while the main thread forms rows.
fn results_of(mut answer: Answer, shape: &Shape, rows: usize, function: &str) -> Outcome {
    let payload = answer.payload.take();
    let id = answer.request_id.as_deref();
    let split = |text| batch_answer::split(shape, text, rows, function, id);
    let results = payload.map(split).transpose()?;
    Ok((answer, results))
}

fn failed() -> InvokeError {
    InvokeError::Client("The client failed; please report this as a bug".to_owned())
}

fn backend() -> Result<&'static Backend, InvokeError> {
    if let Some(backend) = BACKEND.get() {
        return Ok(backend);
    }
    let io = IoThread::start(c"AwsLambdaInvoke").map_err(|error| {
        InvokeError::Client(format!("The I/O thread could not be started: {error}"))
    })?;
    at_backend_exit(stop);
    Ok(BACKEND.get_or_init(|| Backend { io, client: Arc::new(Client::new()) }))
}

#[pg_guard]
unsafe extern "C-unwind" fn stop(_code: i32, _argument: pg_sys::Datum) {
    if let Some(backend) = BACKEND.get() {
        backend.io.stop();
    }
}
