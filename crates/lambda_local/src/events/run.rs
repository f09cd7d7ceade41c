//! One attempt, and what comes of it.

use std::sync::Arc;
use std::time::Duration;

use super::Events;
use super::destination::{self, Refused};
use super::ending::{Ending, Response};
use super::item::{Call, Delivery, Item, Task, now};
use super::lanes::Place;
use super::policy::{Condition, Rules};
use super::store::{Change, DeadLetter};
use crate::environment::{Event, Execution, Held};
use crate::functions::LATEST;
use crate::invocations::Kind;
use crate::invoke_api::chosen;
use crate::model::{Progress, Record};

/// Why an item is given up without another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prevented {
    /// Its age is over the limit.
    TooOld,
    /// The function may run no executions at all.
    NoConcurrency,
    /// The function has been deleted.
    NoFunction,
}

/// How an attempt to run an event ended.
enum Attempt {
    Ran {
        version: String,
        execution: Execution,
    },
    /// It was not made; says why.
    NotMade(String),
    /// There is no such version or alias any more.
    NoVersion,
}

impl Attempt {
    /// Whether it was made without success, or could not be made.
    fn has_failed(&self) -> bool {
        match self {
            Self::Ran { execution, .. } => execution.failed(),
            Self::NotMade(_) => true,
            Self::NoVersion => false,
        }
    }
}

impl Events {
    /// Makes an attempt and writes down what came of it.
    pub(super) async fn attempt(self: Arc<Self>, id: u64, item: Item, place: Place) {
        match (item.task.clone(), place) {
            (Task::Invoke(call), Place::Execution(held)) => {
                let attempt = self.run(id, &item, &call, held).await;
                if attempt.has_failed() && self.pools.have_ended() {
                    // The stop of the service was its end: it runs again at the next start.
                    return;
                }
                self.conclude(id, item, &call, attempt).await;
            }
            (Task::Deliver(delivery), Place::Delivery(permit)) => {
                self.deliver(id, item, &delivery).await;
                drop(permit);
            }
            // A lane gives each item a place of its own kind.
            (Task::Invoke(_), Place::Delivery(_)) | (Task::Deliver(_), Place::Execution(_)) => {}
        }
    }

    async fn run(&self, id: u64, item: &Item, call: &Call, place: Held) -> Attempt {
        let Some(record) = self.functions.get(&call.function) else { return Attempt::NoVersion };
        let Some(version) = record.version(chosen(&record, call.qualifier.as_deref())) else {
            return Attempt::NoVersion;
        };
        if version.state == Progress::Doing {
            return Attempt::NotMade("the function is being created".to_owned());
        }
        let payload = match self.payload(id) {
            Ok(payload) => payload,
            Err(error) => return Attempt::NotMade(error.to_string()),
        };
        let pool = self.pools.of(&record, version).await;
        let event = Event {
            kind: Kind::Event,
            request_id: item.request_id.clone(),
            payload,
            invoked_arn: call.invoked_arn(),
            trace_id: call.trace_id.clone(),
            client_context: call.client_context.clone(),
            timeout: pool.function().timeout,
            sink: None,
        };
        let execution = pool.invoke_in(event, place).await;
        if execution.of_service {
            return Attempt::NotMade(text(&execution.payload));
        }
        Attempt::Ran { version: version.name(), execution }
    }

    async fn conclude(self: &Arc<Self>, id: u64, mut item: Item, call: &Call, attempt: Attempt) {
        let (function, request_id) = (call.function.as_str(), item.request_id.clone());
        let rules = self.rules(call);
        match attempt {
            Attempt::Ran { version, execution } if !execution.failed() => {
                item.runs += 1;
                tracing::debug!(function, request_id, "asynchronous call done");
                let response = Response::of(version, execution);
                let ending = Ending { condition: Condition::Success, response: Some(response) };
                self.finish(id, item, call, ending).await;
            }
            Attempt::Ran { version, execution } => {
                item.runs += 1;
                item.failures += 1;
                item.setbacks = 0;
                let error = text(&execution.payload);
                let again = rules.after_failure(&item, &self.settings.retry_delays, now());
                tracing::error!(
                    function,
                    request_id,
                    attempt = item.runs,
                    "asynchronous call failed: {error}{}",
                    again.map(next_attempt).unwrap_or_default()
                );
                item.problem = Some(error);
                match again {
                    Some(due) => self.again(id, item, due).await,
                    None => {
                        let response = Some(Response::of(version, execution));
                        let condition = Condition::RetriesExhausted;
                        self.finish(id, item, call, Ending { condition, response }).await;
                    }
                }
            }
            Attempt::NotMade(reason) => {
                item.setbacks += 1;
                let due = rules.after_setback(&item, now());
                let next = next_attempt(due);
                tracing::warn!(function, request_id, "asynchronous call not made: {reason}{next}");
                item.problem = Some(reason);
                self.again(id, item, due).await;
            }
            Attempt::NoVersion => self.bury(id, item, missing(call)).await,
        }
    }

