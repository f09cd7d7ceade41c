//! Downloads and unpacks Debian packages with an apt of our own: its lists, its sources, and nothing
//! installed. No root is needed.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

/// Debian's keys, as the package `debian-archive-keyring` installs them.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/usr/share/keyrings/debian-archive-keyring.gpg",
];

/// An apt that downloads into one folder.
pub struct Apt {
    folder: PathBuf,
    /// Whether its sources and lists are in the folder too, and not the machine's own.
    has_lists: bool,
}

impl Apt {
    /// Reads the list of packages that `sources`, lines of a sources.list, offer.
    pub fn new(folder: &Path, sources: &str) -> Result<Self> {
        let apt = Self { folder: folder.to_owned(), has_lists: true };
        apt.make_folders()?;
        fs::write(folder.join("sources.list"), sources)?;
        run(apt.command().arg("update"))?;
        Ok(apt)
    }

    /// Downloads what this machine's own apt knows of, without reading its lists anew.
    pub fn of_machine(folder: &Path) -> Result<Self> {
        let apt = Self { folder: folder.to_owned(), has_lists: false };
        apt.make_folders()?;
        Ok(apt)
    }

    fn make_folders(&self) -> Result<()> {
        for name in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(self.folder.join(name))?;
        }
        Ok(fs::write(self.folder.join("status"), "")?)
    }

    /// Downloads packages, and all that they depend on, down to the C library.
    pub fn download(&self, packages: &[&str]) -> Result<()> {
        run(self.command().args(["install", "--yes", "--download-only"]).args(packages))
    }

    /// Downloads packages, and nothing that they depend on.
    pub fn download_alone(&self, packages: &[&str]) -> Result<()> {
        run(self.command().arg("download").args(packages).current_dir(self.archives()))
    }

    /// What was downloaded.
    pub fn downloaded(&self) -> Result<Vec<PathBuf>> {
        let mut packages = Vec::new();
        for entry in fs::read_dir(self.archives())? {
            let package = entry?.path();
            if package.extension().is_some_and(|extension| extension == "deb") {
                packages.push(package);
            }
        }
        Ok(packages)
    }

    /// Removes what was downloaded, and the lists.
    pub fn remove(self) -> Result<()> {
        Ok(fs::remove_dir_all(self.folder)?)
    }

    fn archives(&self) -> PathBuf {
        self.folder.join("archives")
    }

    fn command(&self) -> Command {
        let mut command = Command::new("apt-get");
        let mut option = |name: &str, value: &Path| {
            let mut text = OsString::from(format!("-o{name}="));
            text.push(value);
            command.arg(text);
        };
        if self.has_lists {
            option("Dir::Etc::sourcelist", &self.folder.join("sources.list"));
            option("Dir::Etc::sourceparts", Path::new("-"));
            option("Dir::State::lists", &self.folder.join("lists"));
        }
        // No package counts as installed, so that all are downloaded.
        option("Dir::State::status", &self.folder.join("status"));
        option("Dir::Cache", &self.folder);
        option("Dir::Cache::archives", &self.archives());
        option("Acquire::Languages", Path::new("none"));
        // Of a server that cannot be reached, one learns soon.
        option("Acquire::Retries", Path::new("1"));
        option("Acquire::http::Timeout", Path::new("15"));
        option("Acquire::https::Timeout", Path::new("15"));
        option("APT::Install-Recommends", Path::new("false"));
        // Lists that could not be fetched are an error, not a warning.
        option("APT::Update::Error-Mode", Path::new("any"));
        // The account of apt's downloads could not write there.
        option("APT::Sandbox::User", Path::new("root"));
        option("Debug::NoLocking", Path::new("true"));
        command.arg("-q");
        command
    }
}

/// The sources.list line of a suite of Debian, on the mirror that this machine takes its own packages
/// from.
pub fn debian(suite: &str) -> Result<String> {
    Ok(format!("deb [signed-by={}] {} {suite} main\n", keyring()?, mirror()?))
}

/// The mirror of Debian that this machine takes its own packages from.
pub fn mirror() -> Result<String> {
    let format = "$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)";
    let arguments = ["indextargets", "--format", format, "Created-By: Packages"];
    let targets = command::output("apt-get", &arguments).context("this system has no apt-get")?;
    let mirror = targets.lines().find_map(|line| line.strip_prefix("Debian Debian main "));
    let mirror = mirror.context("this machine takes no packages from a mirror of Debian")?;
    Ok(mirror.trim().to_owned())
}

/// The file of Debian's keys.
pub fn keyring() -> Result<&'static str> {
    let keyring = KEYRINGS.iter().find(|path| Path::new(path).is_file());
    keyring.copied().context("Debian's keys are missing: debian-archive-keyring")
}

/// The name of this machine's release of Debian, such as `bookworm`; None on anything else.
pub fn suite() -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(line.trim_matches('"').to_owned())
    };
    (value("ID")? == "debian").then(|| value("VERSION_CODENAME"))?
}

/// Unpacks a package below `root`.
pub fn unpack(package: &Path, root: &Path) -> Result<()> {
    fs::create_dir_all(root)?;
    run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(root))
}

/// Runs a command that prints nothing of interest unless it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.trim_end().lines().last().unwrap_or_default();
    bail!("{name} failed, {}: {last}", output.status)
}
