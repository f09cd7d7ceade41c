//! Installing something once, also when several processes want it at the same time.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::RuntimeError;

/// The folder `name` of the cache, made by `install` if it is not there.
///
/// `install` works in the folder's final place, because Python's virtual environments know their own
/// path; a marker file written at the end tells a complete folder from one left by a crash.
pub(super) fn installed(
    cache: &Path,
    name: &str,
    install: impl FnOnce(&Path) -> Result<(), RuntimeError>,
) -> Result<PathBuf, RuntimeError> {
    let folder = cache.join(name);
    if is_complete(&folder) {
        return Ok(folder);
    }
    let failed = |what: &str, path: &Path, error: std::io::Error| {
        RuntimeError::new(format!("cannot {what} {}: {error}", path.display()))
    };
    std::fs::create_dir_all(cache).map_err(|error| failed("make", cache, error))?;
    let lock_path = cache.join(format!("{name}.lock"));
    let lock = File::create(&lock_path).map_err(|error| failed("make", &lock_path, error))?;
    lock.lock().map_err(|error| failed("lock", &lock_path, error))?;
    // Another process may have finished while this one waited for the lock.
    if is_complete(&folder) {
        return Ok(folder);
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| failed("clear", &folder, error))?;
    }
    std::fs::create_dir_all(&folder).map_err(|error| failed("make", &folder, error))?;
    install(&folder)?;
    let marker = marker(&folder);
    File::create(&marker).map_err(|error| failed("make", &marker, error))?;
    Ok(folder)
}

/// Whether the folder was installed to the end.
pub(super) fn is_complete(folder: &Path) -> bool {
    marker(folder).exists()
}

fn marker(folder: &Path) -> PathBuf {
    folder.join(".complete")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_installation_is_done_again_and_a_complete_one_is_not() {
        let cache = tempfile::tempdir().unwrap();
        let half = installed(cache.path(), "x", |folder| {
            std::fs::write(folder.join("half"), "").unwrap();
            Err(RuntimeError::new("interrupted"))
        });
        assert!(half.is_err());
        let folder = installed(cache.path(), "x", |folder| {
            assert!(!folder.join("half").exists());
            Ok(())
        });
        let again = installed(cache.path(), "x", |_| Err(RuntimeError::new("not again")));
        assert_eq!(folder.unwrap(), again.unwrap());
    }

    #[test]
    fn several_at_once_install_once() {
        let cache = tempfile::tempdir().unwrap();
        let count = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    installed(cache.path(), "x", |_| {
                        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        std::thread::sleep(std::time::Duration::from_millis(20));
                        Ok(())
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(count.into_inner(), 1);
    }
}
