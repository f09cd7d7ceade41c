//! The state machine of an execution environment, free of I/O.
//!
//! ```text
//! Starting --next--> Idle --assign--> Busy --response | error--> Answering --body--> Responded
//!     Responded --next--> Idle, any --exit--> Dead
//! ```

use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

use super::event::{Event, Outcome};
use super::exit::ExitReason;
use super::stream::Sink;

/// A call of the Runtime API that does not fit the state.
#[derive(Debug, PartialEq, Eq)]
pub enum InvalidTransition {
    /// The request id is not that of the running call.
    RequestId,
    /// The state does not allow the call; holds the state's name as AWS writes it.
    State(&'static str),
}

/// The answer to `next`.
#[derive(Debug)]
pub enum Next {
    /// Take this event; it must be done by the instant.
    Event(Arc<Event>, Instant),
    /// Wait for an event.
    Wait,
    /// The answer to the last event is still coming; holds the state's name.
    Refused(&'static str),
    /// The environment is being taken down.
    Gone,
}

/// A call that was assigned to the environment.
#[derive(Debug)]
struct Call {
    event: Arc<Event>,
    reply: oneshot::Sender<Outcome>,
    /// Tells the caller's side that the clock runs.
    delivered: Option<oneshot::Sender<Instant>>,
    deadline: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Starting,
    Idle,
    Busy,
    /// The answer's body is coming; holds the state's name.
    Answering(&'static str),
    Responded,
    Dead,
}

/// What a living environment does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It has not asked for its first event.
    Starting,
    /// It waits for an event.
    Idle,
    /// It works on one, or on what it does after its answer.
    Busy,
}

/// The state of one environment.
#[derive(Debug, Default)]
pub struct Machine {
    phase: Phase,
    call: Option<Call>,
    /// The last call's event, for a repeated `next` and a second response.
    last: Option<Arc<Event>>,
    /// When the call that is over, or over but for `next`, should have ended.
    settle_by: Option<Instant>,
    /// When the runtime asked for its first event.
    ready_at: Option<Instant>,
    /// When the runtime took the present or last call.
    delivered_at: Option<Instant>,
    /// Whether the present or last call's answer went to its caller bit by bit.
    streamed: bool,
    /// The process has ended; what it had sent before may still come in.
    ending: bool,
}

impl Machine {
    /// Gives the environment its next call. Refused (with both senders dropped) when it is dead or
    /// still has one.
    pub fn assign(
        &mut self,
        event: Arc<Event>,
        reply: oneshot::Sender<Outcome>,
        delivered: oneshot::Sender<Instant>,
    ) {
        if self.phase == Phase::Dead {
            let _ = reply.send(Outcome::NotDelivered);
            return;
        }
        self.streamed = false;
        self.call = Some(Call { event, reply, delivered: Some(delivered), deadline: None });
    }

    /// Takes back a call that was not delivered. False if it was.
    pub fn withdraw(&mut self) -> bool {
        let undelivered = !matches!(self.phase, Phase::Busy | Phase::Answering(_));
        if undelivered {
            self.call = None;
        }
        undelivered
    }

    /// The runtime asks for its next event.
    pub fn next(&mut self, now: Instant) -> Next {
        match self.phase {
            _ if self.is_ending() => return Next::Gone,
            Phase::Answering(state) => return Next::Refused(state),
            Phase::Busy | Phase::Dead => {}
            Phase::Starting | Phase::Responded | Phase::Idle => {
                self.ready_at.get_or_insert(now);
                self.phase = Phase::Idle;
            }
        }
        let Some(call) = &mut self.call else { return Next::Wait };
        self.phase = Phase::Busy;
        let deadline = *call.deadline.get_or_insert(now + call.event.timeout);
        if let Some(delivered) = call.delivered.take() {
            self.delivered_at = Some(now);
            let _ = delivered.send(now);
        }
        Next::Event(Arc::clone(&call.event), deadline)
    }

    /// The runtime begins to answer the call `id`, which leads to the state of this name. Returns
    /// where the body goes when it is to be `streamed` and the caller takes it so.
    pub fn begin(
        &mut self,
        id: &str,
        state: &'static str,
        streamed: bool,
    ) -> Result<Option<Sink>, InvalidTransition> {
        match (self.phase, &self.call, &self.last) {
            (Phase::Busy, Some(call), _) if call.event.request_id == id => {
                let sink = call.event.sink.clone().filter(|_| streamed);
                self.phase = Phase::Answering(state);
                self.streamed = sink.is_some();
                Ok(sink)
            }
            (Phase::Answering(_), Some(Call { event, .. }), _)
            | (Phase::Responded, _, Some(event))
                if event.request_id == id =>
            {
                Err(InvalidTransition::State(self.state_name()))
            }
            _ => Err(InvalidTransition::RequestId),
        }
    }

