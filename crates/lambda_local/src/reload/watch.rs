//! Who says that something has changed in a folder: the kernel on Linux. Elsewhere nobody does, and
//! the files are looked at again and again.

#[cfg(target_os = "linux")]
pub(super) use self::linux::Watcher;
#[cfg(not(target_os = "linux"))]
pub(super) use self::other::Watcher;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::{BTreeMap, HashMap};
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Mutex, PoisonError};

    use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask, Watches};

    use super::super::look::{Identity, is_noise};

    /// Room for some hundred events at once.
    const BUFFER: usize = 64 * 1024;

    /// Watches folders, through inotify(7).
    #[derive(Debug)]
    pub(in super::super) struct Watcher {
        watches: Watches,
        watched: HashMap<PathBuf, (Identity, Option<WatchDescriptor>)>,
        /// Watches that ended with their folder; another one may have its path, and its inode.
        ended: Arc<Mutex<Vec<WatchDescriptor>>>,
    }

    impl Watcher {
        /// Whether changes are told.
        pub(in super::super) const TELLS: bool = true;

        /// A watcher, and where it says that something has changed.
        pub(in super::super) fn start() -> io::Result<(Self, Receiver<()>)> {
            let inotify = Inotify::init()?;
            let (watches, ended) = (inotify.watches(), Arc::default());
            let (changes, inbox) = channel();
            let noted = Arc::clone(&ended);
            std::thread::Builder::new()
                .name("watch".to_owned())
                .spawn(move || read(inotify, &changes, &noted))?;
            Ok((Self { watches, watched: HashMap::new(), ended }, inbox))
        }

        /// Watches these folders, and no others unless they are to be kept. True if some are new;
        /// `failed` is told of those that cannot be watched, once.
        pub(in super::super) fn watch(
            &mut self,
            folders: &BTreeMap<PathBuf, Identity>,
            keep: bool,
            mut failed: impl FnMut(&Path, io::Error),
        ) -> bool {
            let ended =
                std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner));
            self.watched.retain(|path, (identity, watch)| {
                let over = watch.as_ref().is_some_and(|watch| ended.contains(watch));
                let stays = keep || folders.contains_key(path);
                let same = folders.get(path).is_none_or(|now| now == identity);
                if over || (stays && same) {
                    return !over;
                }
                if let Some(watch) = watch.take() {
                    // It may have ended this moment.
                    let _ = self.watches.remove(watch);
                }
                false
            });
            let mut new = false;
            for (folder, identity) in folders {
                if self.watched.contains_key(folder) {
                    continue;
                }
                new = true;
                let watch = self.watches.add(folder, mask());
                let watch = watch.map_err(|error| failed(folder, error)).ok();
                self.watched.insert(folder.clone(), (*identity, watch));
            }
            new
        }
    }

    fn mask() -> WatchMask {
        WatchMask::CREATE
            | WatchMask::DELETE
            | WatchMask::MODIFY
            | WatchMask::CLOSE_WRITE
            | WatchMask::ATTRIB
            | WatchMask::MOVE
            | WatchMask::MOVE_SELF
            | WatchMask::DELETE_SELF
            | WatchMask::ONLYDIR
    }

    /// Reads events until nobody wants to know of them.
    fn read(mut inotify: Inotify, changes: &Sender<()>, ended: &Mutex<Vec<WatchDescriptor>>) {
        let mut buffer = vec![0; BUFFER];
        loop {
            let events = match inotify.read_events_blocking(&mut buffer) {
                Ok(events) => events,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!("changes of functions are not seen any more: {error}");
                    return;
                }
            };
            let mut matters = false;
            for event in events {
                if event.mask.contains(EventMask::IGNORED) {
                    ended.lock().unwrap_or_else(PoisonError::into_inner).push(event.wd.clone());
                }
                // Without a name it is about the folder itself, or events were lost.
                matters |= event.name.is_none_or(|name| !is_noise(&name.to_string_lossy()));
            }
            if matters && changes.send(()).is_err() {
                return;
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::collections::BTreeMap;
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::super::look::Identity;

    /// Watches nothing.
    #[derive(Debug)]
    pub(in super::super) struct Watcher {
        /// Kept open, or the other end would believe that the service has gone.
        _changes: Sender<()>,
    }

    impl Watcher {
        /// Whether changes are told.
        pub(in super::super) const TELLS: bool = false;

        /// A watcher, and where it never says anything.
        pub(in super::super) fn start() -> io::Result<(Self, Receiver<()>)> {
            let (changes, inbox) = channel();
            Ok((Self { _changes: changes }, inbox))
        }

        /// Nothing is new to it.
        pub(in super::super) fn watch(
            &mut self,
            _folders: &BTreeMap<PathBuf, Identity>,
            _keep: bool,
            _failed: impl FnMut(&Path, io::Error),
        ) -> bool {
            false
        }
    }
}
