//! The one who writes the queue: what is asked for while the disk is busy goes into one transaction.

use std::sync::Arc;

use redb::Database;
use tokio::sync::{mpsc, oneshot};

use super::store::{Change, apply};

/// Requests that may wait for the disk. Whoever comes later waits to ask.
const WAITING: usize = 1_024;

/// A transaction takes no more once it has this much payload.
const TRANSACTION_BYTES: usize = 8 << 20;

/// The queue cannot be written.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the event queue cannot be written: {0}")]
pub struct WriteError(Arc<str>);

struct Job {
    changes: Vec<Change>,
    done: oneshot::Sender<Result<(), WriteError>>,
}

/// Hands changes to the writer's thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    pub(super) fn start(database: Arc<Database>) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(WAITING);
        std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || write(&database, waiting))?;
        Ok(Self { jobs })
    }

    /// Makes the changes, all or none; they are on disk when this returns. Once begun they are made
    /// also if the caller stops waiting.
    pub(super) async fn commit(&self, changes: Vec<Change>) -> Result<(), WriteError> {
        let ended = || WriteError("the service is stopping".into());
        let (done, written) = oneshot::channel();
        self.jobs.send(Job { changes, done }).await.map_err(|_| ended())?;
        written.await.map_err(|_| ended())?
    }
}

fn write(database: &Database, mut waiting: mpsc::Receiver<Job>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut jobs = vec![first];
        let mut bytes = 0;
        while bytes < TRANSACTION_BYTES
            && jobs.len() < WAITING
            && let Ok(job) = waiting.try_recv()
        {
            bytes += job.changes.iter().map(Change::weight).sum::<usize>();
            jobs.push(job);
        }
        let changes = jobs.iter().flat_map(|job| &job.changes);
        let result = apply(database, changes).map_err(|error| WriteError(error.to_string().into()));
        for job in jobs {
            let _ = job.done.send(result.clone());
        }
    }
}
