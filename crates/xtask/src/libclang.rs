//! Looks for libclang, by which the PostgreSQL headers are read at build time.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command;

/// Whether there is a libclang where the build will look for it.
pub fn is_there() -> bool {
    folders().iter().any(|folder| holds_libclang(folder))
}

fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = ["LIBCLANG_PATH", "LD_LIBRARY_PATH"]
        .iter()
        .filter_map(env::var_os)
        .flat_map(|value| env::split_paths(&value).collect::<Vec<_>>())
        .collect();
    folders.extend(command::output("llvm-config", &["--libdir"]).map(|dir| dir.trim().into()));
    let arch = env::consts::ARCH;
    folders.extend(
        [
            "/usr/lib",
            "/usr/lib64",
            "/usr/local/lib",
            "/Library/Developer/CommandLineTools/usr/lib",
            "/Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib",
            "/opt/homebrew/opt/llvm/lib",
            "/usr/local/opt/llvm/lib",
        ]
        .map(PathBuf::from),
    );
    folders.push(format!("/usr/lib/{arch}-linux-gnu").into());
    // One folder per LLVM version.
    let versions = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders.extend(
        versions
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("llvm"))
            .map(|entry| entry.path().join("lib")),
    );
    folders
}

fn holds_libclang(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).any(|name| is_libclang(&name.to_string_lossy()))
}

/// `libclang.so`, `libclang-14.so.1`, `libclang.dylib`; not `libclang-cpp.so`.
fn is_libclang(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("libclang") else { return false };
    let rest = rest.trim_start_matches(|c: char| c == '-' || c == '.' || c.is_ascii_digit());
    rest == "so" || rest.starts_with("so.") || rest == "dylib"
}

#[cfg(test)]
mod tests {
    use super::is_libclang;

    #[test]
    fn names_of_libclang() {
        for name in ["libclang.so", "libclang-14.so.14.0.6", "libclang.so.1", "libclang.dylib"] {
            assert!(is_libclang(name), "{name}");
        }
        for name in ["libclang-cpp.so.14", "libclangBasic.a", "libc.so"] {
            assert!(!is_libclang(name), "{name}");
        }
    }
}
