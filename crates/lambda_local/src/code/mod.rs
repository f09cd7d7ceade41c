//! Code archives on disk, and the folders they are unpacked into.
//!
//! An archive is named by its SHA-256 and written to the end, also to the disk, before a function
//! refers to it. The unpacked folder can always be made again: folders from before the machine's
//! last start, which a power cut may have left half-written, are not used.

mod pack;
mod unpack;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

pub use unpack::{UnpackError, unpack};

use crate::functions::Source;
use crate::model::Code;

/// The archive of a version's code: what the API says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The archive's SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Summary {
    /// The hash as the API writes it, in base64.
    pub fn base64(&self) -> String {
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Vec<u8> = self.sha256.as_bytes().chunks(2).filter_map(byte).collect();
        STANDARD.encode(bytes)
    }
}

/// What must not be removed.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    /// The SHA-256 of the archives that versions refer to.
    pub used: HashSet<String>,
    /// The folders that processes run in.
    pub running: HashSet<PathBuf>,
}

/// The archives and the unpacked folders.
#[derive(Debug)]
pub struct CodeStore {
    archives: PathBuf,
    unpacked: PathBuf,
    /// What the packages of folders were, and for which state of the folder.
    packed: Mutex<HashMap<PathBuf, (u64, Summary)>>,
    /// Held for reading while an archive is there that nothing refers to yet.
    arriving: tokio::sync::RwLock<()>,
}

impl CodeStore {
    /// The code in a state folder. Unpacked folders of an earlier start of the machine are removed.
    pub fn open(state: &Path) -> io::Result<Self> {
        let archives = state.join("code");
        let all_unpacked = state.join("unpacked");
        let unpacked = all_unpacked.join(boot_id());
        std::fs::create_dir_all(&archives)?;
        std::fs::create_dir_all(&unpacked)?;
        for entry in std::fs::read_dir(&all_unpacked)? {
            let path = entry?.path();
            if path != unpacked {
                std::fs::remove_dir_all(path)?;
            }
        }
        let (packed, arriving) = (Mutex::default(), tokio::sync::RwLock::new(()));
        Ok(Self { archives, unpacked, packed, arriving })
    }

