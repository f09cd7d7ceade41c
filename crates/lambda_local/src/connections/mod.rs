//! The front door's connections: how many there may be, and which have to go.
//!
//! Clients keep connections for their next call and may be silent for hours: that alone ends none.
//! A request that comes too slowly, an answer that nobody reads, and the connection that has been
//! idle for longest when there are too many are ended, so that no client can keep out the others.

mod descriptors;
mod line;
mod serve;
mod stream;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

pub(crate) use descriptors::{FUNCTION_DESCRIPTORS, raise_limit};
pub(crate) use line::Line;
pub(crate) use serve::serve;

use crate::limits::CONNECTIONS;

/// How long to wait for a connection that can be ended, when all are at work, and before the next
/// try when the system gives no descriptor.
const PAUSE: Duration = Duration::from_millis(50);

/// The open connections.
#[derive(Debug)]
pub(crate) struct Connections {
    limit: usize,
    open: Mutex<Open>,
    /// Rings when a connection has gone.
    gone: Notify,
}

#[derive(Debug, Default)]
struct Open {
    lines: HashMap<u64, Arc<Line>>,
    /// How many of them have been told to go.
    ending: usize,
    /// The number of the last one.
    last: u64,
}

impl Connections {
    /// None yet. Half of the process's descriptors are left to functions and files.
    pub(crate) fn new() -> Self {
        let half = usize::try_from(descriptors::limit() / 2).unwrap_or(CONNECTIONS);
        let (open, gone) = (Mutex::default(), Notify::new());
        Self { limit: half.clamp(1, CONNECTIONS), open, gone }
    }

    /// The next connection, and its place among the others. When there are too many, the one that
    /// has been idle for longest goes; when none can go, the next client waits.
    pub(crate) async fn accept(self: &Arc<Self>, listener: &TcpListener) -> (TcpStream, Place) {
        self.make_room().await;
        let mut told = false;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    tracing::trace!(%peer, "connected");
                    return (stream, self.add());
                }
                // The client gave up while it waited.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(%error, "cannot accept a connection; ending idle ones");
                    }
                    self.end_one();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Ends a connection if there are too many; when all are at work, waits until one can be ended.
    async fn make_room(&self) {
        while self.is_full() && !self.end_one() {
            let _ = tokio::time::timeout(PAUSE, self.gone.notified()).await;
        }
    }

    /// Those that are about to go do not count.
    fn is_full(&self) -> bool {
        let open = self.lock();
        open.lines.len() - open.ending > self.limit
    }

    /// Ends the connection that has been idle for longest, else the slowest of those that have not
    /// sent their request yet. False if there is none.
    fn end_one(&self) -> bool {
        let mut open = self.lock();
        let waiting = open.lines.values().filter_map(|line| Some((line.dispensable()?, line)));
        let victim = waiting.min_by_key(|(rank, _)| *rank).map(|(_, line)| Arc::clone(line));
        if let Some(line) = &victim {
            tracing::debug!("too many connections: one that is not at work is closed");
            line.end();
            open.ending += 1;
        }
        victim.is_some()
    }

    /// Ends those that keep the service waiting.
    pub(crate) fn end_late(&self) {
        let now = Instant::now();
        let mut open = self.lock();
        let mut ended = 0;
        for line in open.lines.values() {
            if let Some(reason) = line.is_late(now) {
                tracing::info!("a connection is closed: {reason}");
                line.end();
                ended += 1;
            }
        }
        open.ending += ended;
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().lines.len()
    }

    fn add(self: &Arc<Self>) -> Place {
        let line = Arc::new(Line::new());
        let mut open = self.lock();
        open.last += 1;
        let number = open.last;
        open.lines.insert(number, Arc::clone(&line));
        drop(open);
        Place { connections: Arc::clone(self), number, line }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place among the others, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Arc<Connections>,
    number: u64,
    pub(crate) line: Arc<Line>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.lines.remove(&self.number);
        open.ending -= usize::from(self.line.is_ending());
        drop(open);
        self.connections.gone.notify_one();
    }
}
