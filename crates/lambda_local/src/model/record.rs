//! What is known about one function: its versions, aliases and everything that hangs on them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::functions::{LATEST, Runtime};

/// A function with its versions.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// What the folder it comes from said last; nothing for a function made through the API.
    pub folder: Option<FolderPart>,
    /// The version `$LATEST`.
    pub latest: Version,
    /// The published versions.
    pub versions: BTreeMap<u64, Version>,
    /// The number of the version published last: numbers are never used again.
    pub last_number: u64,
    /// What `$LATEST` was when that version was published.
    pub published: Option<Published>,
    /// Its aliases.
    pub aliases: BTreeMap<String, Alias>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The concurrency reserved for it.
    pub reserved_concurrency: Option<u32>,
    /// How its asynchronous events are handled, by qualifier.
    pub event_invoke: BTreeMap<String, EventInvoke>,
    /// The statements of its resource policies, by qualifier.
    pub policies: BTreeMap<String, Vec<Value>>,
}

/// What a folder decides besides `$LATEST`: kept to tell its changes from those of the API.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct FolderPart {
    /// `ReservedConcurrentExecutions` of its `function.json`.
    pub reserved_concurrency: Option<u32>,
    /// `Aliases` of its `function.json`; all point to `$LATEST`.
    pub aliases: Vec<String>,
    /// Tags of its template.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// `EventInvokeConfig` of its template, and the qualifier that it is for.
    #[serde(default)]
    pub event_invoke: Option<(String, EventInvoke)>,
}

/// One version of a function.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Version {
    /// Its number; nothing for `$LATEST`.
    pub number: Option<u64>,
    /// Its configuration.
    pub configuration: Configuration,
    /// Its code.
    pub code: Code,
    /// Changes with the configuration or the code: what runs must be of this build.
    pub build: String,
    /// Changes with every change.
    pub revision_id: String,
    /// As `LastModified` of the API.
    pub last_modified: String,
    /// The member `State`.
    pub state: Progress,
    /// The member `LastUpdateStatus`.
    pub update: Progress,
}

/// How far the creation, or the last update, of a version is.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Progress {
    /// Under way.
    Doing,
    /// Done.
    Done,
    /// It failed; says why.
    Failed(String),
}

/// What a version is told to be.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Configuration {
    /// What runs it.
    pub runtime: Runtime,
    /// The entry point, in the runtime's own notation.
    pub handler: String,
    /// How long a call may take, in seconds.
    pub timeout: u32,
    /// The memory a call may use, in MiB.
    pub memory_mb: u32,
    /// Free text.
    pub description: String,
    /// Its environment variables.
    pub variables: BTreeMap<String, String>,
    /// Its layers, the first one first.
    #[serde(default)]
    pub layers: Vec<LayerVersion>,
    /// Members of AWS's FunctionConfiguration that change nothing here, as the API returns them.
    pub kept: Map<String, Value>,
}

/// A layer of a version.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct LayerVersion {
    /// The layer's name.
    pub name: String,
    /// What it holds, as it lies below `/opt` on AWS.
    pub code: Code,
}

/// Where a version's code is.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Code {
    /// A folder, served where it lies.
    Folder {
        /// The folder.
        path: PathBuf,
        /// Whether only its files belong to the function, and no folder in it: the code of a
        /// function that is one file.
        files_only: bool,
    },
    /// An archive that was sent, or made when a version was published.
    Archive {
        /// The archive's SHA-256, in hexadecimal digits.
        sha256: String,
        /// The archive's size in bytes.
        bytes: u64,
    },
}

/// `$LATEST` as it was published.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Published {
    /// The version's number.
    pub number: u64,
    /// The archive's SHA-256.
    pub sha256: String,
    /// The configuration, before the version got a description of its own.
    pub configuration: Configuration,
}

/// A name for a version, or for two of them by weight.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Alias {
    /// `$LATEST` or a number.
    pub version: String,
    /// Other versions, with the share of the calls that each gets.
    pub weights: BTreeMap<String, f64>,
    /// Free text.
    pub description: String,
    /// Changes with every change.
    pub revision_id: String,
}

/// How asynchronous events are handled.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct EventInvoke {
    /// When it was set, in seconds since 1970.
    pub last_modified: f64,
    /// How often a failed event is tried again.
    pub retries: Option<u32>,
    /// How old an event may become, in seconds.
    pub age: Option<u32>,
    /// The ARN that gets the results of events that succeeded.
    pub on_success: Option<String>,
    /// The ARN that gets the events that failed.
    pub on_failure: Option<String>,
}

