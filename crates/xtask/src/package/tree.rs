//! The files of a package, before they are packed.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Files by their paths in the package: sorted, and with no owner, time or mode of this machine.
#[derive(Clone, Default)]
pub struct Tree {
    files: BTreeMap<PathBuf, Entry>,
}

#[derive(Clone)]
struct Entry {
    content: Vec<u8>,
    is_program: bool,
}

impl Tree {
    /// Adds a file that is read.
    pub fn add(&mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) {
        let entry = Entry { content: content.into(), is_program: false };
        self.files.insert(path.into(), entry);
    }

    /// Adds a file that is executed.
    pub fn add_program(&mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) {
        let entry = Entry { content: content.into(), is_program: true };
        self.files.insert(path.into(), entry);
    }

    /// Adds a copy of the file `from`, executable if it is.
    pub fn copy(&mut self, from: &Path, path: impl Into<PathBuf>) -> Result<()> {
        let about = || format!("cannot read {}", from.display());
        let content = fs::read(from).with_context(about)?;
        let is_program = fs::metadata(from).with_context(about)?.permissions().mode() & 0o100 != 0;
        self.files.insert(path.into(), Entry { content, is_program });
        Ok(())
    }

    /// Adds the file `from` of another tree, executable if it is there.
    pub fn take(&mut self, tree: &Self, from: &Path, path: impl Into<PathBuf>) {
        if let Some(entry) = tree.files.get(from) {
            self.files.insert(path.into(), entry.clone());
        }
    }

    /// Adds all files of another tree, below `folder`.
    pub fn take_all(&mut self, tree: &Self, folder: impl AsRef<Path>) {
        for path in tree.paths() {
            self.take(tree, path, folder.as_ref().join(path));
        }
    }

    /// What is in a file.
    pub fn content(&self, path: impl AsRef<Path>) -> Option<&[u8]> {
        Some(&self.files.get(path.as_ref())?.content)
    }

    /// The paths, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// Bytes of all files.
    pub fn size(&self) -> usize {
        self.files.values().map(|entry| entry.content.len()).sum()
    }

    /// Writes the files below `folder`, all of them changed at `time` (seconds since 1970).
    pub fn write(&self, folder: &Path, time: u64) -> Result<()> {
        for (path, entry) in &self.files {
            let path = folder.join(path);
            write_file(&path, entry, time)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        // Last: a file that is written changes its folder's time.
        set_folder_attributes(folder, time)
            .with_context(|| format!("cannot set the times in {}", folder.display()))
    }

    /// Makes a zip archive of the files, in the folder `top`.
    pub fn zip(&self, archive: &Path, top: &str, time: u64) -> Result<()> {
        let about = || format!("cannot write {}", archive.display());
        let mut zip = ZipWriter::new(File::create(archive).with_context(about)?);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(zip_time(time));
        for (path, entry) in &self.files {
            let options = options.unix_permissions(mode(entry));
            let name = format!("{top}/{}", path.display());
            zip.start_file(name, options).with_context(about)?;
            zip.write_all(&entry.content).with_context(about)?;
        }
        zip.finish().with_context(about)?;
        Ok(())
    }
}

fn mode(entry: &Entry) -> u32 {
    if entry.is_program { 0o755 } else { 0o644 }
}

fn write_file(path: &Path, entry: &Entry, time: u64) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create(path)?;
    file.write_all(&entry.content)?;
    file.set_permissions(Permissions::from_mode(mode(entry)))?;
    file.set_times(times(time))
}

fn set_folder_attributes(folder: &Path, time: u64) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            set_folder_attributes(&path, time)?;
        }
    }
    // Whatever the umask of this process.
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    File::open(folder)?.set_times(times(time))
}

fn times(time: u64) -> FileTimes {
    FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(time))
}

/// In UTC, whatever this machine's zone. A time that zip cannot tell is its oldest, 1980.
fn zip_time(time: u64) -> DateTime {
    i64::try_from(time)
        .ok()
        .and_then(|time| time::OffsetDateTime::from_unix_timestamp(time).ok())
        .and_then(|time| {
            let date = time.date();
            let (hour, minute, second) = time.time().as_hms();
            let year = u16::try_from(date.year()).ok()?;
            let month = u8::from(date.month());
            DateTime::from_date_and_time(year, month, date.day(), hour, minute, second).ok()
        })
        .unwrap_or_default()
}
