//! The kept inputs of a fuzz target as a plain test: no nightly compiler, no fuzzer.

use std::fs;
use std::path::Path;

/// Runs a target on every input in `fuzz/corpus/NAME`. What makes it panic fails the test, which
/// prints the file's name.
pub fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut count = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        target(&fs::read(&path).unwrap());
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}
