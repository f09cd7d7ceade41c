//! The queue on disk.
//!
//! Every event is on disk only, whatever the number of them: memory holds those that run, and the
//! keys of the next few of each lane.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use redb::{
    Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _,
    ReadableTableMetadata as _, Table, TableDefinition, WriteTransaction,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::item::Item;
use crate::model::{StoreError, open_database};

/// Name of the database in the state folder.
const FILE_NAME: &str = "events.redb";

/// Pages kept in memory; redb's own default is a gigabyte.
const CACHE_BYTES: usize = 32 << 20;

/// A file that is larger than this and holds nothing any more is made small again at the start.
const COMPACT_BYTES: u64 = 64 << 20;

/// Letters beyond this number push out the oldest.
const DEAD_LETTERS: u64 = 10_000;

/// From an id to its [`Item`], as JSON.
const ITEMS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("items");

/// From an id to the payload, of items and of dead letters.
const PAYLOADS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("payloads");

/// Lane, time and id of every item: the order in which they are tried.
const DUE: TableDefinition<'_, (&str, u64, u64), ()> = TableDefinition::new("due");

/// From an id to its [`DeadLetter`], as JSON.
const DEAD: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("dead");

/// An item that cannot be run or delivered, kept until somebody deletes it or sends it again.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// What was to be done.
    pub item: Item,
    /// Why it cannot be.
    pub reason: String,
    /// Since when, in milliseconds since 1970.
    pub since: u64,
}

/// A step of an item; those of one call of [`apply`] happen all or not at all.
#[derive(Debug)]
pub(super) enum Change {
    /// It is new.
    Add { id: u64, item: Item, payload: Bytes },
    /// It is tried again; it was due at `due` before.
    Again { id: u64, due: u64, item: Item },
    /// It is done.
    End { id: u64, item: Item },
    /// It becomes a dead letter; its item is as it was in the queue.
    Bury { id: u64, letter: DeadLetter },
    /// A dead letter is queued again as this item.
    Redrive { id: u64, item: Item },
    /// A dead letter is deleted.
    Forget { id: u64 },
}

impl Change {
    /// What it adds to a transaction, in bytes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Add { payload, .. } => payload.len(),
            _ => 0,
        }
    }
}

/// Opens the queue of a state folder; makes an empty one if there is none.
pub(super) fn open(folder: &Path) -> Result<Database, StoreError> {
    let path = folder.join(FILE_NAME);
    let tables = |write: &WriteTransaction| {
        write.open_table(ITEMS)?;
        write.open_table(PAYLOADS)?;
        write.open_table(DUE)?;
        write.open_table(DEAD)?;
        Ok(())
    };
    let mut database = open_database(&path, CACHE_BYTES, tables)?;
    let failed = |error: redb::Error| failed(&path, error);
    let large = path.metadata().is_ok_and(|file| file.len() > COMPACT_BYTES);
    let empty = || Ok(View::of(&database)?.counts()? == (0, 0));
    if large && empty().map_err(failed)? {
        database.compact().map_err(|error| failed(error.into()))?;
    }
    Ok(database)
}

pub(super) fn failed(path: &Path, error: redb::Error) -> StoreError {
    StoreError::Database { path: PathBuf::from(path), error: Box::new(error) }
}

/// Makes the changes, on disk when this returns.
pub(super) fn apply<'a>(
    database: &Database,
    changes: impl Iterator<Item = &'a Change>,
) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        let mut tables = Tables {
            items: write.open_table(ITEMS)?,
            payloads: write.open_table(PAYLOADS)?,
            due: write.open_table(DUE)?,
            dead: write.open_table(DEAD)?,
        };
        for change in changes {
            tables.apply(change)?;
        }
    }
    Ok(write.commit()?)
}

struct Tables<'a> {
    items: Table<'a, u64, &'static [u8]>,
    payloads: Table<'a, u64, &'static [u8]>,
    due: Table<'a, (&'static str, u64, u64), ()>,
    dead: Table<'a, u64, &'static [u8]>,
}

