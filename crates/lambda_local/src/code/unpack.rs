//! Unpacking a deployment package that may come from anyone.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;

use crate::limits::{ARCHIVE_ENTRIES, UNZIPPED_BYTES};

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is not an archive, or a damaged one.
    #[error("Could not unzip uploaded file. Please check your file, then try to upload again.")]
    NotAnArchive,
    /// It has no files.
    #[error("Uploaded file must be a non-empty zip")]
    Empty,
    /// Its files are larger than AWS allows.
    #[error("Unzipped size must be smaller than {UNZIPPED_BYTES} bytes")]
    TooLarge,
    /// It has more entries than any package needs.
    #[error("The archive has more than {ARCHIVE_ENTRIES} entries")]
    TooManyEntries,
    /// An entry that a package may not have; says which and why.
    #[error("The archive cannot be used: its entry `{name}` {problem}")]
    Entry {
        /// The entry's name, shortened.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The disk refuses.
    #[error("cannot unpack the archive: {0}")]
    System(#[from] io::Error),
}

/// Unpacks an archive into an empty folder. The folder may hold a part of it after an error.
pub fn unpack(archive: impl Read + Seek, folder: &Path) -> Result<(), UnpackError> {
    let mut archive = ZipArchive::new(archive).map_err(|_| UnpackError::NotAnArchive)?;
    if archive.is_empty() {
        return Err(UnpackError::Empty);
    }
    if archive.len() > ARCHIVE_ENTRIES {
        return Err(UnpackError::TooManyEntries);
    }
    let mut left = UNZIPPED_BYTES;
    let mut seen = HashSet::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|_| UnpackError::NotAnArchive)?;
        let name = entry.name().map_err(|_| UnpackError::NotAnArchive)?.into_owned();
        let refuse = |problem| Err(UnpackError::Entry { name: shortened(&name), problem });
        let Some(path) = inside(&name) else {
            return refuse("has a name that leads out of the archive");
        };
        if entry.is_symlink() {
            return refuse("is a symbolic link");
        }
        let made = if entry.is_dir() {
            std::fs::create_dir_all(folder.join(path)).map(|()| None)
        } else {
            if !seen.insert(path.clone()) {
                return refuse("is there twice");
            }
            let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
            create(&folder.join(path), executable).map(Some)
        };
        match made {
            Ok(Some(mut file)) => left -= copy(&mut entry, &mut file, left)?,
            Ok(None) => {}
            Err(error) if is_about_the_name(&error) => return refuse("has a name that cannot be"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The path that an entry's name means, if it stays below the archive's root.
fn inside(name: &str) -> Option<PathBuf> {
    // Windows' separators would be a part of the name here and a path elsewhere.
    if name.contains(['\0', '\\']) {
        return None;
    }
    let path = Path::new(name);
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => clean.push(part),
            Component::CurDir => {}
            _ => return None,
        }
    }
    (!clean.as_os_str().is_empty()).then_some(clean)
}

/// Nothing but the permission to execute is taken from the archive.
fn create(path: &Path, executable: bool) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mode = if executable { 0o755 } else { 0o644 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// A file where a folder is needed, or a name that the file system does not take.
fn is_about_the_name(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, InvalidFilename, IsADirectory, NotADirectory};
    matches!(error.kind(), AlreadyExists | InvalidFilename | IsADirectory | NotADirectory)
}

/// Copies at most `left` bytes; returns how many. What the archive says of its sizes is not
/// believed.
fn copy(entry: &mut impl Read, file: &mut File, left: u64) -> Result<u64, UnpackError> {
    let mut buffer = vec![0; 64 * 1024];
    let mut written = 0;
    loop {
        let count = match entry.read(&mut buffer) {
            Ok(0) => return Ok(written),
            Ok(count) => count,
            Err(_) => return Err(UnpackError::NotAnArchive),
        };
        written += count as u64;
        if written >= left {
            return Err(UnpackError::TooLarge);
        }
        io::Write::write_all(file, &buffer[..count])?;
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};
    use std::os::unix::fs::PermissionsExt as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(entries: &[(&str, &[u8], u32)]) -> Cursor<Vec<u8>> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content, mode) in entries {
            let options = SimpleFileOptions::default().unix_permissions(*mode);
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap()
    }

    fn unpacked(archive: Cursor<Vec<u8>>) -> Result<tempfile::TempDir, String> {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        unpack(archive, &inner).map_err(|error| error.to_string())?;
        Ok(folder)
    }

    #[test]
    fn files_keep_their_place_and_the_permission_to_execute_only() {
        let folder =
            unpacked(archive(&[("a/b.py", b"x", 0o666), ("./run", b"y", 0o4711)])).unwrap();
        let mode = |path: &str| {
            let path = folder.path().join("inner").join(path);
            path.metadata().unwrap().permissions().mode() & 0o7777
        };
        assert_eq!(mode("a/b.py") & 0o111, 0);
        assert_eq!(mode("run") & 0o4111, 0o111);
    }

    #[test]
    fn what_leads_out_or_contradicts_itself_is_refused() {
        for name in ["../x", "a/../../x", "a/../b", "/etc/x", "..", "a\\..\\b", ""] {
            let error = unpacked(archive(&[(name, b"x", 0o644)])).unwrap_err();
            assert!(error.contains("leads out"), "{name}: {error}");
        }
        let error = unpacked(archive(&[("a", b"", 0o644), ("./a", b"", 0o644)])).unwrap_err();
        assert!(error.contains("is there twice"), "{error}");
        let error = unpacked(archive(&[("a", b"", 0o644), ("a/b", b"", 0o644)])).unwrap_err();
        assert!(error.contains("cannot be"), "{error}");
        for long in ["n".repeat(300), "n".repeat(300) + "/n", "d/".repeat(2_100) + "n"] {
            let error = unpacked(archive(&[(&long, b"", 0o644)])).unwrap_err();
            assert!(error.contains("cannot be"), "{error}");
        }
    }

    /// An entry that ends in a slash is a folder.
    #[test]
    fn folders_that_cannot_be_are_the_archives_fault() {
        for (file, folder) in
            [("a", "a/"), ("b", &*("n".repeat(300) + "/")), ("c", &*"d/".repeat(2_100))]
        {
            let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
            writer.start_file(file, SimpleFileOptions::default()).unwrap();
            writer.add_directory(folder, SimpleFileOptions::default()).unwrap();
            let error = unpacked(writer.finish().unwrap()).unwrap_err();
            assert!(error.contains("cannot be"), "{error}");
        }
    }

    #[test]
    fn links_are_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        let error = unpacked(writer.finish().unwrap()).unwrap_err();
        assert!(error.contains("`link` is a symbolic link"), "{error}");
    }

    #[test]
    fn what_is_no_archive_or_empty_is_told_as_aws_does() {
        let error = unpacked(Cursor::new(b"PK\x03\x04 not really".to_vec())).unwrap_err();
        assert!(error.starts_with("Could not unzip uploaded file."), "{error}");
        assert_eq!(unpacked(archive(&[])).unwrap_err(), "Uploaded file must be a non-empty zip");
    }
}