    /// Ends an item without another attempt.
    pub(super) async fn give_up(self: Arc<Self>, id: u64, item: Item, prevented: Prevented) {
        let call = match &item.task {
            Task::Invoke(call) => call.clone(),
            Task::Deliver(_) => {
                let last = item.problem.clone().unwrap_or_default();
                return self.bury(id, item, format!("too old; the last attempt: {last}")).await;
            }
        };
        let condition = match prevented {
            Prevented::NoFunction => return self.bury(id, item, missing(&call)).await,
            Prevented::TooOld => Condition::EventAgeExceeded,
            Prevented::NoConcurrency => Condition::ZeroReservedConcurrency,
        };
        let request_id = &item.request_id;
        let name = condition.name();
        tracing::error!(function = call.function, request_id, "asynchronous call given up: {name}");
        self.finish(id, item, &call, Ending { condition, response: None }).await;
    }

    /// Ends an event: what follows from it is queued in the same transaction.
    async fn finish(self: &Arc<Self>, id: u64, item: Item, call: &Call, ending: Ending) {
        let condition = ending.condition;
        let record = self.functions.get(&call.function);
        let follow_ups = match self.follow_ups(id, record.as_deref(), &item, call, ending) {
            Ok(follow_ups) => follow_ups,
            // It stays as it is on disk, and runs again after a restart.
            Err(error) => return tracing::error!("the event queue cannot be read: {error}"),
        };
        match condition {
            Condition::Success => self.counters.succeeded.one(),
            Condition::EventAgeExceeded => self.counters.expired.one(),
            Condition::RetriesExhausted | Condition::ZeroReservedConcurrency => {
                self.counters.failed.one();
            }
        }
        if condition != Condition::Success && follow_ups.is_empty() {
            self.counters.dropped.one();
            tracing::warn!(
                function = call.function,
                request_id = item.request_id,
                "the event is dropped: the function has neither an on-failure destination nor a \
                 dead letter target"
            );
        }
        let lanes: Vec<String> =
            follow_ups.iter().map(|(item, _)| item.lane().to_owned()).collect();
        let calls = follow_ups.iter().filter(|(item, _)| matches!(item.task, Task::Invoke(_)));
        self.counters.accepted.add(calls.count() as u64);
        let mut changes = vec![Change::End { id, item }];
        changes.extend(follow_ups.into_iter().map(|(item, payload)| {
            let id = self.new_id();
            Change::Add { id, item, payload }
        }));
        self.settle(id, changes).await;
        for lane in lanes {
            self.wake(&lane);
        }
    }

    async fn deliver(self: &Arc<Self>, id: u64, mut item: Item, delivery: &Delivery) {
        item.runs += 1;
        let payload = match self.payload(id) {
            Ok(payload) => payload,
            Err(error) => return self.bury(id, item, error.to_string()).await,
        };
        let sent = destination::send(&self.endpoints, delivery, &item, &payload).await;
        match sent {
            Ok(()) => {
                self.counters.delivered.one();
                self.settle(id, vec![Change::End { id, item }]).await;
            }
            Err(Refused::ForGood(reason)) => self.bury(id, item, reason).await,
            Err(Refused::ForNow(reason)) => {
                item.setbacks += 1;
                let due = Rules::of(None).after_setback(&item, now());
                let next = next_attempt(due);
                let destination = &delivery.destination;
                tracing::warn!(destination, "a record was not delivered: {reason}{next}");
                item.problem = Some(reason);
                self.again(id, item, due).await;
            }
        }
    }

    async fn again(self: &Arc<Self>, id: u64, item: Item, due: u64) {
        self.counters.retried.one();
        let lane = item.lane().to_owned();
        let change = Change::Again { id, due: item.due, item: Item { due, ..item } };
        self.settle(id, vec![change]).await;
        self.wake(&lane);
    }

    async fn bury(&self, id: u64, item: Item, reason: String) {
        let (lane, request_id) = (item.lane(), &item.request_id);
        tracing::error!(request_id, "undeliverable, kept as a dead letter for {lane}: {reason}");
        let letter = DeadLetter { item, reason, since: now() };
        self.settle(id, vec![Change::Bury { id, letter }]).await;
    }

    /// How a call's events are handled: by the configuration of just the qualifier that was used.
    pub(super) fn rules(&self, call: &Call) -> Rules {
        let record = self.functions.get(&call.function);
        Rules::of(record.as_deref().and_then(|record| config(record, call)))
    }

    /// When an item has become too old.
    pub(super) fn expiry(&self, item: &Item) -> u64 {
        match &item.task {
            Task::Invoke(call) => self.rules(call).expiry(item),
            Task::Deliver(_) => Rules::of(None).expiry(item),
        }
    }
}

/// The configuration of a call's qualifier.
pub(super) fn config<'a>(record: &'a Record, call: &Call) -> Option<&'a crate::model::EventInvoke> {
    record.event_invoke.get(call.qualifier.as_deref().unwrap_or(LATEST))
}

fn missing(call: &Call) -> String {
    format!("the function {} does not exist any more", call.invoked_arn())
}

fn next_attempt(due: u64) -> String {
    let wait = Duration::from_millis(due.saturating_sub(now()));
    format!("; the next attempt is in {:.1} s", wait.as_secs_f64())
}

/// An error as text, not longer than a log line should be.
fn text(payload: &[u8]) -> String {
    const LONGEST: usize = 1_024;

    let text = String::from_utf8_lossy(payload);
    let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].to_owned()
}
