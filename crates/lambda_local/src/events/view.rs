//! What the queue shows of itself, and what can be done with its dead letters.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::counters::Totals;
use super::item::{Item, Task, now};
use super::store::{Change, DeadLetter};
use super::{Events, QueueError};

/// The queue at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Items that have not ended: those that wait, run, and are to be tried again.
    pub queued: u64,
    /// Those of them that run.
    pub running: u64,
    /// Those of them that are to be tried again, or for the first time, at a later time.
    pub retrying: u64,
    /// All dead letters.
    pub dead_letters: u64,
    /// Counts since the start of the service.
    pub totals: Totals,
    /// The first items: those that run, then by the time of their next attempt.
    pub items: Vec<ItemView>,
    /// The newest dead letters, the newest first.
    pub letters: Vec<LetterView>,
}

/// What an item does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is due, and waits for its turn or for a free execution.
    Waiting,
    /// It runs, or is being delivered.
    Running,
    /// Its next attempt is later.
    Retrying,
}

/// An item of the queue.
#[derive(Clone, Debug)]
pub struct ItemView {
    /// Its id in the queue.
    pub id: u64,
    /// The function that runs it, or whose record it is.
    pub function: String,
    /// The ARN of where it goes; nothing for an event that a function runs.
    pub destination: Option<String>,
    /// Its request id.
    pub request_id: String,
    /// What it does.
    pub state: State,
    /// The number of the attempt that runs or is next, from 1.
    pub attempt: u32,
    /// When that attempt was, or is, due.
    pub due: SystemTime,
    /// When the event was accepted.
    pub accepted: SystemTime,
    /// Size of its payload.
    pub bytes: u64,
    /// Why the last attempt did not succeed.
    pub problem: Option<String>,
}

/// A dead letter.
#[derive(Clone, Debug)]
pub struct LetterView {
    /// Its id.
    pub id: u64,
    /// The function that should have run it, or whose record it is.
    pub function: String,
    /// The ARN of where it should have gone; nothing for an event.
    pub destination: Option<String>,
    /// Its request id.
    pub request_id: String,
    /// Why it is here.
    pub reason: String,
    /// Since when.
    pub since: SystemTime,
    /// Size of its payload.
    pub bytes: u64,
}

impl Events {
    /// The queue as it is now, with at most `limit` items and as many dead letters. Reads from disk.
    pub fn snapshot(&self, limit: usize) -> Result<Snapshot, QueueError> {
        let running = self.running_ids();
        let view = self.view()?;
        let (queued, dead_letters) = view.counts()?;
        let now = now();
        let (mut retrying, mut due) = (0, Vec::new());
        for lane in view.lanes()? {
            retrying += view.later(&lane, now)?;
            due.extend(view.heads(&lane, limit, |id| running.contains(&id))?);
        }
        due.sort_unstable();
        // In the order in which they came.
        let mut first: Vec<u64> = running.iter().copied().collect();
        first.sort_unstable();
        let ids = first.into_iter().chain(due.into_iter().map(|(_, id)| id));
        let mut items = Vec::new();
        for id in ids {
            if items.len() >= limit {
                break;
            }
            // One that runs may have just ended.
            if let Some(item) = view.item(id)? {
                let state = match item.due > now {
                    _ if running.contains(&id) => State::Running,
                    true => State::Retrying,
                    false => State::Waiting,
                };
                items.push(ItemView::of(id, item, state));
            }
        }
        let letters = view.dead_letters(limit)?;
        Ok(Snapshot {
            queued,
            running: (running.len() as u64).min(queued),
            retrying,
            dead_letters,
            totals: self.counters.totals(),
            items,
            letters: letters.into_iter().map(|(id, letter)| LetterView::of(id, letter)).collect(),
        })
    }

    /// The payload of a dead letter: the event, or the record that was to be delivered. Nothing when
    /// there is no such letter.
    pub fn dead_letter(&self, id: u64) -> Result<Option<(LetterView, Bytes)>, QueueError> {
        let view = self.view()?;
        let Some(letter) = view.dead_letter(id)? else { return Ok(None) };
        Ok(Some((LetterView::of(id, letter), view.payload(id)?)))
    }

    /// Deletes a dead letter; says whether there was one.
    pub async fn delete_dead_letter(&self, id: u64) -> Result<bool, QueueError> {
        if self.view()?.dead_letter(id)?.is_none() {
            return Ok(false);
        }
        self.writer.commit(vec![Change::Forget { id }]).await?;
        Ok(true)
    }

    /// Queues a dead letter again, as if it had just been accepted; says whether there was one.
    pub async fn redrive(self: &Arc<Self>, id: u64) -> Result<bool, QueueError> {
        let Some(letter) = self.view()?.dead_letter(id)? else { return Ok(false) };
        let Item { request_id, bytes, task, .. } = letter.item;
        let item = Item { bytes, ..Item::new(request_id, 0, task) };
        let lane = item.lane().to_owned();
        self.writer.commit(vec![Change::Redrive { id, item }]).await?;
        self.wake(&lane);
        Ok(true)
    }
}

impl ItemView {
    fn of(id: u64, item: Item, state: State) -> Self {
        let (function, destination) = names(&item.task);
        Self {
            id,
            function,
            destination,
            request_id: item.request_id,
            state,
            attempt: item.runs + 1,
            due: time(item.due),
            accepted: time(item.accepted),
            bytes: item.bytes,
            problem: item.problem,
        }
    }
}

impl LetterView {
    fn of(id: u64, letter: DeadLetter) -> Self {
        let (function, destination) = names(&letter.item.task);
        Self {
            id,
            function,
            destination,
            request_id: letter.item.request_id,
            reason: letter.reason,
            since: time(letter.since),
            bytes: letter.item.bytes,
        }
    }
}

/// The function, and where its record goes.
fn names(task: &Task) -> (String, Option<String>) {
    match task {
        Task::Invoke(call) => (call.function.clone(), None),
        Task::Deliver(delivery) => {
            let function = delivery.source.split(':').nth(6).unwrap_or(&delivery.source);
            (function.to_owned(), Some(delivery.destination.clone()))
        }
    }
}

fn time(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}
