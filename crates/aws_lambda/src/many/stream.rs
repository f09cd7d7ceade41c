//! The calls of one statement: payloads are read, calls are in flight, rows come back.
//!
//! What was sent and is not yet returned never exceeds the window, so that the memory of a
//! statement is that of so many answers, whatever it reads.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use lambda_client::Calls;
use lambda_core::{Batch, BatchFormat, Batcher, InvokeError, ManyOptions, OnError, Shape};
use pg_support::queue::Wanted;
use pg_support::record::Columns;
use pg_support::stream::Rows;
use pgrx::prelude::*;
use uuid::Uuid;

use super::row::{Row, form};
use super::source::Source;
use crate::backend::{Counted, ManyCalls, Outcome, Request};
use crate::report;

/// A statement's calls, from the first row to the last.
pub(super) struct Stream {
    source: Source,
    batcher: Batcher,
    calls: Calls,
    shape: Shape,
    options: ManyOptions,
    is_jsonb: bool,
    /// `None` until the first payload.
    flight: Option<ManyCalls>,
    /// Calls that were made and whose rows are not returned, by their numbers.
    sent: HashMap<u64, Sent>,
    /// Results that have come and are not due yet, by the calls' numbers.
    landed: HashMap<u64, Outcome>,
    /// The order in which results came, unless the payloads' order is asked for.
    order: VecDeque<u64>,
    /// The number of the next call to be made, and of the next to be returned in order.
    next: u64,
    due: u64,
    /// The call whose rows are being returned.
    current: Option<Current>,
}

/// What a call was made for.
struct Sent {
    batch: Batch,
    body: Bytes,
    /// Until its outcome has come.
    counted: Option<Counted>,
}

/// A call whose rows are being returned.
struct Current {
    sent: Sent,
    outcome: Outcome,
    row: usize,
}

impl Stream {
    pub(super) fn new(source: Source, calls: Calls, options: ManyOptions, is_jsonb: bool) -> Self {
        let shape = match options.batch_format {
            BatchFormat::Redshift => Shape::Redshift(super::envelope::of(&calls.invocation)),
            BatchFormat::Array if options.batch_size > 1 => Shape::Array,
            BatchFormat::Array => Shape::Single,
        };
        let new_id = || Uuid::new_v4().to_string();
        let (rows, bytes) = (options.batch_size, options.max_batch_bytes);
        Self {
            source,
            batcher: Batcher::new(shape.clone(), rows, bytes, new_id),
            calls,
            shape,
            options,
            is_jsonb,
            flight: None,
            sent: HashMap::new(),
            landed: HashMap::new(),
            order: VecDeque::new(),
            next: 0,
            due: 0,
            current: None,
        }
    }

    /// Makes as many calls as there is room for.
    fn feed(&mut self) {
        let outstanding = self.sent.len() + usize::from(self.current.is_some());
        let room = self.calls.most.saturating_sub(outstanding);
        if room == 0 || self.source.is_empty() {
            return;
        }
        let held: usize = self.sent.values().map(|sent| sent.body.len()).sum();
        let limit = self.calls.invocation.invocation_type.payload_limit();
        let bytes = (self.calls.most * limit).saturating_sub(held);
        if bytes == 0 {
            // Rows that are too long to be sent wait for their turn too, and PostgreSQL has no limit
            // for them but its own of 1 GB.
            return;
        }
        for mut batch in self.source.read(&mut self.batcher, room, bytes) {
            let body = Bytes::from(std::mem::take(&mut batch.body));
            let request = Request { number: self.next, body: body.clone(), rows: batch.rows.len() };
            let counted = Some(self.flight().send(request));
            self.sent.insert(self.next, Sent { batch, body, counted });
            self.next += 1;
        }
    }

    fn flight(&mut self) -> &ManyCalls {
        self.flight.get_or_insert_with(|| {
            ManyCalls::start(self.calls.clone(), self.shape.clone())
                .unwrap_or_else(|error| report::raise(&error))
        })
    }

    /// Waits for the result that is to be returned next.
    fn land(&mut self) -> Option<Current> {
        if self.sent.is_empty() {
            return None;
        }
        if self.next_landed().is_none() {
            let wanted = if self.options.ordered { Wanted::Number(self.due) } else { Wanted::Any };
            for (number, outcome) in self.wait(wanted) {
                if outcome.is_err() && self.options.on_error == OnError::Raise {
                    // The statement will fail: what follows need not be sent.
                    self.source.close();
                }
                self.order.push_back(number);
                self.landed.insert(number, outcome);
            }
        }
        let number = self.next_landed()?;
        self.due = number + 1;
        self.order.retain(|other| *other != number);
        let (outcome, sent) = (self.landed.remove(&number)?, self.sent.remove(&number)?);
        Some(Current { sent, outcome, row: 0 })
    }

    fn wait(&mut self, wanted: Wanted) -> Vec<(u64, Outcome)> {
        let Some(flight) = &self.flight else { return Vec::new() };
        let sent = &mut self.sent;
        let outcomes = flight.wait(wanted, |number| sent.get_mut(&number)?.counted.take());
        outcomes.unwrap_or_else(|error| report::raise(&error))
    }

    /// The number of the result to be returned next, if it has come.
    fn next_landed(&self) -> Option<u64> {
        if self.options.ordered {
            return self.landed.contains_key(&self.due).then_some(self.due);
        }
        self.order.front().copied()
    }
}

impl Rows for Stream {
    fn next(&mut self, columns: &Columns) -> Option<pg_sys::Datum> {
        loop {
            self.feed();
            if let Some(current) = &mut self.current {
                if let Some(row) = current.next_row() {
                    return Some(form(&row, columns, self.is_jsonb, self.options.on_error));
                }
                self.current = None;
                continue;
            }
            let landed = self.land()?;
            if let Err(error) = &landed.outcome
                && (self.options.on_error == OnError::Raise
                    || matches!(error, InvokeError::NotAllowed { .. }))
            {
                report::raise_rows(error, &landed.sent.rows());
            }
            self.current = Some(landed);
        }
    }

    fn close(mut self) {
        self.source.close();
    }
}

impl Sent {
    fn rows(&self) -> report::Rows {
        report::Rows { first: self.batch.first_row, count: self.batch.rows.len() }
    }
}

impl Current {
    fn next_row(&mut self) -> Option<Row<'_>> {
        let index = self.row;
        let request = self.sent.batch.rows.get(index)?;
        self.row += 1;
        Some(Row {
            number: self.sent.batch.first_row + index as u64,
            request: request.as_ref().and_then(|range| text(&self.sent.body, range.clone())),
            result: self.outcome.as_ref().map(|(answer, results)| {
                let payload = results
                    .as_ref()
                    .and_then(|results| results.text.get(results.rows.get(index)?.clone()));
                (answer, payload)
            }),
        })
    }
}

/// A payload within a body; both are UTF-8, and payloads begin and end at characters.
fn text(body: &Bytes, range: std::ops::Range<usize>) -> Option<&str> {
    std::str::from_utf8(body.get(range)?).ok()
}