    /// The body of the answer to the call `id` has come, well or badly.
    pub fn finish(&mut self, id: &str, outcome: Outcome) -> Result<(), InvalidTransition> {
        let answered = |call: &mut Call| call.event.request_id == id;
        let (Phase::Answering(_), Some(call)) = (self.phase, self.call.take_if(answered)) else {
            // It has been stopped in the meantime.
            return Err(InvalidTransition::RequestId);
        };
        self.phase = Phase::Responded;
        self.settle_by = call.deadline;
        self.last = Some(Arc::clone(&call.event));
        let _ = call.reply.send(outcome); // A caller that went away is no concern of the runtime.
        Ok(())
    }

    /// The runtime says that it cannot initialise.
    pub fn init_error(&mut self, body: Bytes) -> Result<(), InvalidTransition> {
        if self.phase != Phase::Starting {
            return Err(InvalidTransition::State(self.state_name()));
        }
        self.end(|| Outcome::InitError(body));
        Ok(())
    }

    /// The process ended, but an answer that it sent before may still be on its way.
    pub fn no_more_events(&mut self) {
        self.ending = true;
    }

    /// The process ended, and all it had sent has been read.
    pub fn exited(&mut self, reason: ExitReason) {
        let never_ran = matches!(self.phase, Phase::Idle | Phase::Responded);
        self.end(|| if never_ran { Outcome::NotDelivered } else { Outcome::Exited(reason) });
    }

    /// No more calls: the environment is stopped from outside.
    pub fn stop(&mut self) {
        self.end(|| Outcome::NotDelivered);
    }

    fn end(&mut self, outcome: impl FnOnce() -> Outcome) {
        self.phase = Phase::Dead;
        if let Some(call) = self.call.take() {
            let _ = call.reply.send(outcome());
        }
    }

    /// Whether the process has ended, or is about to.
    pub fn is_ending(&self) -> bool {
        self.ending || self.phase == Phase::Dead
    }

    /// Whether the present or last call's answer went to its caller bit by bit.
    pub fn has_streamed(&self) -> bool {
        self.streamed
    }

    /// Whether an answer is on its way to its caller bit by bit.
    pub fn is_streaming(&self) -> bool {
        self.streamed && matches!(self.phase, Phase::Answering(_))
    }

    /// Whether the environment can take no more calls.
    pub fn is_dead(&self) -> bool {
        self.phase == Phase::Dead
    }

    /// When the runtime was ready for its first event.
    pub fn ready_at(&self) -> Option<Instant> {
        self.ready_at
    }

    /// When the runtime took the present or last call; nothing before its first.
    pub fn delivered_at(&self) -> Option<Instant> {
        self.delivered_at
    }

    /// Whether the runtime answered but then did not ask for the next event in the call's time.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.phase == Phase::Responded && self.settle_by.is_some_and(|by| by < now)
    }

    /// Whether it still initialises, waits for an event, or works. Nothing when it is dead.
    pub fn activity(&self) -> Option<Activity> {
        match self.phase {
            Phase::Starting => Some(Activity::Starting),
            Phase::Idle if self.call.is_none() => Some(Activity::Idle),
            Phase::Idle | Phase::Busy | Phase::Answering(_) | Phase::Responded => {
                Some(Activity::Busy)
            }
            Phase::Dead => None,
        }
    }

    /// Whether an event would be taken at once.
    pub fn is_waiting(&self) -> bool {
        self.phase == Phase::Idle
    }

