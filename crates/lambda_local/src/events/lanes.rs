//! One line for each function and each destination: what waits for one never holds up another.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::Events;
use super::item::{Item, Task, now};
use super::run::Prevented;
use crate::environment::Held;

/// Keys of a lane that are read from disk at a time.
const HEADS: usize = 64;

/// Deliveries to one destination at a time. Those to a file are made one by one, in their order.
const DELIVERIES: usize = 8;

/// How long the queue waits after the disk failed it.
const DISK_PAUSE: Duration = Duration::from_secs(1);

/// How long a throttled event waits before its age is looked at again.
const THROTTLE_CHECK: Duration = Duration::from_secs(1);

/// Takes the items of a lane in their order, until none is left.
pub(super) async fn drain(events: Arc<Events>, name: String, bell: Arc<Notify>) {
    let places = if name.starts_with(super::destination::FILE_ARN) { 1 } else { DELIVERIES };
    let mut lane = Lane {
        events,
        name,
        bell,
        heads: VecDeque::new(),
        deliveries: Arc::new(Semaphore::new(places)),
        throttled: None,
    };
    loop {
        match lane.step().await {
            Ok(Step::On) => {}
            Ok(Step::Empty) => return,
            Err(error) => {
                tracing::error!("the event queue cannot be read: {error}");
                tokio::time::sleep(DISK_PAUSE).await;
            }
        }
    }
}

struct Lane {
    events: Arc<Events>,
    name: String,
    /// Rings when an item came that may be due before the others.
    bell: Arc<Notify>,
    /// Time and id of the next items.
    heads: VecDeque<(u64, u64)>,
    deliveries: Arc<Semaphore>,
    /// The item that was counted as throttled last.
    throttled: Option<u64>,
}

enum Step {
    On,
    Empty,
}

/// What a running item holds until it is over.
pub(super) enum Place {
    /// An execution of its function.
    Execution(Held),
    /// One of the deliveries to its destination.
    Delivery(OwnedSemaphorePermit),
}

impl Lane {
    async fn step(&mut self) -> Result<Step, redb::Error> {
        if self.heads.is_empty() {
            self.heads = self.events.heads(&self.name, HEADS)?;
        }
        let Some(&(due, id)) = self.heads.front() else {
            return Ok(if self.events.close(&self.name)? { Step::Empty } else { Step::On });
        };
        let wait = due.saturating_sub(now());
        if wait > 0 {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(wait)) => {}
                () = self.bell.notified() => self.heads.clear(),
            }
            return Ok(Step::On);
        }
        if self.events.pools.is_stopping() {
            // It stays in the queue for the next start.
            std::future::pending::<()>().await;
        }
        let Some(item) = self.events.item(id)? else {
            self.heads.pop_front();
            return Ok(Step::On);
        };
        match self.place(id, &item).await {
            Ok(Some(place)) => self.start(id, item, place).await,
            // Its age is looked at again.
            Ok(None) => return Ok(Step::On),
            Err(prevented) => self.give_up(id, item, prevented).await,
        }
        self.heads.pop_front();
        Ok(Step::On)
    }

    async fn start(&self, id: u64, item: Item, place: Place) {
        let in_hand = self.events.in_hand().await;
        self.events.mark_running(id);
        let events = Arc::clone(&self.events);
        tokio::spawn(async move {
            events.attempt(id, item, place).await;
            drop(in_hand);
        });
    }

    async fn give_up(&self, id: u64, item: Item, prevented: Prevented) {
        let in_hand = self.events.in_hand().await;
        self.events.mark_running(id);
        let events = Arc::clone(&self.events);
        tokio::spawn(async move {
            events.give_up(id, item, prevented).await;
            drop(in_hand);
        });
    }

    /// A place for the item to run in; nothing when there is none yet.
    async fn place(&mut self, id: u64, item: &Item) -> Result<Option<Place>, Prevented> {
        let Task::Invoke(call) = &item.task else {
            if self.events.expiry(item) <= now() {
                return Err(Prevented::TooOld);
            }
            let permit = Arc::clone(&self.deliveries).acquire_owned().await;
            return Ok(permit.ok().map(Place::Delivery));
        };
        if self.events.functions.get(&call.function).is_none() {
            return Err(Prevented::NoFunction);
        }
        if self.events.expiry(item) <= now() {
            return Err(Prevented::TooOld);
        }
        let concurrency = self.events.pools.concurrency_of(&call.function);
        if let Ok(held) = concurrency.try_take() {
            return Ok(Some(Place::Execution(held)));
        }
        if self.throttled.replace(id) != Some(id) {
            self.events.counters.throttled.one();
        }
        // AWS asks again after 1 second, then less and less often, as it reads the events of many
        // functions from one queue. Here a place that becomes free is taken at once.
        tokio::select! {
            held = concurrency.take() => match held {
                Some(held) => Ok(Some(Place::Execution(held))),
                None => Err(Prevented::NoConcurrency),
            },
            () = tokio::time::sleep(THROTTLE_CHECK) => Ok(None),
        }
    }
}
