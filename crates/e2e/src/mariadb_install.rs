//! An installed MariaDB or MySQL, and how its programs are started.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::server_user::ServerUser;
use crate::workspace::Workspace;

/// The two servers that `lambda_udf` serves.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Brand {
    /// MariaDB.
    MariaDb,
    /// MySQL.
    MySql,
}

/// An installed MariaDB or MySQL.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct MariaDbInstall {
    /// Which of the two it is.
    pub brand: Brand,
    /// What the server says of itself, such as `mariadbd Ver 10.11.19-MariaDB ...`.
    pub version: String,
    /// The folder that holds the tree `usr`: `/`, or where packages were unpacked.
    root: PathBuf,
    /// The dynamic linker and its arguments, for programs built for another system than this.
    linker: Vec<String>,
}

impl MariaDbInstall {
    /// The system's own MariaDB, if there is one.
    pub fn system_mariadb() -> Option<Self> {
        Self::ask(Brand::MariaDb, Path::new("/"), Vec::new())
    }

    /// The MySQL whose Debian packages were unpacked below `root`, if they are complete. It runs on
    /// the libraries unpacked with it, by their dynamic linker: neither a chroot nor root is needed.
    pub fn unpacked_mysql(root: &Path) -> Option<Self> {
        let libraries = fs::read_dir(root.join("usr/lib")).ok()?.flatten();
        let folder = libraries
            .map(|entry| entry.path())
            .find(|path| path.is_dir() && path.to_string_lossy().ends_with("-linux-gnu"))?;
        let linker = fs::read_dir(&folder)
            .ok()?
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().starts_with("ld-linux"))?
            .path();
        let linker = [&linker, Path::new("--library-path"), &folder];
        let linker = linker.map(|part| part.to_string_lossy().into_owned());
        Self::ask(Brand::MySql, root, linker.to_vec())
    }

    fn ask(brand: Brand, root: &Path, linker: Vec<String>) -> Option<Self> {
        let mut install = Self { brand, version: String::new(), root: root.to_owned(), linker };
        let output = install.server().arg("--version").output().ok()?;
        install.client().arg("--version").output().ok()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let (_, version) = said.trim().split_once("Ver ")?;
        install.version = format!("{} {version}", install.name());
        output.status.success().then_some(install)
    }

    /// `MariaDB` or `MySQL`.
    pub fn name(&self) -> &'static str {
        match self.brand {
            Brand::MariaDb => "MariaDB",
            Brand::MySql => "MySQL",
        }
    }

    /// The server's program, to be given arguments.
    pub(crate) fn server(&self) -> Command {
        match self.brand {
            Brand::MariaDb => {
                let mut command = self.program("usr/sbin/mariadbd");
                command.arg("--no-defaults");
                command
            }
            Brand::MySql => {
                let usr = self.root.join("usr");
                let mut command = self.program("usr/sbin/mysqld");
                command
                    .arg("--no-defaults")
                    .arg(format!("--basedir={}", usr.display()))
                    .arg(format!("--lc-messages-dir={}", usr.join("share/mysql").display()));
                command
            }
        }
    }

    /// The command line client.
    pub(crate) fn client(&self) -> Command {
        match self.brand {
            Brand::MariaDb => self.program("usr/bin/mariadb"),
            Brand::MySql => self.program("usr/bin/mysql"),
        }
    }

    fn program(&self, path: &str) -> Command {
        let program = self.root.join(path);
        let Some((linker, arguments)) = self.linker.split_first() else {
            return Command::new(program);
        };
        let mut command = Command::new(linker);
        command.args(arguments).arg("--argv0").arg(&program).arg(program);
        command
    }

    /// The folder where the server looks for libraries, as it was installed.
    fn plugins(&self) -> Option<PathBuf> {
        let lib = self.root.join("usr/lib/mysql/plugin");
        lib.is_dir().then_some(lib)
    }

    /// Makes a plugin folder of our own: the library as it was built, and links to the server's.
    pub(crate) fn lay_plugins(&self, workspace: &Workspace, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        if let Some(plugins) = self.plugins() {
            for entry in fs::read_dir(plugins)?.flatten() {
                symlink(entry.path(), folder.join(entry.file_name()))?;
            }
        }
        let library = workspace.library("lambda_udf");
        fs::copy(&library, folder.join("lambda_udf.so"))
            .with_context(|| format!("{} was not built", library.display()))?;
        Ok(())
    }

    /// Makes a data folder at `data`, with the account root that needs no password.
    pub(crate) fn initialise(&self, data: &Path) -> Result<()> {
        let user = ServerUser::choose()?;
        let mut command = match self.brand {
            Brand::MariaDb => {
                let mut command = Command::new("mariadb-install-db");
                command
                    .arg("--no-defaults")
                    .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
                    .args(["--skip-name-resolve", "--innodb-log-file-size=8M"])
                    .args(["--innodb-flush-method=nosync", "--aria-log-file-size=8M"]);
                command
            }
            Brand::MySql => {
                let mut command = self.server();
                command
                    .args(["--initialize-insecure", "--innodb-redo-log-capacity=32M"])
                    .args(["--innodb-flush-method=nosync", "--innodb-doublewrite=OFF"])
                    .arg("--performance-schema=OFF");
                command
            }
        };
        command.arg(format!("--datadir={}", data.display())).current_dir("/");
        user.apply(&mut command);
        let output = command.output().with_context(|| format!("cannot run {}", self.name()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{} makes no data folder: {}\n{}", self.name(), output.status, said.trim_end());
        }
        Ok(())
    }
}
