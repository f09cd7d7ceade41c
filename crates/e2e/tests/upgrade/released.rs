use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Session, playground};
use crate::{EXTENSIONS, present_version, versions};

/// The folder of an extension's scripts.
pub fn scripts(extension: &str) -> PathBuf {
    playground().workspace().root.join("crates").join(extension).join("sql")
}

/// The names of the scripts in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".sql")).collect();
    names.sort();
    names
}

/// Servers have these files, and databases what they made: a change would reach neither. What is to
/// change takes a new version and a script that updates to it.
#[test]
fn released_scripts_are_as_they_were_released() {
    for extension in EXTENSIONS {
        let folder = scripts(extension).join("released");
        let check = Command::new("sha256sum")
            .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
            .current_dir(&folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&check.stdout);
        assert!(check.status.success(), "{extension}: {said}");
        let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
        let listed: Vec<_> =
            sums.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(listed, names(&folder), "{extension}: each script has its line in SHA256SUMS");
    }
}

/// PostgreSQL finds the way by the scripts' names: none is missing, and none leads away from the
/// present version.
#[test]
fn every_version_can_be_created_and_updated_to_the_present() {
    for extension in EXTENSIONS {
        let present = present_version(extension);
        assert_eq!(versions(extension).last(), Some(&present), "{extension}");
        let stranded = Session::new().rows(&format!(
            "SELECT source FROM pg_extension_update_paths('{extension}')
             WHERE target = '{present}' AND path IS NULL"
        ));
        assert!(stranded.is_empty(), "{extension}: no way from {stranded:?} to {present}");
        let backwards = Session::new().rows(&format!(
            "SELECT target FROM pg_extension_update_paths('{extension}')
             WHERE source = '{present}' AND path IS NOT NULL"
        ));
        assert!(backwards.is_empty(), "{extension}: {backwards:?}");
    }
}
