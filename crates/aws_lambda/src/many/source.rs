//! Where payloads come from.

use lambda_core::{ArgumentError, Batch, Batcher};
use pg_support::Arguments as SqlArguments;
use pg_support::array::JsonArray;
use pg_support::memory::Memory;
use pg_support::query::Query;

use crate::report;

/// What the second argument is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// An array of payloads; NULL is as good as an empty one, because that is what `array_agg` of
    /// no rows gives.
    Array,
    /// A query that gives payloads.
    Query,
}

/// Payloads, one after the other.
pub(super) enum Source {
    /// The elements of an array.
    Array(JsonArray),
    /// The rows of a query.
    Query(Query),
    /// None, or no more.
    Empty,
}

impl Kind {
    /// Opens what is in the second argument; raises what is wrong with it.
    pub(super) fn open(self, sql: &SqlArguments, is_jsonb: bool, memory: &Memory) -> Source {
        match self {
            Self::Array => {
                JsonArray::of(sql, 1, is_jsonb, memory).map_or(Source::Empty, Source::Array)
            }
            Self::Query => match Query::of(sql, 1, is_jsonb, memory) {
                Some(query) => Source::Query(query),
                None => report::raise_argument(ArgumentError::null("query")),
            },
        }
    }
}

impl Source {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Reads until `room` batches are closed or they have `bytes`, or the payloads end, which closes
    /// the last one.
    pub(super) fn read(&mut self, batcher: &mut Batcher, room: usize, bytes: usize) -> Vec<Batch> {
        let mut closed: Vec<Batch> = Vec::new();
        let mut length = 0;
        let mut push = |payload: Option<&[u8]>| {
            if let Some(batch) = batcher.push(payload) {
                length += batch.body.len();
                closed.push(batch);
            }
            closed.len() < room && length < bytes
        };
        let more = match self {
            Self::Array(array) => loop {
                match array.next(&mut push) {
                    Some(true) => {}
                    Some(false) => break true,
                    None => break false,
                }
            },
            Self::Query(query) => query.read(&mut push),
            Self::Empty => return closed,
        };
        if !more {
            closed.extend(batcher.finish());
            self.close();
        }
        closed
    }

    /// Ends it while the statement goes on.
    pub(super) fn close(&mut self) {
        if let Self::Query(query) = std::mem::replace(self, Self::Empty) {
            query.close();
        }
    }
}
