//! Rows become requests: one row each, or many rows in a batch.

use std::ops::Range;

use serde::Serialize;

/// What a request's body looks like.
#[derive(Clone, Debug)]
pub enum Shape {
    /// One row's payload as it is.
    Single,
    /// A JSON array of payloads.
    Array,
    /// Amazon Redshift's envelope around the rows' arguments.
    Redshift(Envelope),
}

/// The members of Amazon Redshift's request that are the same for all batches of a statement.
/// Source: "Creating a scalar Lambda UDF" of the Amazon Redshift Database Developer Guide.
#[derive(Clone, Debug, Serialize)]
pub struct Envelope {
    /// What calls; Redshift's own is the cluster's ARN.
    pub cluster: String,
    /// The database user.
    pub user: String,
    /// The database.
    pub database: String,
    /// The SQL function.
    pub external_function: String,
    /// The number of the statement.
    pub query_id: i64,
}

/// A request's body, and where its rows are in it.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The first row's number; rows count from 1.
    pub first_row: u64,
    /// The body: JSON text in UTF-8, empty for a single NULL.
    pub body: Vec<u8>,
    /// Each row's payload within the body; `None` for NULL.
    pub rows: Vec<Option<Range<usize>>>,
}

/// Collects rows into batches.
#[derive(Debug)]
pub struct Batcher {
    shape: Shape,
    most_rows: usize,
    most_bytes: usize,
    /// Makes the id of a Redshift request.
    new_id: fn() -> String,
    open: Batch,
}

impl Batcher {
    /// Closes a batch at `most_rows` rows, or before the row that would make its body longer than
    /// `most_bytes`. A row that is longer by itself is a batch of its own: the service may refuse
    /// it, but no other row with it.
    #[must_use]
    pub fn new(shape: Shape, most_rows: usize, most_bytes: usize, new_id: fn() -> String) -> Self {
        let open = Batch { first_row: 1, ..Batch::default() };
        Self { shape, most_rows, most_bytes, new_id, open }
    }

    /// Adds a row, `None` for NULL. Returns the batch that is closed because of it.
    pub fn push(&mut self, payload: Option<&[u8]>) -> Option<Batch> {
        let row = payload.unwrap_or(b"null");
        let full = !self.open.rows.is_empty() && self.size_with(row) > self.most_bytes;
        let closed = if full { self.finish() } else { None };
        self.append(row, payload.is_none());
        if self.open.rows.len() >= self.most_rows { self.finish() } else { closed }
    }

    /// Closes the batch that is open; `None` when it has no row.
    pub fn finish(&mut self) -> Option<Batch> {
        if self.open.rows.is_empty() {
            return None;
        }
        let rows = self.open.rows.len();
        match &self.shape {
            Shape::Single => {}
            Shape::Array => self.open.body.push(b']'),
            Shape::Redshift(_) => self.open.body.extend_from_slice(redshift_end(rows).as_bytes()),
        }
        let next = Batch { first_row: self.open.first_row + rows as u64, ..Batch::default() };
        Some(std::mem::replace(&mut self.open, next))
    }

    /// The body's length if `row` is added and the batch is closed then.
    fn size_with(&self, row: &[u8]) -> usize {
        let end = match &self.shape {
            Shape::Single => 0,
            Shape::Array => 1,
            Shape::Redshift(_) => redshift_end(self.open.rows.len() + 1).len() + 2,
        };
        self.open.body.len() + 1 + row.len() + end
    }

    fn append(&mut self, row: &[u8], is_null: bool) {
        let is_first = self.open.rows.is_empty();
        let body = &mut self.open.body;
        match &self.shape {
            Shape::Single if is_null => {
                self.open.rows.push(None);
                return;
            }
            Shape::Single => {}
            Shape::Array => body.push(if is_first { b'[' } else { b',' }),
            Shape::Redshift(envelope) if is_first => {
                body.extend_from_slice(redshift_start(envelope, (self.new_id)()).as_bytes());
            }
            Shape::Redshift(_) => body.push(b','),
        }
        // A JSON array is the list of the row's arguments, anything else the one argument.
        let wrap =
            matches!(self.shape, Shape::Redshift(_)) && !row.trim_ascii_start().starts_with(b"[");
        if wrap {
            body.push(b'[');
        }
        let start = body.len();
        body.extend_from_slice(row);
        self.open.rows.push((!is_null).then_some(start..body.len()));
        if wrap {
            body.push(b']');
        }
    }
}

/// Everything before the first row. The number of rows is not known yet; members have no order.
fn redshift_start(envelope: &Envelope, request_id: String) -> String {
    #[derive(Serialize)]
    struct Start<'a> {
        request_id: String,
        #[serde(flatten)]
        envelope: &'a Envelope,
    }
    // Texts and a number: there is nothing that could fail.
    let members = serde_json::to_string(&Start { request_id, envelope }).unwrap_or_default();
    format!("{},\"arguments\":[", members.trim_end_matches('}'))
}

fn redshift_end(rows: usize) -> String {
    format!("],\"num_records\":{rows}}}")
}