    /// Keeps the collector away until the function that needs a new archive refers to it.
    pub async fn arrival(&self) -> tokio::sync::RwLockReadGuard<'_, ()> {
        self.arriving.read().await
    }

    /// Checks and keeps an archive. Blocks.
    pub fn keep(&self, archive: &[u8]) -> Result<Code, UnpackError> {
        let summary = summary(archive);
        if !self.folder(&summary.sha256).exists() {
            let folder = tempfile::Builder::new().prefix("new-").tempdir_in(&self.unpacked)?;
            unpack(io::Cursor::new(archive), folder.path())?;
            self.settle(folder, &summary.sha256)?;
        }
        let path = self.archive(&summary.sha256);
        if !path.exists() {
            let mut file = tempfile::NamedTempFile::new_in(&self.archives)?;
            file.write_all(archive)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            File::open(&self.archives)?.sync_all()?;
        }
        Ok(Code::Archive { sha256: summary.sha256, bytes: summary.bytes })
    }

    /// The code that a folder or template refers to; archives are checked and kept. Blocks.
    pub fn of(&self, source: &Source) -> Result<Code, UnpackError> {
        match source {
            Source::Folder { path, files_only } => {
                Ok(Code::Folder { path: path.clone(), files_only: *files_only })
            }
            Source::Archive(path) => self.keep(&std::fs::read(path)?),
            Source::Inline { file, text } => self.keep(&pack::single(file, text)?),
        }
    }

    /// Gives a complete folder its name. Another request may have been faster with the same code.
    fn settle(&self, folder: tempfile::TempDir, sha256: &str) -> io::Result<()> {
        // The temporary folder is for its owner only; the code is not, as on AWS.
        use std::os::unix::fs::PermissionsExt as _;

        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let name = self.folder(sha256);
        match std::fs::rename(folder.path(), &name) {
            Ok(()) => drop(folder.keep()),
            Err(_) if name.exists() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Keeps the code of a version as it is now. Blocks.
    pub fn freeze(&self, code: &Code) -> Result<Code, UnpackError> {
        match code {
            Code::Archive { .. } => Ok(code.clone()),
            Code::Folder { path, files_only } => {
                let package = pack::list(path, *files_only)?.pack()?;
                self.keep(&package)
            }
        }
    }

    /// The folder to run code in. Blocks when it has to be unpacked again.
    pub fn task_root(&self, code: &Code) -> Result<PathBuf, UnpackError> {
        let sha256 = match code {
            Code::Folder { path, .. } => return Ok(path.clone()),
            Code::Archive { sha256, .. } => sha256,
        };
        let name = self.folder(sha256);
        if !name.exists() {
            let folder = tempfile::Builder::new().prefix("new-").tempdir_in(&self.unpacked)?;
            unpack(io::BufReader::new(File::open(self.archive(sha256))?), folder.path())?;
            self.settle(folder, sha256)?;
        }
        Ok(name)
    }

    /// Hash and size of the archive. Blocks: a folder is packed to know them, once for each of its
    /// states.
    pub fn summary(&self, code: &Code) -> io::Result<Summary> {
        let (path, files_only) = match code {
            Code::Archive { sha256, bytes } => {
                return Ok(Summary { sha256: sha256.clone(), bytes: *bytes });
            }
            Code::Folder { path, files_only } => (path, *files_only),
        };
        let listing = pack::list(path, files_only)?;
        let known = |packed: &HashMap<PathBuf, (u64, Summary)>| {
            packed.get(path).filter(|known| known.0 == listing.fingerprint).cloned()
        };
        if let Some((_, summary)) =
            known(&self.packed.lock().unwrap_or_else(PoisonError::into_inner))
        {
            return Ok(summary);
        }
        let found = summary(&listing.pack()?);
        let mut packed = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        packed.insert(path.clone(), (listing.fingerprint, found.clone()));
        Ok(found)
    }

    /// The archive itself. Blocks.
    pub fn bytes(&self, code: &Code) -> io::Result<Vec<u8>> {
        match code {
            Code::Archive { sha256, .. } => std::fs::read(self.archive(sha256)),
            Code::Folder { path, files_only } => pack::list(path, *files_only)?.pack(),
        }
    }

    /// Removes the archives that are not used, and the folders that are neither used nor run in;
    /// `needed` says which those are. False when there may be more to remove later: a folder is
    /// still run in, or a new archive arrives. Blocks.
    pub fn collect(&self, needed: impl FnOnce() -> Needed) -> io::Result<bool> {
        let Ok(_alone) = self.arriving.try_write() else { return Ok(false) };
        // Asked only now, when nothing new can arrive.
        let Needed { used, running } = needed();
        let mut complete = true;
        let name_of =
            |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        for entry in std::fs::read_dir(&self.archives)? {
            let path = entry?.path();
            if !name_of(&path).is_some_and(|name| used.contains(&name)) {
                std::fs::remove_file(path)?;
            }
        }
        for entry in std::fs::read_dir(&self.unpacked)? {
            let path = entry?.path();
            let known = name_of(&path).is_some_and(|name| used.contains(&name));
            match (known, running.contains(&path)) {
                (true, _) => {}
                (false, true) => complete = false,
                (false, false) => std::fs::remove_dir_all(path)?,
            }
        }
        Ok(complete)
    }

    fn archive(&self, sha256: &str) -> PathBuf {
        self.archives.join(format!("{sha256}.zip"))
    }

    fn folder(&self, sha256: &str) -> PathBuf {
        self.unpacked.join(sha256)
    }
}

fn summary(archive: &[u8]) -> Summary {
    let hash = Sha256::digest(archive);
    let sha256 = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Summary { sha256, bytes: archive.len() as u64 }
}

/// What names one run of the machine. Where there is none, all runs are one.
fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let id: String = id.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    if id.is_empty() { "one".to_owned() } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(text: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("f.py"), text).unwrap();
        pack::list(folder.path(), false).unwrap().pack().unwrap()
    }

    #[test]
    fn code_is_kept_found_again_and_collected() {
        let state = tempfile::tempdir().unwrap();
        let store = CodeStore::open(state.path()).unwrap();
        let (one, two) = (package("1"), package("2"));
        let (one_code, two_code) = (store.keep(&one).unwrap(), store.keep(&two).unwrap());
        assert_eq!(store.keep(&one).unwrap(), one_code);
        assert_eq!(store.bytes(&one_code).unwrap(), one);

        let root = store.task_root(&one_code).unwrap();
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(store.task_root(&one_code).unwrap(), root);
        assert_eq!(std::fs::read_to_string(root.join("f.py")).unwrap(), "1");

        let used = HashSet::from([store.summary(&one_code).unwrap().sha256]);
        let running = HashSet::from([store.task_root(&two_code).unwrap()]);
        let needed =
            |running: &HashSet<PathBuf>| Needed { used: used.clone(), running: running.clone() };
        assert!(!store.collect(|| needed(&running)).unwrap());
        assert!(store.bytes(&two_code).is_err() && running.iter().all(|path| path.exists()));
        assert!(store.collect(|| needed(&HashSet::new())).unwrap());
        assert!(running.iter().all(|path| !path.exists()));
        assert_eq!(store.bytes(&one_code).unwrap(), one);
    }

    #[test]
    fn a_hash_is_base64_in_the_api() {
        let empty = summary(b"");
        assert_eq!(empty.base64(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }
}
