//! `cargo xtask install`: the extensions into any PostgreSQL.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use e2e::{ExtensionFile, Profile, extension_files};
use nix::unistd::{AccessFlags, access};

use crate::Server;
use crate::build;
use crate::setup::{self, Purpose};

/// The arguments of `cargo xtask install`.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    server: Server,
    /// Builds with optimisations: what one wants outside of trials
    #[arg(long)]
    release: bool,
}

/// Builds, copies, and says what was written.
pub fn run(options: &Options) -> Result<ExitCode> {
    let pg_config = setup::prepare(options.server.pg_config.as_deref(), Purpose::Build)?;
    let profile = if options.release { Profile::Release } else { Profile::Debug };
    let workspace = build::workspace(profile)?;
    build::extension(&workspace, &pg_config)?;

    let files = extension_files(&workspace, &pg_config)?;
    let closed = folders_we_cannot_write(&files);
    if !closed.is_empty() {
        let folders: Vec<_> = closed.iter().map(|folder| folder.display().to_string()).collect();
        eprintln!("\nBuilt, but you may not write to {}. Run this:\n", folders.join(" and "));
        println!("{}", sudo_line(&files));
        return Ok(ExitCode::FAILURE);
    }
    for file in &files {
        file.install()?;
        println!("wrote {}", file.to.display());
    }
    println!("\n{} has the extensions. In each database that wants them:\n", pg_config.version);
    println!("  CREATE EXTENSION aws_lambda CASCADE;");
    Ok(ExitCode::SUCCESS)
}

fn folders_we_cannot_write(files: &[ExtensionFile]) -> BTreeSet<PathBuf> {
    files
        .iter()
        .filter_map(|file| file.to.parent())
        .filter(|folder| access(*folder, AccessFlags::W_OK).is_err())
        .map(Path::to_owned)
        .collect()
}

/// One line that does what we may not: `install` replaces a file, and never writes into one that a
/// server has mapped.
fn sudo_line(files: &[ExtensionFile]) -> String {
    let copies: Vec<String> = files
        .iter()
        .map(|file| format!("install -m 644 {} {}", quoted(&file.from), quoted(&file.to)))
        .collect();
    format!("sudo sh -c {}", quote(&copies.join(" && ")))
}

fn quoted(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

/// As a shell reads it back.
fn quote(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@=".contains(c);
    if text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sudo_line_survives_the_shell() {
        let file = ExtensionFile { from: "/a b/it's.so".into(), to: "/lib/x.so".into() };
        let line = sudo_line(&[file]).replacen("sudo sh -c", "printf %s", 1);
        let shown = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert_eq!(shown, r"install -m 644 '/a b/it'\''s.so' /lib/x.so");
    }
}
