//! The archive for systems without dpkg: everything, and `install.sh`.

use std::env::consts::{ARCH, OS};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::built::Built;
use super::compression::Compression;
use super::notices::Notices;
use super::source::Source;
use super::tree::Tree;
use crate::command::quietly;

/// Writes `sqlambda-VERSION-pgNN-OS-ARCH` with the suffix of its compression into `folder`.
pub fn write(source: &Source, built: &Built, notices: &Notices, folder: &Path) -> Result<PathBuf> {
    let name = format!("sqlambda-{}-pg{}-{OS}-{ARCH}", source.version, built.major);
    let scratch = tempfile::tempdir()?;
    files(source, built, notices)?.write(&scratch.path().join(&name), source.time)?;
    let Compression { tar: compress, suffix, .. } = source.compression;
    let archive = folder.join(format!("{name}.{suffix}"));
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"]);
    tar.args(["--use-compress-program", compress, "--create", "--file"]).arg(&archive);
    tar.arg("--directory").arg(scratch.path()).arg(name);
    quietly(tar.env("LC_ALL", "C"))?;
    Ok(archive)
}

fn files(source: &Source, built: &Built, notices: &Notices) -> Result<Tree> {
    let mut files = Tree::default();
    let script = source.read("packaging/tarball/install.sh")?;
    files.add_program("install.sh", script.replace("@MAJOR@", &built.major.to_string()));
    for document in ["README.md", "LICENSE", "CHANGELOG.md"] {
        files.add(document, source.read(document)?);
    }
    files.take_all(&notices.files(), "third-party");
    files.add("postgresql/aws_lambda.so", &*built.extension);
    files.take_all(&built.extension_files, "postgresql/extension");
    files.add("mariadb/lambda_udf.so", &*built.udf);
    for script in ["install.sql", "uninstall.sql", "grants.sql"] {
        let text = source.read(&format!("crates/lambda_udf/sql/{script}"))?;
        files.add(Path::new("mariadb").join(script), text);
    }
    files.add_program("bin/sqlambda", &*built.sqlambda);
    for (page, text) in &built.manual {
        files.add(Path::new("man/man1").join(page), &**text);
    }
    Ok(files)
}
