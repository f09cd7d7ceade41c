//! The functions on disk: one small database file, one JSON document for each function.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction,
};

use super::Record;

/// Name of the database in the state folder.
const FILE_NAME: &str = "functions.redb";

/// Pages kept in memory. All of it is read once, at the start.
const CACHE_BYTES: usize = 4 << 20;

/// A file that is larger than this takes a while to be read through.
const LARGE_BYTES: u64 = 64 << 20;

/// From a function's name to its record.
const FUNCTIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("functions");

/// What the file itself is like.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// The form of the records. Raise it when an older program could not read them.
const FORMAT: u64 = 1;

/// The state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another service has it open.
    #[error(
        "{}: another sqlambda local uses this state; choose another folder with --state, or keep \
         nothing with --ephemeral", .0.display()
    )]
    InUse(PathBuf),
    /// It was written by a newer program.
    #[error(
        "{}: written by a newer sqlambda (format {found}, this one knows {FORMAT}); use that one, or \
         another folder with --state", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// A record cannot be read.
    #[error("{}: function `{name}`: {error}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The function.
        name: String,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// The database refuses.
    #[error("{}: {error}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What it says.
        error: Box<redb::Error>,
    },
}

/// The database. Every change is on disk when its call returns, or has not happened at all: also
/// after a crash in the middle.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    database: Database,
}

impl Store {
    /// Opens the database of a state folder; makes an empty one if there is none.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE_NAME);
        let tables = |write: &WriteTransaction| write.open_table(FUNCTIONS).map(drop);
        let database = open_database(&path, CACHE_BYTES, |write| Ok(tables(write)?))?;
        Ok(Self { path, database })
    }

    /// Everything, by name.
    pub fn load(&self) -> Result<BTreeMap<String, Record>, StoreError> {
        let documents = self.documents().map_err(|error| self.failed(error))?;
        let read = |(name, document): (String, Vec<u8>)| match serde_json::from_slice(&document) {
            Ok(record) => Ok((name, record)),
            Err(error) => Err(StoreError::Record { path: self.path.clone(), name, error }),
        };
        documents.into_iter().map(read).collect()
    }

    fn documents(&self) -> Result<Vec<(String, Vec<u8>)>, redb::Error> {
        let table = self.database.begin_read()?.open_table(FUNCTIONS)?;
        let mut documents = Vec::new();
        for entry in table.iter()? {
            let (name, document) = entry?;
            documents.push((name.value().to_owned(), document.value().to_vec()));
        }
        Ok(documents)
    }

    /// Writes these functions, or removes those without a record, all or none of them.
    pub fn write(&self, changes: &[(&str, Option<&Record>)]) -> Result<(), StoreError> {
        self.try_write(changes).map_err(|error| self.failed(error))
    }

    fn try_write(&self, changes: &[(&str, Option<&Record>)]) -> Result<(), redb::Error> {
        let write = self.database.begin_write()?;
        {
            let mut table = write.open_table(FUNCTIONS)?;
            for (name, record) in changes {
                match record {
                    Some(record) => {
                        let document = serde_json::to_vec(record).map_err(std::io::Error::from)?;
                        table.insert(*name, document.as_slice())?;
                    }
                    None => drop(table.remove(*name)?),
                }
            }
        }
        Ok(write.commit()?)
    }

    fn failed(&self, error: redb::Error) -> StoreError {
        StoreError::Database { path: self.path.clone(), error: Box::new(error) }
    }
}

/// Opens a database of the state folder; makes one with these tables if there is none.
pub(crate) fn open_database(
    path: &Path,
    cache_bytes: usize,
    make_tables: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<Database, StoreError> {
    let failed =
        |error: redb::Error| StoreError::Database { path: path.to_owned(), error: Box::new(error) };
    // For its owner alone, whoever may look into the folder.
    let private = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    private.map_err(|error| failed(error.into()))?;
    let mut builder = Database::builder();
    builder.set_cache_size(cache_bytes);
    if path.metadata().is_ok_and(|file| file.len() > LARGE_BYTES) {
        let shown = path.display().to_string();
        builder.set_repair_callback(move |repair| {
            tracing::info!(
                "{shown}: read through after a kill, {:.0} %",
                repair.progress() * 100.0
            );
        });
    }
    let database = builder.create(path).map_err(|error| match error {
        redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(path.to_owned()),
        error => failed(error.into()),
    })?;
    let found = format(&database, make_tables).map_err(failed)?;
    if found > FORMAT {
        return Err(StoreError::Newer { path: path.to_owned(), found });
    }
    Ok(database)
}

/// The file's format; it and the tables are written first if the file is new.
fn format(
    database: &Database,
    make_tables: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<u64, redb::Error> {
    let write = database.begin_write()?;
    let found = write.open_table(META)?.get("format")?.map(|format| format.value());
    if let Some(found) = found {
        write.abort()?;
        return Ok(found);
    }
    make_tables(&write)?;
    write.open_table(META)?.insert("format", FORMAT)?;
    write.commit()?;
    Ok(FORMAT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::tests_support::record;

    #[test]
    fn what_was_written_is_there_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (record("one"), record("two"));
        {
            let store = Store::open(folder.path()).unwrap();
            store.write(&[("one", Some(&one)), ("two", Some(&two))]).unwrap();
            store.write(&[("two", None)]).unwrap();
        }
        let found = Store::open(folder.path()).unwrap().load().unwrap();
        assert_eq!(found, BTreeMap::from([("one".to_owned(), one)]));
    }

    #[test]
    fn two_at_once_and_a_newer_format_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let error = Store::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("--state") && error.contains("--ephemeral"), "{error}");
        let write = store.database.begin_write().unwrap();
        write.open_table(META).unwrap().insert("format", FORMAT + 1).unwrap();
        write.commit().unwrap();
        drop(store);
        let error = Store::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("newer sqlambda"), "{error}");
    }
}
