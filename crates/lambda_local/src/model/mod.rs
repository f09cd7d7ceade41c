//! The functions that the service knows, in memory and on disk.
//!
//! Reading takes a snapshot and never waits for the disk. A change is made to a copy, written, and
//! only then seen by others.

mod folders;
pub(crate) mod record;
mod store;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use folders::Described;
pub use record::{
    Alias, Code, Configuration, EventInvoke, FolderPart, LayerVersion, Progress, Published, Record,
    Version, new_id, now, number,
};
pub(crate) use store::open_database;
pub use store::{Store, StoreError};

/// All functions, by name, as they were at one moment.
pub type Records = BTreeMap<String, Arc<Record>>;

/// The functions.
#[derive(Debug)]
pub struct Functions {
    records: RwLock<Arc<Records>>,
    /// Held by whoever makes a change.
    writer: Mutex<()>,
    /// Nothing: what is known ends with the process.
    store: Option<Store>,
}

impl Functions {
    /// The functions of the store, with those of the folders brought up to date.
    pub fn load(store: Option<Store>, folders: Vec<Described>) -> Result<Self, StoreError> {
        let mut records = match &store {
            Some(store) => store.load()?,
            None => BTreeMap::new(),
        };
        let changed = folders::merge(&mut records, folders);
        if let Some(store) = &store
            && !changed.is_empty()
        {
            let changes: Vec<_> =
                changed.iter().map(|name| (name.as_str(), records.get(name))).collect();
            store.write(&changes)?;
        }
        let records = records.into_iter().map(|(name, record)| (name, Arc::new(record))).collect();
        Ok(Self { records: RwLock::new(Arc::new(records)), writer: Mutex::new(()), store })
    }

    /// All of them, as they are now.
    pub fn all(&self) -> Arc<Records> {
        Arc::clone(&self.records.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The function of that name.
    pub fn get(&self, name: &str) -> Option<Arc<Record>> {
        self.records.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Takes over what a folder says of its function now; `$LATEST` is a new build.
    pub fn describe(&self, described: Described) -> Result<Arc<Record>, StoreError> {
        let name = described.name().to_owned();
        self.change(&name, |record, _| {
            let after = folders::merged(record.take(), described, true);
            *record = Some(after.clone());
            Ok(Arc::new(after))
        })
    }

    /// Changes, makes or removes one function; `change` sees it and all others. Nothing has changed
    /// when it, or the write, fails.
    ///
    /// Waits for the disk, without being a future: one that is dropped half-way would leave memory
    /// and disk apart.
    pub fn change<T, E: From<StoreError>>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Option<Record>, &Records) -> Result<T, E>,
    ) -> Result<T, E> {
        tokio::task::block_in_place(|| {
            let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let before = self.all();
            let mut record = before.get(name).map(|record| Record::clone(record));
            let result = change(&mut record, &before)?;
            if record.as_ref() == before.get(name).map(|record| &**record) {
                return Ok(result);
            }
            if let Some(store) = &self.store {
                store.write(&[(name, record.as_ref())])?;
            }
            let mut after = Records::clone(&before);
            match record {
                Some(record) => drop(after.insert(name.to_owned(), Arc::new(record))),
                None => drop(after.remove(name)),
            }
            *self.records.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(after);
            Ok(result)
        })
    }
}