impl Tables<'_> {
    fn apply(&mut self, change: &Change) -> Result<(), redb::Error> {
        match change {
            Change::Add { id, item, payload } => {
                self.queue(*id, item)?;
                self.payloads.insert(id, payload.as_ref())?;
            }
            Change::Again { id, due, item } => {
                self.due.remove((item.lane(), *due, *id))?;
                self.queue(*id, item)?;
            }
            Change::End { id, item } => {
                self.take(*id, item)?;
                self.payloads.remove(id)?;
            }
            Change::Bury { id, letter } => {
                self.take(*id, &letter.item)?;
                self.dead.insert(id, json(letter)?.as_slice())?;
                self.push_out()?;
            }
            Change::Redrive { id, item } => {
                if self.dead.remove(id)?.is_some() {
                    self.queue(*id, item)?;
                }
            }
            Change::Forget { id } => {
                if self.dead.remove(id)?.is_some() {
                    self.payloads.remove(id)?;
                }
            }
        }
        Ok(())
    }

    fn queue(&mut self, id: u64, item: &Item) -> Result<(), redb::Error> {
        self.items.insert(id, json(item)?.as_slice())?;
        self.due.insert((item.lane(), item.due, id), ())?;
        Ok(())
    }

    fn take(&mut self, id: u64, item: &Item) -> Result<(), redb::Error> {
        self.items.remove(id)?;
        self.due.remove((item.lane(), item.due, id))?;
        Ok(())
    }

    /// Makes room for the newest dead letters.
    fn push_out(&mut self) -> Result<(), redb::Error> {
        while self.dead.len()? > DEAD_LETTERS {
            let Some(oldest) = self.dead.pop_first()?.map(|(id, _)| id.value()) else { break };
            self.payloads.remove(oldest)?;
            tracing::warn!(
                "the oldest of {DEAD_LETTERS} dead letters is gone: there is a newer one"
            );
        }
        Ok(())
    }
}

/// The queue at one moment.
pub(super) struct View(ReadTransaction);

impl View {
    pub(super) fn of(database: &Database) -> Result<Self, redb::Error> {
        Ok(Self(database.begin_read()?))
    }

    /// The largest id that was ever given to what is still there.
    pub(super) fn last_id(&self) -> Result<u64, redb::Error> {
        let last = self.0.open_table(PAYLOADS)?.last()?.map(|(id, _)| id.value());
        Ok(last.unwrap_or(0))
    }

    /// How many items and dead letters there are.
    pub(super) fn counts(&self) -> Result<(u64, u64), redb::Error> {
        Ok((self.0.open_table(ITEMS)?.len()?, self.0.open_table(DEAD)?.len()?))
    }

    /// Every lane that something waits in.
    pub(super) fn lanes(&self) -> Result<Vec<String>, redb::Error> {
        let table = self.0.open_table(DUE)?;
        let mut lanes: Vec<String> = Vec::new();
        loop {
            let next = match lanes.last() {
                Some(last) => table.range((last.as_str(), u64::MAX, u64::MAX)..)?.next(),
                None => table.iter()?.next(),
            };
            match next.transpose()? {
                Some((key, _)) => lanes.push(key.value().0.to_owned()),
                None => return Ok(lanes),
            }
        }
    }

    /// Time and id of the first items of a lane, without those that `skip` knows.
    pub(super) fn heads(
        &self,
        lane: &str,
        limit: usize,
        skip: impl Fn(u64) -> bool,
    ) -> Result<VecDeque<(u64, u64)>, redb::Error> {
        let table = self.0.open_table(DUE)?;
        let mut heads = VecDeque::new();
        for entry in table.range((lane, 0, 0)..=(lane, u64::MAX, u64::MAX))? {
            let (key, _) = entry?;
            let (_, due, id) = key.value();
            if !skip(id) {
                heads.push_back((due, id));
            }
            if heads.len() >= limit {
                break;
            }
        }
        Ok(heads)
    }

    /// How many items of a lane are due later than `now`.
    pub(super) fn later(&self, lane: &str, now: u64) -> Result<u64, redb::Error> {
        let table = self.0.open_table(DUE)?;
        let later = table.range((lane, now.saturating_add(1), 0)..=(lane, u64::MAX, u64::MAX))?;
        Ok(later.count() as u64)
    }

    pub(super) fn item(&self, id: u64) -> Result<Option<Item>, redb::Error> {
        self.0.open_table(ITEMS)?.get(id)?.map(|document| read(document.value())).transpose()
    }

    pub(super) fn payload(&self, id: u64) -> Result<Bytes, redb::Error> {
        let payload = self.0.open_table(PAYLOADS)?.get(id)?;
        Ok(payload.map(|payload| Bytes::copy_from_slice(payload.value())).unwrap_or_default())
    }

