//! Whether packages are fit to be given away.

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
    made.files.iter().filter(|file| is_debian(file)).try_for_each(|file| lintian(file))?;
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
        // Bytes that are no text do not matter, and searching text is fast.
        let content = String::from_utf8_lossy(content);
        for path in paths {
            if content.contains(path.as_str()) {
                found.push(format!("{name}: {path}"));
            }
        }
    }
    found
}

/// Debian's own checker must have nothing to say.
pub fn lintian(package: &Path) -> Result<()> {
    let mut lintian = Command::new("lintian");
    // Spelling is that of the libraries of others. It warns of root in every run by root.
    lintian.args(["--suppress-tags", "spelling-error-in-binary"]);
    lintian.args(["--fail-on", "error,warning,info", "--display-info", "--allow-root"]);
    let said = quietly(lintian.arg(package).env("LC_ALL", "C.UTF-8"))?;
    if said.trim().is_empty() {
        Ok(())
    } else {
        bail!("lintian says of {}:\n{said}", package.display())
    }
}