impl Record {
    /// A function with `$LATEST` alone.
    pub fn new(name: &str, latest: Version) -> Self {
        Self {
            name: name.to_owned(),
            folder: None,
            latest,
            versions: BTreeMap::new(),
            last_number: 0,
            published: None,
            aliases: BTreeMap::new(),
            tags: BTreeMap::new(),
            reserved_concurrency: None,
            event_invoke: BTreeMap::new(),
            policies: BTreeMap::new(),
        }
    }

    /// The version that `$LATEST` or a number means.
    pub fn version(&self, name: &str) -> Option<&Version> {
        if name == LATEST {
            return Some(&self.latest);
        }
        self.versions.get(&number(name)?)
    }

    /// The version that a qualifier means. An alias with weights means its main version.
    pub fn qualified(&self, qualifier: Option<&str>) -> Option<&Version> {
        let qualifier = qualifier.unwrap_or(LATEST);
        match self.aliases.get(qualifier) {
            Some(alias) => self.version(&alias.version),
            None => self.version(qualifier),
        }
    }

    /// `$LATEST`, then the published versions from the first to the last.
    pub fn all_versions(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.latest).chain(self.versions.values())
    }

    /// The code of all versions and their layers.
    pub fn all_code(&self) -> impl Iterator<Item = &Code> {
        self.all_versions().flat_map(|version| {
            let layers = version.configuration.layers.iter().map(|layer| &layer.code);
            std::iter::once(&version.code).chain(layers)
        })
    }

    /// The aliases that send calls to a version.
    pub fn aliases_of(&self, version: &str) -> Vec<&str> {
        let points =
            |alias: &Alias| alias.version == version || alias.weights.contains_key(version);
        self.aliases.iter().filter(|(_, alias)| points(alias)).map(|(name, _)| &**name).collect()
    }
}

impl Version {
    /// `$LATEST` or the number, as the API writes it.
    pub fn name(&self) -> String {
        self.number.map_or_else(|| LATEST.to_owned(), |number| number.to_string())
    }

    /// Notes that configuration or code have changed: an update is under way.
    pub fn changed(&mut self) {
        self.build = new_id();
        self.revision_id = new_id();
        self.last_modified = now();
        self.update = Progress::Doing;
    }

    /// Whether it is being made or changed.
    pub fn is_busy(&self) -> bool {
        self.state == Progress::Doing || self.update == Progress::Doing
    }
}

impl Alias {
    /// The version that the next call goes to; `chance` is a number from 0 up to 1.
    pub fn choose(&self, chance: f64) -> &str {
        let mut reached = 0.0;
        for (version, weight) in &self.weights {
            reached += weight;
            if chance < reached {
                return version;
            }
        }
        &self.version
    }
}

/// The number of a published version; `0` and `007` are none.
pub fn number(name: &str) -> Option<u64> {
    let digits = name.bytes().all(|byte| byte.is_ascii_digit()) && !name.starts_with('0');
    if digits { name.parse().ok() } else { None }
}

/// A new revision id.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The time as the API writes it: `2026-11-21T10:00:00.000+0000`.
pub fn now() -> String {
    let at = time::OffsetDateTime::now_utc();
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}+0000",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_divide_the_calls() {
        let alias = Alias {
            version: "1".to_owned(),
            weights: BTreeMap::from([("2".to_owned(), 0.25)]),
            description: String::new(),
            revision_id: String::new(),
        };
        assert_eq!(
            [0.0, 0.24, 0.25, 0.99].map(|chance| alias.choose(chance)),
            ["2", "2", "1", "1"]
        );
    }

    #[test]
    fn only_a_plain_number_is_a_version() {
        assert_eq!(number("12"), Some(12));
        for other in ["", "0", "01", "1a", "-1", "99999999999999999999999"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}

#[cfg(test)]
pub(crate) mod tests_support {
    use super::*;

    /// A function for tests.
    pub(crate) fn record(name: &str) -> Record {
        let configuration = Configuration {
            runtime: "provided.al2023".parse().unwrap(),
            handler: "bootstrap".to_owned(),
            timeout: 3,
            memory_mb: 128,
            description: String::new(),
            variables: BTreeMap::from([("A1".to_owned(), "b".to_owned())]),
            layers: Vec::new(),
            kept: Map::new(),
        };
        let version = Version {
            number: None,
            configuration,
            code: Code::Archive { sha256: "00".repeat(32), bytes: 7 },
            build: new_id(),
            revision_id: new_id(),
            last_modified: now(),
            state: Progress::Done,
            update: Progress::Done,
        };
        Record::new(name, version)
    }
}
