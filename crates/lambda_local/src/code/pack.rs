//! A folder as a deployment package: what AWS would have been sent.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Cursor, Write as _};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::limits::{ARCHIVE_ENTRIES, UNZIPPED_BYTES};

/// A file of the package.
#[derive(Debug)]
struct Entry {
    path: PathBuf,
    /// Its name in the package.
    name: String,
    executable: bool,
}

/// What a package would be made of.
#[derive(Debug)]
pub(super) struct Listing {
    entries: Vec<Entry>,
    /// Changes when a file comes, goes or changes.
    pub(super) fingerprint: u64,
}

/// Lists the files of a folder, without its hidden ones and Python's compiled ones.
pub(super) fn list(folder: &Path, files_only: bool) -> io::Result<Listing> {
    let mut entries = Vec::new();
    let mut hasher = DefaultHasher::new();
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for path in sorted(&inner)? {
            let data = match path.metadata() {
                Ok(data) => data,
                // A link that leads nowhere, or a file that has just gone.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if data.is_dir() && !files_only {
                folders.push(path);
            } else if data.is_file() {
                use std::os::unix::fs::PermissionsExt as _;

                let executable = data.permissions().mode() & 0o111 != 0;
                let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy();
                bytes += data.len();
                (&name, data.len(), data.modified().ok(), executable).hash(&mut hasher);
                entries.push(Entry { name: name.into_owned(), path, executable });
            }
            // Also ends the walk of folders that link to each other.
            if bytes > UNZIPPED_BYTES || entries.len() + folders.len() > ARCHIVE_ENTRIES {
                return Err(io::Error::other(format!(
                    "{} is larger than a function may be: {UNZIPPED_BYTES} bytes, \
                     {ARCHIVE_ENTRIES} files",
                    folder.display()
                )));
            }
        }
    }
    Ok(Listing { entries, fingerprint: hasher.finish() })
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && name != "__pycache__" {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

impl Listing {
    /// The package. The same files always make the same bytes.
    pub(super) fn pack(&self) -> io::Result<Vec<u8>> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for entry in &self.entries {
            writer.start_file(entry.name.as_str(), options(entry.executable))?;
            io::copy(&mut std::fs::File::open(&entry.path)?, &mut writer)?;
        }
        Ok(writer.finish()?.into_inner())
    }
}

/// A package of one file.
pub(super) fn single(name: &str, text: &str) -> io::Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(name, options(false))?;
    writer.write_all(text.as_bytes())?;
    Ok(writer.finish()?.into_inner())
}

fn options(executable: bool) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(if executable { 0o755 } else { 0o644 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_make_the_same_package() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("b.py", "b");
        write("a/c.py", "c");
        write(".git/x", "x");
        write("__pycache__/b.pyc", "x");
        std::os::unix::fs::symlink("/nowhere", folder.path().join("broken")).unwrap();
        let first = list(folder.path(), false).unwrap();
        let names: Vec<&str> = first.entries.iter().map(|entry| &*entry.name).collect();
        assert_eq!(names, ["b.py", "a/c.py"]);
        assert_eq!(list(folder.path(), true).unwrap().entries.len(), 1);
        assert_eq!(first.pack().unwrap(), list(folder.path(), false).unwrap().pack().unwrap());
        write("b.py", "bb");
        assert_ne!(first.fingerprint, list(folder.path(), false).unwrap().fingerprint);
    }

    #[test]
    fn folders_that_link_to_each_other_are_no_endless_walk() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            std::os::unix::fs::symlink(folder.path(), folder.path().join(name)).unwrap();
        }
        assert!(list(folder.path(), false).is_err());
    }
}
