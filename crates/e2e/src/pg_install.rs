//! A private view of an installed PostgreSQL.
//!
//! PostgreSQL finds its data files and modules relative to its own program, and looks for
//! extensions nowhere else (before 18). So the programs are copied into a folder of ours, in the
//! layout they were built for, and everything around them is a symbolic link: extensions are
//! installed there without touching the system's PostgreSQL, and without being root.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::extension_files::extension_files;
use crate::pg_config::PgConfig;
use crate::workspace::Workspace;

/// The programs that must find our folders, and so are copied.
const NEEDED: [&str; 4] = ["postgres", "initdb", "pg_config", "psql"];
/// The programs that are good to have.
const WELCOME: [&str; 10] = [
    "pg_controldata",
    "pg_ctl",
    "pg_dump",
    "pg_dumpall",
    "pg_isready",
    "pg_resetwal",
    "pg_restore",
    "pg_upgrade",
    "pgbench",
    "vacuumdb",
];

/// A PostgreSQL of our own, made of another one's files.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PgInstall {
    /// What its own `pg_config` says.
    pub config: PgConfig,
    /// The `pg_config` of the PostgreSQL behind it.
    pub origin: PathBuf,
    /// Folders that the dynamic linker must be told about; empty for a system's PostgreSQL.
    library_path: Vec<PathBuf>,
}

impl PgInstall {
    /// Lays out a private view of `origin` below `folder`.
    pub fn create(origin: &PgConfig, folder: &Path) -> Result<Self> {
        if !origin.has_server() {
            bail!("{} has no server: no postgres and initdb", origin.bin.display());
        }
        let inside = |path: &Path| folder.join(path.strip_prefix("/").unwrap_or(path));

        copy_programs(&origin.bin, &inside(&origin.bin))?;
        // The module folder can be inside the library folder, and extensions are in the data folder.
        link_entries(&origin.pkglib, &inside(&origin.pkglib))?;
        link_entries(&origin.share.join("extension"), &inside(&origin.share).join("extension"))?;
        link_entries(&origin.share, &inside(&origin.share))?;

        // Programs that look for libraries beside themselves find them there, too.
        for libraries in origin.private_libraries() {
            let link = inside(&libraries);
            if link.symlink_metadata().is_err() {
                symlink(&libraries, &link)
                    .with_context(|| format!("cannot make the link {}", link.display()))?;
            }
        }

        let config = PgConfig::ask(&inside(&origin.bin).join("pg_config"))?;
        for path in [&config.share, &config.pkglib] {
            if !path.starts_with(folder) {
                bail!("{} is not relocatable: it says {}", origin.path.display(), path.display());
            }
        }
        let library_path = library_path(origin, &config.bin);
        Ok(Self { config, origin: origin.path.clone(), library_path })
    }

    /// Installs the workspace's extensions into it.
    pub fn install_extensions(&self, workspace: &Workspace) -> Result<()> {
        extension_files(workspace, &self.config)?.iter().try_for_each(|file| file.install())
    }

    /// One of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.config.bin.join(name)
    }

    /// The environment its programs need: nothing but, for a PostgreSQL that carries its own
    /// libraries, the place of those.
    pub(crate) fn environment(&self) -> Option<(&'static str, String)> {
        let paths: Vec<_> = self.library_path.iter().map(|path| path.to_string_lossy()).collect();
        let name = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
        (!paths.is_empty()).then(|| (name, paths.join(":")))
    }
}

fn copy_programs(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for name in NEEDED.iter().chain(&WELCOME) {
        let program = from.join(name);
        if program.is_file() {
            fs::copy(&program, to.join(name))
                .with_context(|| format!("cannot copy {}", program.display()))?;
        } else if NEEDED.contains(name) {
            bail!("{} is missing", program.display());
        }
    }
    Ok(())
}

/// Makes `to` a real folder with a link to each entry of `from`, except to those it has already.
fn link_entries(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let link = to.join(entry.file_name());
        if link.symlink_metadata().is_err() {
            symlink(entry.path(), &link)
                .with_context(|| format!("cannot make the link {}", link.display()))?;
        }
    }
    Ok(())
}

/// The folders that the copied programs must be told of to find their libraries. Those of a system
/// know them, and those that were told where they are; Python's wheels look beside the program.
fn library_path(origin: &PgConfig, programs: &Path) -> Vec<PathBuf> {
    let run = |name: &&str| {
        let mut program = Command::new(programs.join(name));
        program.arg("--version").env_clear().stdout(Stdio::null()).stderr(Stdio::null());
        program.status().is_ok_and(|status| status.success())
    };
    if ["postgres", "psql"].iter().all(run) { Vec::new() } else { origin.private_libraries() }
}
