//! A look at the files that functions are made of: whether anything has changed, and which folders
//! have to be watched to learn of it.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::functions::{Found, Source};

/// The most folders of one function that are watched: the system has few of these watches.
const MOST_FOLDERS: usize = 2_000;

/// What tells a folder from another one that has taken its path.
pub(super) type Identity = (u64, u64);

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// The folders that were looked into.
    pub(super) folders: BTreeMap<PathBuf, Identity>,
    /// Those that are known already: functions may share their code.
    seen: HashMap<(PathBuf, bool), u64>,
    /// Whether some folders were left out.
    pub(super) incomplete: bool,
}

impl Look {
    /// A number that changes with the function's files.
    pub(super) fn at(&mut self, found: &Found) -> u64 {
        let mut hasher = DefaultHasher::new();
        for source in found.layers.iter().map(|layer| &layer.source).chain([&found.source]) {
            match source {
                Source::Folder { path, files_only } => {
                    self.folder(path, *files_only).hash(&mut hasher)
                }
                Source::Archive(path) => {
                    self.note(path.parent().unwrap_or(path));
                    file(path, &mut hasher);
                }
                // Part of the template.
                Source::Inline { .. } => {}
            }
        }
        hasher.finish()
    }

    /// The folder and those in it, but not what is in these.
    pub(super) fn surface(&mut self, folder: &Path) {
        self.note(folder);
        for (path, data) in entries(folder) {
            if data.is_dir() && !is_packages(&path) {
                self.note(&path);
            }
        }
    }

    /// Only the folder.
    pub(super) fn note(&mut self, folder: &Path) {
        if let Ok(data) = folder.metadata() {
            self.folders.insert(folder.to_owned(), (data.dev(), data.ino()));
        }
    }

    fn folder(&mut self, folder: &Path, files_only: bool) -> u64 {
        let key = (folder.to_owned(), files_only);
        if let Some(known) = self.seen.get(&key) {
            return *known;
        }
        let mut hasher = DefaultHasher::new();
        let mut open = vec![folder.to_owned()];
        let mut count = 0;
        while let Some(inner) = open.pop() {
            if count == MOST_FOLDERS {
                self.incomplete = true;
                break;
            }
            count += 1;
            self.note(&inner);
            for (path, data) in entries(&inner) {
                let inside = data.is_dir() && !files_only && !is_packages(&inner);
                if data.is_file() || is_packages(&inner) {
                    file(&path, &mut hasher);
                } else if inside {
                    path.hash(&mut hasher);
                    open.push(path);
                }
            }
        }
        let seen = hasher.finish();
        self.seen.insert(key, seen);
        seen
    }
}

/// What npm makes. Installing changes its entries; what is in them is too much to look at.
fn is_packages(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name == "node_modules")
}

/// Whether a name is of no function: hidden, or left by Python or an editor that saves.
pub(super) fn is_noise(name: &str) -> bool {
    let editors = name.ends_with('~') || name == "4913" || name.starts_with('#');
    name.starts_with('.') || name == "__pycache__" || editors || name.ends_with(".pyc")
}

/// What is in a folder, sorted, without noise and links that lead nowhere.
fn entries(folder: &Path) -> Vec<(PathBuf, std::fs::Metadata)> {
    let mut entries: Vec<(PathBuf, std::fs::Metadata)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| !is_noise(&entry.file_name().to_string_lossy()))
        .filter_map(|entry| Some((entry.path(), entry.path().metadata().ok()?)))
        .collect();
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    entries
}

fn file(path: &Path, hasher: &mut DefaultHasher) {
    path.hash(hasher);
    if let Ok(data) = path.metadata() {
        (data.len(), data.mtime(), data.mtime_nsec(), data.ino(), data.mode()).hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_and_noise_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |name: &str| {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), name).unwrap();
        };
        let seen = || Look::default().folder(root, false);
        write("a.py");
        write("node_modules/x/y/a.js");
        let mut last = seen();
        for noise in
            ["__pycache__/a.pyc", ".a.py.swp", "a.py~", ".git/HEAD", "node_modules/x/y/z.js"]
        {
            write(noise);
            assert_eq!(seen(), last, "{noise}");
        }
        for change in ["b.py", "inner/c.py", "a.py", "node_modules/new/index.js"] {
            write(change);
            let now = seen();
            assert_ne!(now, last, "{change}");
            last = now;
        }
        assert_eq!(Look::default().folder(root, true), Look::default().folder(root, true));
        std::fs::remove_file(root.join("inner/c.py")).unwrap();
        assert_ne!(seen(), last);
    }

    #[test]
    fn folders_that_link_to_each_other_are_no_endless_walk() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            std::os::unix::fs::symlink(folder.path(), folder.path().join(name)).unwrap();
        }
        let mut look = Look::default();
        look.folder(folder.path(), false);
        assert!(look.incomplete || look.folders.len() < MOST_FOLDERS);
    }
}
