//! Reloading: a change of a function's files is noticed, and the function runs anew.
//!
//! Whatever happened, all is looked at again: events only say when. So renames, editors' ways of
//! saving and many files at once need no rules of their own, and an event that is lost does no harm
//! beyond its moment.

mod look;
mod watch;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use self::look::Look;
use self::watch::Watcher;
use crate::functions::{Discovered, Found, Sources};
use crate::service::Service;

/// How long nothing must have changed before the files are read.
const QUIET: Duration = Duration::from_millis(30);

/// They are read at the latest so long after the first change.
const PATIENCE: Duration = Duration::from_millis(150);

/// How long a function must be gone before it is served no more: a program that saves, builds or
/// checks out may take files away for a moment.
const GONE_TIME: Duration = Duration::from_millis(500);

/// How often a scan is repeated because there were new folders to watch.
const REPEATS: usize = 4;

/// A function as it was when it was last read.
#[derive(Debug)]
struct Known {
    found: Found,
    seen: u64,
}

/// Follows the functions' files.
pub(crate) struct Reload {
    service: Arc<Service>,
    sources: Sources,
    runtime: Handle,
    watcher: Watcher,
    /// The functions that are served.
    known: BTreeMap<String, Known>,
    /// Those whose last change could not be taken over.
    failed: BTreeMap<String, Known>,
    /// Those that are not there, and since when.
    gone: BTreeMap<String, Instant>,
    /// What was told of the functions and still holds: it is told once.
    told: HashSet<String>,
    /// What was told of watching them.
    warned: HashSet<String>,
    /// Whether something could not be read.
    troubled: bool,
}

impl Reload {
    /// Starts to follow the files, from what was found there. Must be called inside the async
    /// runtime.
    pub(crate) fn start(
        service: Arc<Service>,
        sources: Sources,
        discovered: &Discovered,
    ) -> anyhow::Result<()> {
        let (watcher, inbox) = Watcher::start()?;
        let mut reload = Self {
            service,
            sources,
            runtime: Handle::current(),
            watcher,
            known: BTreeMap::new(),
            failed: BTreeMap::new(),
            gone: BTreeMap::new(),
            told: discovered.notes.iter().cloned().collect(),
            warned: HashSet::new(),
            troubled: false,
        };
        let (_, seen) = reload.scan();
        for (name, found) in &discovered.found {
            let seen = seen.get(name).copied().unwrap_or(0);
            reload.known.insert(name.clone(), Known { found: found.clone(), seen });
        }
        std::thread::Builder::new().name("reload".to_owned()).spawn(move || reload.run(&inbox))?;
        Ok(())
    }

