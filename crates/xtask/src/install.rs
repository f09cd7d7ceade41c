//! `cargo xtask install`: the extensions into any PostgreSQL, the functions into MariaDB or MySQL.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use e2e::{ExtensionFile, Profile, extension_files};
use nix::unistd::{AccessFlags, access};

use crate::Server;
use crate::build;
use crate::command;
use crate::setup::{self, Purpose};

/// The arguments of `cargo xtask install`.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    udf: UdfOptions,
    /// Builds with optimisations: what one wants outside of trials
    #[arg(long)]
    release: bool,
}

/// Where the functions go, if they are what is installed.
#[derive(Args)]
struct UdfOptions {
    /// Installs the functions for the MariaDB of this machine instead
    #[arg(long, conflicts_with = "mysql")]
    mariadb: bool,
    /// Installs the functions for the MySQL of this machine instead
    #[arg(long)]
    mysql: bool,
    /// Installs the functions into this folder, the server's variable plugin_dir
    #[arg(long, value_name = "FOLDER")]
    plugin_dir: Option<PathBuf>,
}

impl UdfOptions {
    /// The folder where the server looks for libraries; None: PostgreSQL is what is meant.
    fn folder(&self) -> Result<Option<PathBuf>> {
        let programs = match self {
            Self { plugin_dir: Some(folder), .. } => return Ok(Some(folder.clone())),
            Self { mariadb: true, .. } => MARIADB_PROGRAMS,
            Self { mysql: true, .. } => MYSQL_PROGRAMS,
            _ => return Ok(None),
        };
        let found = programs.iter().find_map(|(program, arguments)| {
            // Of the server's help, the line `plugin-dir   /usr/lib/mysql/plugin/`.
            let text = command::output(program, arguments)?;
            let line = text.lines().find_map(|line| line.strip_prefix("plugin-dir"));
            let folder = line.unwrap_or(&text).trim();
            folder.starts_with('/').then(|| PathBuf::from(folder))
        });
        let names: Vec<_> = programs.iter().map(|(program, _)| *program).collect();
        found.map(Some).with_context(|| {
            format!(
                "neither {} is on this machine. Ask the server, SELECT @@plugin_dir, and pass the \
                 folder: --plugin-dir FOLDER",
                names.join(" nor ")
            )
        })
    }
}

/// Who knows the plugin folder, first the one that knows best.
type Programs = &'static [(&'static str, &'static [&'static str])];

const HELP: &[&str] = &["--verbose", "--help"];
const CONFIG: &[&str] = &["--plugindir"];
const MARIADB_PROGRAMS: Programs =
    &[("mariadbd", HELP), ("/usr/sbin/mariadbd", HELP), ("mariadb_config", CONFIG)];
const MYSQL_PROGRAMS: Programs =
    &[("mysqld", HELP), ("/usr/sbin/mysqld", HELP), ("mysql_config", CONFIG)];

/// Builds, copies, and says what was written.
pub fn run(options: &Options) -> Result<ExitCode> {
    if let Some(folder) = options.udf.folder()? {
        return install_udf(options, &folder);
    }
    let pg_config = setup::prepare(&options.server, Purpose::Build)?;
    let profile = if options.release { Profile::Release } else { Profile::Debug };
    let workspace = build::workspace(profile)?;
    build::extension(&workspace, &pg_config)?;

    let files = extension_files(&workspace, &pg_config)?;
    if !write(&files)? {
        return Ok(ExitCode::FAILURE);
    }
    println!("\n{} has the extensions. In each database that wants them:\n", pg_config.version);
    println!("  CREATE EXTENSION aws_lambda CASCADE;");
    Ok(ExitCode::SUCCESS)
}

fn install_udf(options: &Options, folder: &Path) -> Result<ExitCode> {
    let profile = if options.release { Profile::Release } else { Profile::Debug };
    let workspace = build::workspace(profile)?;
    build::udf(&workspace)?;
    let library =
        ExtensionFile { from: workspace.library("lambda_udf"), to: folder.join("lambda_udf.so") };
    if !write(&[library])? {
        return Ok(ExitCode::FAILURE);
    }
    let script = workspace.root.join("crates/lambda_udf/sql/install.sql");
    let client = if options.udf.mysql { "mysql" } else { "mariadb" };
    println!("\nDeclare the functions, as an administrator of the server:\n");
    println!("  {client} < {}", quoted(&script));
    println!("\nA server that has loaded an older library keeps it until it restarts.");
    Ok(ExitCode::SUCCESS)
}

/// Copies the files and says so; or, where we may not, says what would. Whether they were copied.
fn write(files: &[ExtensionFile]) -> Result<bool> {
    let closed = folders_we_cannot_write(files);
    if !closed.is_empty() {
        let folders: Vec<_> = closed.iter().map(|folder| folder.display().to_string()).collect();
        eprintln!("\nBuilt, but you may not write to {}. Run this:\n", folders.join(" and "));
        println!("{}", sudo_line(files));
        return Ok(false);
    }
    for file in files {
        if let Some(folder) = file.to.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        file.install()?;
        println!("wrote {}", file.to.display());
    }
    Ok(true)
}

fn folders_we_cannot_write(files: &[ExtensionFile]) -> BTreeSet<PathBuf> {
    files
        .iter()
        .filter_map(|file| file.to.parent())
        .filter(|folder| {
            // A folder that is not there yet is made in the one above it.
            let there = folder.ancestors().find(|folder| folder.is_dir());
            there.is_none_or(|folder| access(folder, AccessFlags::W_OK).is_err())
        })
        .map(Path::to_owned)
        .collect()
}

/// One line that does what we may not: `install` replaces a file, and never writes into one that a
/// server has mapped.
fn sudo_line(files: &[ExtensionFile]) -> String {
    let copies: Vec<String> = files
        .iter()
        .map(|file| format!("install -D -m 644 {} {}", quoted(&file.from), quoted(&file.to)))
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
        assert_eq!(shown, r"install -D -m 644 '/a b/it'\''s.so' /lib/x.so");
    }
}