    fn state_name(&self) -> &'static str {
        match self.phase {
            Phase::Starting => "Started",
            Phase::Idle => "Ready",
            Phase::Busy => "Running",
            Phase::Answering(state) => state,
            Phase::Responded => "RuntimeResponseSentState",
            Phase::Dead => "RuntimeTerminatedState",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::invocations::Kind;

    fn assigned(machine: &mut Machine, id: &str) -> oneshot::Receiver<Outcome> {
        let event = Event {
            kind: Kind::RequestResponse,
            request_id: id.to_owned(),
            payload: Bytes::new(),
            invoked_arn: String::new(),
            trace_id: String::new(),
            client_context: None,
            timeout: Duration::from_secs(1),
            sink: None,
        };
        let (reply, outcome) = oneshot::channel();
        machine.assign(Arc::new(event), reply, oneshot::channel().0);
        outcome
    }

    fn answer(machine: &mut Machine, id: &str) -> Result<(), InvalidTransition> {
        machine.begin(id, "InvocationResponse", false)?;
        machine.finish(id, Outcome::Response(Bytes::from_static(b"1")))
    }

    #[test]
    fn a_call_is_delivered_until_it_is_answered_and_answered_once() {
        let mut machine = Machine::default();
        let now = Instant::now();
        let mut outcome = assigned(&mut machine, "a");
        for _ in 0..2 {
            assert!(matches!(machine.next(now), Next::Event(event, _) if event.request_id == "a"));
        }
        assert_eq!(answer(&mut machine, "b"), Err(InvalidTransition::RequestId));
        assert_eq!(answer(&mut machine, "a"), Ok(()));
        assert!(matches!(outcome.try_recv(), Ok(Outcome::Response(_))));
        let again = Err(InvalidTransition::State("RuntimeResponseSentState"));
        assert_eq!(answer(&mut machine, "a"), again);
        assert!(matches!(machine.next(now), Next::Wait));
        assert_eq!(answer(&mut machine, "a"), Err(InvalidTransition::RequestId));
    }

    #[test]
    fn while_a_body_comes_nothing_else_is_taken() {
        let mut machine = Machine::default();
        let mut outcome = assigned(&mut machine, "a");
        machine.next(Instant::now());
        assert!(matches!(machine.begin("a", "InvocationResponse", true), Ok(None)), "no sink");
        let again = machine.begin("a", "InvocationErrorResponse", false).map(drop);
        assert_eq!(again, Err(InvalidTransition::State("InvocationResponse")));
        let next = machine.next(Instant::now());
        assert!(matches!(next, Next::Refused("InvocationResponse")), "not the same event again");
        assert!(!machine.withdraw(), "it is delivered");
        machine.exited(ExitReason::Code(1));
        assert!(matches!(outcome.try_recv(), Ok(Outcome::Exited(_))), "in the middle");
        assert_eq!(machine.finish("a", Outcome::Truncated), Err(InvalidTransition::RequestId));
    }

    #[test]
    fn an_exit_is_the_calls_end_only_if_the_runtime_had_it() {
        let now = Instant::now();
        let reason = ExitReason::Code(1);
        let mut starting = Machine::default();
        let mut outcome = assigned(&mut starting, "a");
        starting.exited(reason);
        assert!(matches!(outcome.try_recv(), Ok(Outcome::Exited(_))));

        let mut answered = Machine::default();
        let _first = assigned(&mut answered, "a");
        answered.next(now);
        answer(&mut answered, "a").unwrap();
        let mut second = assigned(&mut answered, "b");
        answered.exited(reason);
        assert!(matches!(second.try_recv(), Ok(Outcome::NotDelivered)));
        let mut third = assigned(&mut answered, "c");
        assert!(matches!(third.try_recv(), Ok(Outcome::NotDelivered)), "dead takes no calls");
        assert!(matches!(answered.next(now), Next::Gone));
    }

    #[test]
    fn a_runtime_that_never_comes_back_is_overdue() {
        let mut machine = Machine::default();
        let now = Instant::now();
        let _outcome = assigned(&mut machine, "a");
        machine.next(now);
        assert!(!machine.withdraw(), "it is delivered");
        answer(&mut machine, "a").unwrap();
        assert!(!machine.is_overdue(now));
        assert!(machine.is_overdue(now + Duration::from_secs(2)));
        let _second = assigned(&mut machine, "b");
        assert!(machine.withdraw());
        assert!(matches!(machine.next(now), Next::Wait));
    }

    #[test]
    fn an_initialisation_error_counts_only_at_the_start() {
        let mut machine = Machine::default();
        let mut outcome = assigned(&mut machine, "a");
        assert_eq!(machine.init_error(Bytes::from_static(b"{}")), Ok(()));
        assert!(matches!(outcome.try_recv(), Ok(Outcome::InitError(_))));
        let mut running = Machine::default();
        let _outcome = assigned(&mut running, "a");
        running.next(Instant::now());
        let refused = Err(InvalidTransition::State("Running"));
        assert_eq!(running.init_error(Bytes::new()), refused);
    }
}
