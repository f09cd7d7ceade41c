//! Connections that wait for their next request.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lambda_core::Endpoint;

use crate::connection::Connection;

/// A connection idle for longer is not used again: the peer is likely to be closing it just now,
/// and a request that dies with it cannot be repeated.
const IDLE_LIMIT: Duration = Duration::from_secs(50);

/// Idle connections kept for one endpoint; more are closed when their call ends.
const IDLE_CONNECTIONS: usize = 128;

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

/// Idle connections by endpoint.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<HashMap<Endpoint, Vec<Idle>>>);

impl Pool {
    /// The connection that was used last, if its peer has not closed it.
    pub(crate) fn take(&self, endpoint: &Endpoint) -> Option<Connection> {
        let mut idle = self.lock();
        let connections = idle.get_mut(endpoint)?;
        while let Some(Idle { connection, since }) = connections.pop() {
            if !connection.is_closed() && since.elapsed() < IDLE_LIMIT {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose last exchange is complete.
    pub(crate) fn put(&self, endpoint: &Endpoint, connection: Connection) {
        if connection.is_closed() {
            return;
        }
        let mut idle = self.lock();
        let connections = match idle.get_mut(endpoint) {
            Some(connections) => connections,
            None => idle.entry(endpoint.clone()).or_default(),
        };
        connections.retain(|idle| !idle.connection.is_closed());
        if connections.len() < IDLE_CONNECTIONS {
            connections.push(Idle { connection, since: Instant::now() });
        }
    }

    /// A thread that panicked in between left the map as it was: it is still usable.
    fn lock(&self) -> MutexGuard<'_, HashMap<Endpoint, Vec<Idle>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