    fn run(mut self, inbox: &Receiver<()>) {
        loop {
            self.update();
            // While something is missing, it is looked for without being told to.
            let missing = !self.gone.is_empty() || self.troubled || !Watcher::TELLS;
            let waited = if missing {
                inbox.recv_timeout(GONE_TIME)
            } else {
                inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match waited {
                Ok(()) => settle(inbox),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.service.is_stopping() {
                return;
            }
        }
    }

    /// Looks at all files, and takes over what has changed.
    fn update(&mut self) {
        let (discovered, seen) = self.scan();
        let mut told = HashSet::new();
        for (name, found) in &discovered.found {
            self.gone.remove(name);
            let now = Known { found: found.clone(), seen: seen.get(name).copied().unwrap_or(0) };
            if self.known.get(name).is_some_and(|known| known.is_same(&now)) {
                self.failed.remove(name);
            } else if !self.failed.get(name).is_some_and(|failed| failed.is_same(&now)) {
                self.take_over(now);
            }
        }
        for problem in &discovered.problems {
            let text = format!("{}; what was read before stays", problem.error);
            if !self.told.contains(&text) {
                tracing::error!("{text}");
            }
            told.insert(text);
        }
        for note in discovered.notes.iter().filter(|note| !self.told.contains(*note)) {
            tracing::warn!("{note}");
        }
        told.extend(discovered.notes.iter().cloned());
        self.told = told;
        self.troubled = !discovered.problems.is_empty();
        self.remove_gone(&discovered);
    }

    fn take_over(&mut self, now: Known) {
        let name = now.found.name.clone();
        let new = !self.known.contains_key(&name);
        match self.service.reload(&now.found, &self.runtime) {
            Ok(()) => {
                let what = if new { "added" } else { "reloaded" };
                tracing::info!(function = name, "{what}: {}", now.found.origin);
                self.failed.remove(&name);
                self.known.insert(name, now);
            }
            Err(problem) => {
                let origin = &now.found.origin;
                tracing::error!(function = name, "{origin}: {problem}; what was read before stays");
                self.failed.insert(name, now);
            }
        }
    }

    fn remove_gone(&mut self, discovered: &Discovered) {
        let stays = |name: &String, known: &Known| {
            discovered.found.contains_key(name)
                || discovered.problems.iter().any(|problem| match &problem.function {
                    Some(function) => function == name,
                    None => problem.root == known.found.origin.root,
                })
        };
        let now = Instant::now();
        let missing: Vec<String> = self
            .known
            .iter()
            .filter(|(name, known)| !stays(name, known))
            .map(|(name, _)| name.clone())
            .collect();
        self.gone.retain(|name, _| missing.contains(name));
        for name in missing {
            let since = *self.gone.entry(name.clone()).or_insert(now);
            if now - since < GONE_TIME {
                continue;
            }
            match self.service.forget(&name) {
                Ok(()) => tracing::info!(function = name, "removed: it is described no more"),
                Err(error) => tracing::error!(function = name, "cannot be removed: {error}"),
            }
            self.gone.remove(&name);
            self.known.remove(&name);
        }
    }

    /// What is there now, with a number for each function that changes with its files. Everything it
    /// was read from is watched, from before it was read.
    fn scan(&mut self) -> (Discovered, BTreeMap<String, u64>) {
        let mut repeats = 0;
        loop {
            let discovered = self.sources.discover();
            let mut look = Look::default();
            for root in &self.sources.paths {
                if root.is_dir() {
                    look.surface(&root.canonicalize().unwrap_or_else(|_| root.clone()));
                } else {
                    look.note(&folder_of(root));
                }
            }
            let seen = discovered.found.iter();
            let seen = seen.map(|(name, found)| (name.clone(), look.at(found))).collect();
            let keep = !discovered.problems.is_empty();
            repeats += 1;
            if !self.watch(&look, keep) || repeats > REPEATS {
                return (discovered, seen);
            }
        }
    }

    /// Watches the folders that were looked into, and no others unless they are to be kept. True if
    /// some are new.
    fn watch(&mut self, look: &Look, keep: bool) -> bool {
        if look.incomplete {
            self.tell_once("a function has too many folders: changes in some of them are not seen");
        }
        let mut failures = Vec::new();
        let new = self.watcher.watch(&look.folders, keep, |folder, error| {
            failures.push(format!(
                "{}: changes are not seen: {}",
                folder.display(),
                advice(&error)
            ));
        });
        for failure in failures {
            self.tell_once(&failure);
        }
        new
    }

    fn tell_once(&mut self, text: &str) {
        if self.warned.insert(text.to_owned()) {
            tracing::warn!("{text}");
        }
    }
}

impl Known {
    fn is_same(&self, other: &Self) -> bool {
        self.seen == other.seen && self.found.is_same(&other.found)
    }
}

/// Waits until whoever changes files has a moment of rest.
fn settle(inbox: &Receiver<()>) {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && inbox.recv_timeout(QUIET).is_ok() {}
}

fn folder_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

fn advice(error: &io::Error) -> String {
    // What the kernel says when a user's watches are used up.
    if error.kind() == io::ErrorKind::StorageFull {
        return "the system has no more watches; raise fs.inotify.max_user_watches with sysctl"
            .to_owned();
    }
    error.to_string()
}
