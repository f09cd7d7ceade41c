//! The functions of folders among the others.
//!
//! A folder describes `$LATEST` of its function, and is read again at every start. What the API
//! changes there, or its deletion, lasts until then; what hangs on the function besides (versions,
//! aliases, tags, permissions) stays. A function whose folder has gone goes with it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Alias, Code, Configuration, FolderPart, Progress, Record, Version, new_id, now};
use crate::functions::{Found, LATEST};

/// Brings the functions up to date; returns the names of those that changed.
pub(super) fn merge(
    records: &mut BTreeMap<String, Record>,
    folders: Vec<Found>,
) -> BTreeSet<String> {
    let found: BTreeSet<String> = folders.iter().map(|found| found.function.name.clone()).collect();
    let gone = |record: &Record| record.folder.is_some() && !found.contains(&record.name);
    let mut changed: BTreeSet<String> =
        records.values().filter(|record| gone(record)).map(|record| record.name.clone()).collect();
    for name in &changed {
        tracing::info!(function = name, "removed: it has no folder any more");
        records.remove(name);
    }
    for found in folders {
        let name = found.function.name.clone();
        let before = records.get(&name).cloned();
        let after = merged(before.clone(), found);
        if before.as_ref() != Some(&after) {
            records.insert(name.clone(), after);
            changed.insert(name);
        }
    }
    changed
}

fn merged(before: Option<Record>, found: Found) -> Record {
    let latest = version(&found);
    let part =
        FolderPart { reserved_concurrency: found.reserved_concurrency, aliases: found.aliases };
    let mut record = match before {
        None => Record::new(&found.function.name, latest),
        Some(mut record) => {
            if record.folder.is_none() {
                tracing::warn!(function = record.name, "its folder replaces the code sent before");
            }
            let same = record.latest.configuration == latest.configuration
                && record.latest.code == latest.code;
            if !same {
                record.latest = latest;
            }
            record
        }
    };
    let last = record.folder.take().unwrap_or_default();
    // What the folder did not change since the last start is left as the API set it.
    if record.reserved_concurrency == last.reserved_concurrency
        || part.reserved_concurrency != last.reserved_concurrency
    {
        record.reserved_concurrency = part.reserved_concurrency;
    }
    for alias in &last.aliases {
        let untouched = record.aliases.get(alias).is_some_and(|alias| alias.version == LATEST);
        if untouched && !part.aliases.contains(alias) {
            record.aliases.remove(alias);
        }
    }
    for alias in &part.aliases {
        if !last.aliases.contains(alias) || !record.aliases.contains_key(alias) {
            record.aliases.insert(alias.clone(), to_latest());
        }
    }
    record.folder = Some(part);
    record
}

fn version(found: &Found) -> Version {
    let function = &found.function;
    Version {
        number: None,
        configuration: Configuration {
            runtime: function.runtime.clone(),
            handler: function.handler.clone(),
            timeout: u32::try_from(function.timeout.as_secs()).unwrap_or(u32::MAX),
            memory_mb: function.memory_mb,
            description: found.description.clone(),
            variables: function.variables.clone(),
            kept: serde_json::Map::new(),
        },
        code: Code::Folder { path: function.task_root.clone(), files_only: found.single_file },
        build: new_id(),
        revision_id: new_id(),
        last_modified: now(),
        state: Progress::Done,
        update: Progress::Done,
    }
}

fn to_latest() -> Alias {
    Alias {
        version: LATEST.to_owned(),
        weights: BTreeMap::new(),
        description: String::new(),
        revision_id: new_id(),
    }
}
