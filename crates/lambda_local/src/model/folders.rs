//! The functions of folders and templates among the others.
//!
//! A folder describes `$LATEST` of its function, and is read again at every start and when it
//! changes. What the API changes there, or its deletion, lasts until then; what hangs on the function
//! besides (versions, aliases, tags, permissions) stays. A function whose folder has gone goes with
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{
    Alias, Code, Configuration, EventInvoke, FolderPart, LayerVersion, Progress, Record, Version,
    new_id, now,
};
use crate::code::{CodeStore, UnpackError};
use crate::functions::{Found, LATEST};

/// A function of a folder or template, its code at hand.
#[derive(Clone, Debug)]
pub struct Described {
    name: String,
    latest: Version,
    part: FolderPart,
}

impl Described {
    /// What was found, with the code that it refers to. Blocks: archives are unpacked.
    pub fn of(found: &Found, code: &CodeStore) -> Result<Self, UnpackError> {
        let layers = found.layers.iter().map(|layer| {
            Ok(LayerVersion { name: layer.name.clone(), code: code.of(&layer.source)? })
        });
        let configuration = Configuration {
            runtime: found.runtime.clone(),
            handler: found.handler.clone(),
            timeout: found.timeout.unwrap_or(DEFAULT_TIMEOUT),
            memory_mb: found.memory_mb.unwrap_or(DEFAULT_MEMORY_MB),
            description: found.description.clone(),
            variables: found.variables.clone(),
            layers: layers.collect::<Result<_, UnpackError>>()?,
            kept: serde_json::Map::new(),
        };
        let part = FolderPart {
            reserved_concurrency: found.reserved_concurrency,
            aliases: found.aliases.clone(),
            tags: found.tags.clone(),
            // As SAM does: the settings are those of the alias, if there is one.
            event_invoke: found.events.as_ref().map(|events| {
                let settings = EventInvoke {
                    last_modified: 0.0,
                    retries: events.retries,
                    age: events.age,
                    on_success: events.on_success.clone(),
                    on_failure: events.on_failure.clone(),
                };
                (found.aliases.first().map_or(LATEST, String::as_str).to_owned(), settings)
            }),
        };
        let latest = version(configuration, code.of(&found.source)?);
        Ok(Self { name: found.name.clone(), latest, part })
    }

    /// `$LATEST`.
    pub fn latest(&self) -> &Version {
        &self.latest
    }

    /// The function's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// AWS's default, in seconds.
const DEFAULT_TIMEOUT: u32 = 3;

/// AWS's default.
const DEFAULT_MEMORY_MB: u32 = 128;

/// Brings the functions up to date; returns the names of those that changed.
pub(super) fn merge(
    records: &mut BTreeMap<String, Record>,
    folders: Vec<Described>,
) -> BTreeSet<String> {
    let found: BTreeSet<String> = folders.iter().map(|found| found.name.clone()).collect();
    let gone = |record: &Record| record.folder.is_some() && !found.contains(&record.name);
    let mut changed: BTreeSet<String> =
        records.values().filter(|record| gone(record)).map(|record| record.name.clone()).collect();
    for name in &changed {
        tracing::info!(function = name, "removed: it has no folder any more");
        records.remove(name);
    }
    for found in folders {
        let name = found.name.clone();
        let before = records.get(&name).cloned();
        let after = merged(before.clone(), found, false);
        if before.as_ref() != Some(&after) {
            records.insert(name.clone(), after);
            changed.insert(name);
        }
    }
    changed
}

/// The function as its folder describes it now. `changed`: also what is described alike runs anew.
pub(super) fn merged(before: Option<Record>, found: Described, changed: bool) -> Record {
    let Described { name, latest, part } = found;
    let mut record = match before {
        None => Record::new(&name, latest),
        Some(mut record) => {
            if record.folder.is_none() {
                tracing::warn!(function = record.name, "its folder replaces the code sent before");
            }
            let same = record.latest.configuration == latest.configuration
                && record.latest.code == latest.code;
            if changed || !same {
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
    for key in last.tags.keys().filter(|key| !part.tags.contains_key(*key)) {
        record.tags.remove(key);
    }
    for (key, value) in part.tags.iter().filter(|(key, value)| last.tags.get(*key) != Some(value)) {
        record.tags.insert(key.clone(), value.clone());
    }
    if part.event_invoke != last.event_invoke {
        if let Some((qualifier, _)) = last.event_invoke {
            record.event_invoke.remove(&qualifier);
        }
        if let Some((qualifier, settings)) = part.event_invoke.clone() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let last_modified = (now.as_secs_f64() * 1_000.0).trunc() / 1_000.0;
            record.event_invoke.insert(qualifier, EventInvoke { last_modified, ..settings });
        }
    }
    record.folder = Some(part);
    record
}

fn version(configuration: Configuration, code: Code) -> Version {
    Version {
        number: None,
        configuration,
        code,
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
