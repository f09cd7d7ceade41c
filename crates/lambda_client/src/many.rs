//! Many calls of one statement, several in flight.
//!
//! Throttling slows all of them down instead of failing one: what is refused with 429 has not run,
//! so it is sent again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lambda_core::{Answer, Invocation, InvokeError, Pace};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::attempts::Throttled;
use crate::{CallOptions, Client, Report};

/// One call.
#[derive(Clone, Debug)]
pub struct Request {
    /// By which the caller knows it.
    pub number: u64,
    /// JSON text in UTF-8, empty for SQL NULL.
    pub body: Bytes,
    /// How many rows are in it: for the caller's own use.
    pub rows: usize,
}

/// What the calls of a statement have in common.
#[derive(Clone, Debug)]
pub struct Calls {
    /// Function, type and context; its payload is ignored.
    pub invocation: Invocation,
    /// Limits of each call. The time runs anew when a call that was throttled is sent again.
    pub options: CallOptions,
    /// How many calls may be in flight, at most.
    pub most: usize,
}

/// What became of a call.
#[derive(Debug)]
pub struct Landed {
    /// Its result.
    pub result: Result<Answer, InvokeError>,
    /// What all its sendings did.
    pub report: Report,
    /// From when it was sent, the last time, to its result.
    pub took: Duration,
}

/// Where results go.
pub type Sink = dyn FnMut(Request, Landed) + Send;

/// Makes the calls that `requests` brings, until its other end is dropped and every call has its
/// result.
///
/// A call that is throttled is sent again. It fails only when the service has let no call in for
/// `request_timeout`.
///
/// Dropping the future abandons every call and closes their connections.
pub async fn invoke_many(
    client: Arc<Client>,
    calls: Calls,
    mut requests: UnboundedReceiver<Request>,
    mut sink: Box<Sink>,
) {
    let mut flight = Flight::new(client, calls);
    let mut more = true;
    while more || !flight.is_empty() {
        let now = Instant::now();
        flight.launch(now);
        let resume = flight.paused_until.filter(|_| !flight.waiting.is_empty());
        tokio::select! {
            // Results first: each makes room.
            biased;
            Some(ended) = flight.running.join_next_with_id() => {
                if let Some((request, landed)) = flight.land(ended) {
                    sink(request, landed);
                }
            }
            request = requests.recv(), if more => match request {
                Some(request) => flight.accept(request),
                None => more = false,
            },
            () = sleep_until(resume.unwrap_or(now)), if resume.is_some() => {}
        }
    }
}

/// A call that has no result yet.
struct Call {
    request: Request,
    /// The pace's round that it was sent in, and when.
    round: u64,
    sent_at: Instant,
    /// What its earlier sendings did.
    report: Report,
}

struct Flight {
    client: Arc<Client>,
    calls: Arc<Calls>,
    pace: Pace,
    /// Calls to be sent, those that were throttled first.
    waiting: VecDeque<Call>,
    /// Calls that were sent.
    sent: HashMap<Id, Call>,
    running: JoinSet<(Result<Answer, InvokeError>, Report)>,
    /// Nothing is sent before, after a refusal.
    paused_until: Option<Instant>,
    /// When the service began to refuse every call.
    refused_since: Option<Instant>,
}

impl Flight {
    fn new(client: Arc<Client>, calls: Calls) -> Self {
        Self {
            client,
            pace: Pace::new(calls.most),
            calls: Arc::new(calls),
            waiting: VecDeque::new(),
            sent: HashMap::new(),
            running: JoinSet::new(),
            paused_until: None,
            refused_since: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.sent.is_empty()
    }

    fn accept(&mut self, request: Request) {
        if self.is_empty() {
            // What was refused before is over: the service may have recovered since.
            self.refused_since = None;
        }
        let (round, sent_at, report) = (0, Instant::now(), Report::default());
        self.waiting.push_back(Call { request, round, sent_at, report });
    }

    /// Sends what the pace allows.
    fn launch(&mut self, now: Instant) {
        if self.paused_until.is_some_and(|until| until > now) {
            return;
        }
        self.paused_until = None;
        while self.sent.len() < self.pace.window()
            && let Some(mut call) = self.waiting.pop_front()
        {
            (call.round, call.sent_at) = (self.pace.round(), now);
            let (client, calls) = (Arc::clone(&self.client), Arc::clone(&self.calls));
            let body = call.request.body.clone();
            let task = self.running.spawn(async move {
                client.call(&calls.invocation, body, &calls.options, Throttled::Fails).await
            });
            self.sent.insert(task.id(), call);
        }
    }

    /// Takes what became of a call; `None` if it will be sent again.
    fn land(&mut self, ended: Ended) -> Option<(Request, Landed)> {
        let (id, (result, report)) = ended.unwrap_or_else(|error| {
            let text = "The client failed; please report this as a bug".to_owned();
            (error.id(), (Err(InvokeError::Client(text)), Report::default()))
        });
        let mut call = self.sent.remove(&id)?;
        call.report.add(report);
        let now = Instant::now();
        if self.sends_again(&result, call.round, now) {
            call.report.retries += 1;
            self.waiting.push_front(call);
            return None;
        }
        let landed = Landed { result, report: call.report, took: now - call.sent_at };
        Some((call.request, landed))
    }

    /// Learns from a result, and decides whether its call is to be sent again.
    fn sends_again(
        &mut self,
        result: &Result<Answer, InvokeError>,
        round: u64,
        now: Instant,
    ) -> bool {
        let Err(InvokeError::Service { status: 429, retry_after, .. }) = result else {
            self.pace.let_in();
            self.refused_since = None;
            return false;
        };
        let wait = self.pace.refused(round).mul_f64(fastrand::f64());
        let wait = wait.max(retry_after.unwrap_or(Duration::ZERO));
        let since = *self.refused_since.get_or_insert(now);
        let patience = self.calls.options.request_timeout.saturating_sub(now - since);
        if wait >= patience {
            return false;
        }
        self.paused_until = self.paused_until.max(Some(now + wait));
        true
    }
}

type Ended = Result<(Id, (Result<Answer, InvokeError>, Report)), JoinError>;
