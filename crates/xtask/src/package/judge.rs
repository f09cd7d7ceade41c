//! Whether packages are fit to be given away.

use std::io::BufRead as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::Made;
use super::built::Built;
use crate::command::quietly;

/// The most bytes of the extension's library: what a new session maps.
pub const LARGEST_LIBRARY: usize = 8 << 20;

/// Checks what was made; an error says what is wrong.
pub fn packages(made: &Made) -> Result<()> {
    let size = made.built.extension.len();
    if size > LARGEST_LIBRARY {
        bail!("aws_lambda.so has {size} bytes, and at most {LARGEST_LIBRARY} are promised");
    }
    let paths = paths_inside(&made.built, &made.private);
    if !paths.is_empty() {
        bail!("paths of this machine are in the packages:\n{}", paths.join("\n"));
    }
    lintian(made.files.iter().filter(|file| is_debian(file)))?;
    let libraries = format!("{:.1} MB", size as f64 / f64::from(1 << 20));
    eprintln!(
        "    no path of this machine, lintian has nothing to say, aws_lambda.so has {libraries}"
    );
    Ok(())
}

/// Whether the file is a Debian package.
pub fn is_debian(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "deb")
}

/// Which of the paths stand in which of the binaries.
pub fn paths_inside(built: &Built, paths: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, content) in built.binaries() {
        for path in paths {
            if holds(content, path.as_bytes()) {
                found.push(format!("{name}: {path}"));
            }
        }
    }
    found
}

/// Whether the bytes of a path are in `content`. From slash to slash: what looks for one byte is of
/// Rust's library, and fast in a build that is not optimised, too.
fn holds(mut content: &[u8], path: &[u8]) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    while let Ok(1..) = content.skip_until(*first) {
        if content.starts_with(rest) {
            return true;
        }
    }
    false
}

/// Debian's own checker must have nothing to say of the packages.
pub fn lintian(packages: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<()> {
    let mut lintian = Command::new("lintian");
    // Spelling is that of the libraries of others. It warns of root in every run by root.
    lintian.args(["--suppress-tags", "spelling-error-in-binary"]);
    lintian.args(["--fail-on", "error,warning,info", "--display-info", "--allow-root"]);
    lintian.args(packages.into_iter().map(|package| package.as_ref().to_owned()));
    let said = quietly(lintian.env("LC_ALL", "C.UTF-8"))?;
    if said.trim().is_empty() { Ok(()) } else { bail!("lintian says:\n{said}") }
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn a_path_is_found_wherever_it_stands() {
        for content in ["/any/a", "\0//any/a", "/an/any/a\0", "/any//any/ab"] {
            assert!(holds(content.as_bytes(), b"/any/a"), "{content:?}");
        }
        for content in ["", "/", "/any/", "any/a", "/any/b/a", "/Any/a"] {
            assert!(!holds(content.as_bytes(), b"/any/a"), "{content:?}");
        }
    }
}
