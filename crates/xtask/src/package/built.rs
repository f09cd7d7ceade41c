//! What was compiled, as packages ship it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use e2e::{PgConfig, Profile, Workspace, extension_files};

use super::tree::Tree;
use crate::build;
use crate::command;
use crate::progress;

/// The programs and libraries, without what only debuggers read.
#[derive(Clone)]
pub struct Built {
    /// The PostgreSQL that the extension is for.
    pub major: u16,
    /// The library of the extension `aws_lambda`.
    pub extension: Vec<u8>,
    /// Control files and scripts of the extensions.
    pub extension_files: Tree,
    /// The library for MariaDB and MySQL.
    pub udf: Vec<u8>,
    /// The command `sqlambda`.
    pub sqlambda: Vec<u8>,
    /// Its manual pages, by name, such as `sqlambda-local.1`.
    pub manual: Vec<(String, Vec<u8>)>,
}

/// Compiles everything that is packed, so that the result does not depend on where.
pub fn compile(workspace: &Workspace, pg_config: &PgConfig) -> Result<()> {
    progress::stage(&format!("building for {} (ten minutes or more)", pg_config.version));
    // First: the folders of the sources are there only now.
    let mut fetch = build::cargo();
    fetch.args(["fetch", "--locked"]);
    command::succeed(fetch)?;
    let mut compile = build::cargo_for(pg_config, "build", Profile::Dist);
    compile.arg("--locked").args(["--package", "aws_lambda"]);
    compile.args(["--package", "lambda_udf", "--package", "sqlambda"]);
    // Which may be a clone of that of this program.
    compile.current_dir(&workspace.root).env("CARGO_TARGET_DIR", &workspace.target);
    compile.env("CARGO_ENCODED_RUSTFLAGS", remapping(workspace)?);
    // pgrx would format what it generates by any rustfmt.toml above the target folder; a panic's
    // message has the line of that file.
    compile.env("RUSTFMT", "true");
    command::succeed(compile)?;
    build::keep_apart(workspace, pg_config)
}

/// The paths of this machine that must not be in what is shipped.
pub fn private_paths(workspace: &Workspace) -> Result<Vec<String>> {
    let paths = [workspace.root.clone(), workspace.target.clone(), cargo_home()?];
    Ok(paths.iter().map(|path| path.to_string_lossy().into_owned()).collect())
}

/// Flags by which the compiler writes no path of this machine, separated as cargo wants it.
fn remapping(workspace: &Workspace) -> Result<String> {
    let mut paths = Vec::new();
    // The folder of each registry has a name of its own.
    let registries = fs::read_dir(cargo_home()?.join("registry/src")).into_iter().flatten();
    paths.extend(registries.flatten().map(|folder| (folder.path(), "/cargo")));
    // The last that fits is taken, and the target folder is mostly in the workspace.
    paths.push((workspace.root.clone(), "/sqlambda"));
    paths.push((workspace.target.clone(), "/sqlambda/target"));
    paths.push((build::sysroot()?, "/rust"));
    let flags = paths.iter().map(|(path, to)| {
        let path = path.to_str().with_context(|| format!("{} is no text", path.display()))?;
        Ok(format!("--remap-path-prefix={path}={to}"))
    });
    let mut flags = flags.collect::<Result<Vec<_>>>()?;
    // It is made of debug information too, which has paths and is stripped.
    flags.push("-Clink-arg=-Wl,--build-id=none".to_owned());
    Ok(flags.join("\x1f"))
}

fn cargo_home() -> Result<PathBuf> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cargo"));
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home).context("HOME is not set")
}

impl Built {
    /// Reads what cargo has built in the profile of `workspace`.
    pub fn read(workspace: &Workspace, pg_config: &PgConfig) -> Result<Self> {
        let library = workspace.extension_library("aws_lambda", pg_config.major);
        let mut files = Tree::default();
        for file in extension_files(workspace, pg_config)? {
            if file.from != library {
                let name = file.from.file_name().context("a file has a name")?;
                files.copy(&file.from, name)?;
            }
        }
        Ok(Self {
            major: pg_config.major,
            extension_files: files,
            extension: stripped(&library)?,
            udf: stripped(&workspace.library("lambda_udf"))?,
            sqlambda: stripped(&workspace.sqlambda())?,
            manual: manual(&workspace.sqlambda())?,
        })
    }

    /// The parts that the loader reads and this machine's paths could be in, by name.
    pub fn binaries(&self) -> [(&'static str, &[u8]); 3] {
        [
            ("aws_lambda.so", &self.extension),
            ("lambda_udf.so", &self.udf),
            ("sqlambda", &self.sqlambda),
        ]
    }
}

/// As Debian's `dh_strip` strips a library.
pub fn stripped(path: &Path) -> Result<Vec<u8>> {
    if !path.is_file() {
        bail!("{} was not built", path.display());
    }
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("stripped");
    let mut strip = Command::new("strip");
    strip.args(["--strip-unneeded", "--remove-section=.comment", "--remove-section=.note", "-o"]);
    command::quietly(strip.arg(&out).arg(path))?;
    Ok(fs::read(out)?)
}

fn manual(sqlambda: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = tempfile::tempdir()?;
    command::quietly(Command::new(sqlambda).arg("man").arg(folder.path()))?;
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder.path())? {
        let entry = entry?;
        pages.push((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?));
    }
    pages.sort();
    Ok(pages)
}
