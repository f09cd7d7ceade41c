//! Asynchronous invocation: a queue on disk, tried again as AWS does, with destinations and dead
//! letters.
//!
//! An event is on disk before its caller is answered, and goes when it has ended; so it is run at
//! least once, whatever happens to the service. An end and what follows from it, such as a record
//! for a destination, are one transaction.

mod counters;
mod destination;
mod ending;
mod item;
mod lanes;
mod policy;
mod run;
mod store;
#[cfg(test)]
mod tests;
mod view;
mod writer;

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use redb::Database;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

pub use counters::Totals;
pub use destination::Endpoints;
pub use policy::RETRY_DELAYS;
pub use view::{ItemView, LetterView, Snapshot, State};
pub use writer::WriteError;

pub(crate) use item::Call;

use counters::Counters;
use item::{Item, Task};
use store::{Change, View};
use writer::Writer;

use crate::limits::ACCOUNT_CONCURRENCY;
use crate::model::{Functions, StoreError};
use crate::pools::Pools;

/// Items in memory: those that run, and those whose end is being written. More than can run at
/// once, so that the disk does not hold up the next.
const IN_HAND: usize = ACCOUNT_CONCURRENCY as usize + 100;

/// How events are handled.
#[derive(Clone, Debug)]
pub struct EventSettings {
    /// The account in ARNs: functions of others are not here.
    pub account: String,
    /// The waits before the retries of a failed event; the last one also before all further ones.
    pub retry_delays: Vec<Duration>,
    /// Where AWS's services are.
    pub endpoints: Endpoints,
}

/// The queue cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It cannot be read.
    #[error("the event queue cannot be read: {0}")]
    Read(#[from] redb::Error),
}

/// The queue of events.
#[derive(Debug)]
pub struct Events {
    settings: EventSettings,
    endpoints: Endpoints,
    functions: Arc<Functions>,
    pools: Arc<Pools>,
    database: Arc<Database>,
    writer: Writer,
    next_id: AtomicU64,
    /// The lanes that something takes items from.
    lanes: Mutex<HashMap<String, Arc<Notify>>>,
    /// Items that run, or whose end is being written.
    running: Mutex<HashSet<u64>>,
    in_hand: Arc<Semaphore>,
    counters: Counters,
}

impl Events {
    /// The queue of a state folder.
    pub(crate) fn open(
        folder: &Path,
        settings: EventSettings,
        functions: Arc<Functions>,
        pools: Arc<Pools>,
    ) -> Result<Self, StoreError> {
        let database = Arc::new(store::open(folder)?);
        let unreadable = |error| store::failed(folder, error);
        let last_id = View::of(&database).and_then(|view| view.last_id()).map_err(unreadable)?;
        let writer =
            Writer::start(Arc::clone(&database)).map_err(|error| unreadable(error.into()))?;
        Ok(Self {
            endpoints: settings.endpoints.clone(),
            settings,
            functions,
            pools,
            database,
            writer,
            next_id: AtomicU64::new(last_id + 1),
            lanes: Mutex::default(),
            running: Mutex::default(),
            in_hand: Arc::new(Semaphore::new(IN_HAND)),
            counters: Counters::default(),
        })
    }

    /// Goes on with what was queued when the service was last stopped.
    pub(crate) fn resume(self: &Arc<Self>) {
        match self.view().and_then(|view| Ok((view.counts()?.0, view.lanes()?))) {
            Ok((0, _)) => {}
            Ok((count, lanes)) => {
                tracing::info!(count, "what was queued when the service stopped goes on");
                lanes.iter().for_each(|lane| self.wake(lane));
            }
            Err(error) => tracing::error!("the event queue cannot be read: {error}"),
        }
    }

    /// Queues an event; it is on disk when this returns.
    pub(crate) async fn put(
        self: &Arc<Self>,
        request_id: &str,
        call: Call,
        payload: Bytes,
    ) -> Result<(), WriteError> {
        let lane = call.function.clone();
        let item = Item::new(request_id.to_owned(), payload.len(), Task::Invoke(call));
        let id = self.new_id();
        self.writer.commit(vec![Change::Add { id, item, payload }]).await?;
        self.counters.accepted.one();
        self.wake(&lane);
        Ok(())
    }

    fn new_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Says that a lane has an item that may be due before the others.
    fn wake(self: &Arc<Self>, lane: &str) {
        let mut lanes = lock(&self.lanes);
        if let Some(bell) = lanes.get(lane) {
            bell.notify_one();
            return;
        }
        let bell = Arc::new(Notify::new());
        lanes.insert(lane.to_owned(), Arc::clone(&bell));
        tokio::spawn(lanes::drain(Arc::clone(self), lane.to_owned(), bell));
    }

    /// Ends a lane if nothing waits in it.
    fn close(&self, lane: &str) -> Result<bool, redb::Error> {
        // Under the lock: who has queued an item wakes the lane after this, or it is seen here.
        let mut lanes = lock(&self.lanes);
        let empty = self.heads(lane, 1)?.is_empty();
        if empty {
            lanes.remove(lane);
        }
        Ok(empty)
    }

    /// Writes what came of an item that runs. If that fails it stays as it was on disk, and runs again
    /// after a restart.
    async fn settle(&self, id: u64, changes: Vec<Change>) {
        match self.writer.commit(changes).await {
            Ok(()) => drop(lock(&self.running).remove(&id)),
            Err(error) => tracing::error!("an event's end is lost, it will run again: {error}"),
        }
    }

    fn mark_running(&self, id: u64) {
        lock(&self.running).insert(id);
    }

    fn running_ids(&self) -> HashSet<u64> {
        lock(&self.running).clone()
    }

    /// Waits until few enough items are in memory.
    async fn in_hand(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.in_hand).acquire_owned().await.ok()
    }

    fn view(&self) -> Result<View, redb::Error> {
        View::of(&self.database)
    }

    fn heads(&self, lane: &str, limit: usize) -> Result<VecDeque<(u64, u64)>, redb::Error> {
        // Before the view: what is not among them has been written, and the view shows it so.
        let running = self.running_ids();
        tokio::task::block_in_place(|| self.view()?.heads(lane, limit, |id| running.contains(&id)))
    }

    fn item(&self, id: u64) -> Result<Option<Item>, redb::Error> {
        tokio::task::block_in_place(|| self.view()?.item(id))
    }

    fn payload(&self, id: u64) -> Result<Bytes, redb::Error> {
        tokio::task::block_in_place(|| self.view()?.payload(id))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