    pub(super) fn dead_letter(&self, id: u64) -> Result<Option<DeadLetter>, redb::Error> {
        self.0.open_table(DEAD)?.get(id)?.map(|document| read(document.value())).transpose()
    }

    /// The newest dead letters.
    pub(super) fn dead_letters(&self, limit: usize) -> Result<Vec<(u64, DeadLetter)>, redb::Error> {
        let table = self.0.open_table(DEAD)?;
        let newest = table.iter()?.rev().take(limit);
        newest
            .map(|entry| {
                let (id, document) = entry?;
                Ok((id.value(), read(document.value())?))
            })
            .collect()
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, redb::Error> {
    Ok(serde_json::to_vec(value).map_err(std::io::Error::from)?)
}

fn read<T: DeserializeOwned>(document: &[u8]) -> Result<T, redb::Error> {
    Ok(serde_json::from_slice(document).map_err(std::io::Error::from)?)
}

#[cfg(test)]
mod tests {
    use super::super::item::{Call, Task};
    use super::*;

    fn item(function: &str, due: u64) -> Item {
        let call = Call {
            function: function.to_owned(),
            qualifier: None,
            arn: String::new(),
            trace_id: String::new(),
            client_context: None,
        };
        Item { due, ..Item::new("id".to_owned(), 0, Task::Invoke(call)) }
    }

    fn heads(database: &Database, lane: &str) -> Vec<(u64, u64)> {
        let heads = View::of(database).unwrap().heads(lane, 9, |_| false).unwrap();
        heads.into_iter().collect()
    }

    #[test]
    fn items_wait_in_lanes_in_the_order_of_their_time() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(folder.path()).unwrap();
        let payload = Bytes::from_static(b"7");
        let add = |id, item| Change::Add { id, item, payload: payload.clone() };
        let changes = [add(1, item("f", 30)), add(2, item("f", 10)), add(3, item("ff", 20))];
        apply(&database, changes.iter()).unwrap();
        assert_eq!(heads(&database, "f"), [(10, 2), (30, 1)]);
        let again = Change::Again { id: 2, due: 10, item: item("f", 40) };
        let end = Change::End { id: 3, item: item("ff", 20) };
        apply(&database, [again, end].iter()).unwrap();
        drop(database);

        let database = open(folder.path()).unwrap();
        let view = View::of(&database).unwrap();
        assert_eq!(heads(&database, "f"), [(30, 1), (40, 2)]);
        assert_eq!((view.lanes().unwrap(), view.counts().unwrap()), (vec!["f".to_owned()], (2, 0)));
        assert_eq!((view.later("f", 30).unwrap(), view.last_id().unwrap()), (1, 2));
        assert_eq!((view.payload(2).unwrap(), view.payload(3).unwrap()), (payload, Bytes::new()));
    }

    #[test]
    fn a_dead_letter_stays_until_it_is_sent_again_or_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(folder.path()).unwrap();
        let payload = Bytes::from_static(b"7");
        let add = |id| Change::Add { id, item: item("f", 10), payload: payload.clone() };
        let letter =
            DeadLetter { item: item("f", 10), reason: "no endpoint".to_owned(), since: 50 };
        let bury = |id| Change::Bury { id, letter: letter.clone() };
        apply(&database, [add(1), add(2), bury(1), bury(2)].iter()).unwrap();
        assert!(heads(&database, "f").is_empty());
        let view = View::of(&database).unwrap();
        assert_eq!(view.dead_letters(1).unwrap(), [(2, letter.clone())]);
        assert_eq!(view.payload(1).unwrap(), payload);

        let redrive = || Change::Redrive { id: 1, item: item("f", 60) };
        let forget = || Change::Forget { id: 2 };
        // Asked for twice, it is done once.
        apply(&database, [redrive(), redrive(), forget(), forget()].iter()).unwrap();
        assert_eq!(heads(&database, "f"), [(60, 1)]);
        let view = View::of(&database).unwrap();
        assert_eq!(view.counts().unwrap(), (1, 0));
        assert_eq!((view.payload(1).unwrap(), view.payload(2).unwrap()), (payload, Bytes::new()));
        apply(&database, [Change::Forget { id: 1 }].iter()).unwrap();
        assert_eq!(View::of(&database).unwrap().counts().unwrap().0, 1, "it is no dead letter now");
    }
}
