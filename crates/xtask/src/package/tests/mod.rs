//! The packages, made of what `cargo xtask test` has built, and used as their users would.

mod chroot;
mod debian;
mod docker;
mod notices;
mod pgxn;
mod server;
mod tarball;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use e2e::Playground;

use super::built::{self, Built};
use super::notices::Notices;
use super::source::Source;
use super::{judge, pack, reproducible};

/// Packages of the debug build, made once for all tests of this process.
pub struct Packages {
    pub playground: Playground,
    pub source: Source,
    pub built: Built,
    pub notices: Notices,
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Packages {
    pub fn made() -> &'static Self {
        static PACKAGES: OnceLock<Packages> = OnceLock::new();
        PACKAGES.get_or_init(|| {
            let playground = Playground::attach().unwrap();
            let workspace = playground.workspace();
            // Quickly: what the debug build makes is large.
            let source = Source { compression: 0, ..Source::of(workspace).unwrap() };
            let pg_config = e2e::PgConfig::ask(&playground.cluster().install().origin).unwrap();
            let built = Built::read(workspace, &pg_config).unwrap();
            let notices = Notices::gather(&source, &pg_config).unwrap();
            // A static is never dropped: the playground's folder goes with the playground.
            let folder = playground.folder().join("packages");
            let files = pack(&source, &built, &notices, &folder).unwrap();
            Self { playground, source, built, notices, folder, files }
        })
    }

    /// The one package whose name begins and ends like this.
    pub fn file(&self, begin: &str, end: &str) -> &Path {
        let fits = |file: &&PathBuf| {
            let name = file.file_name().unwrap().to_string_lossy();
            name.starts_with(begin) && name.ends_with(end)
        };
        self.files
            .iter()
            .find(fits)
            .unwrap_or_else(|| panic!("no {begin}*{end} in {:?}", self.files))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

#[test]
fn packed_twice_every_byte_is_the_same() {
    let packages = Packages::made();
    let again = tempfile::tempdir().unwrap();
    // In another folder, and later: zip counts in steps of two seconds.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let files = pack(&packages.source, &packages.built, &packages.notices, again.path()).unwrap();
    assert_eq!(files.len(), packages.files.len());
    assert_eq!(reproducible::different(&packages.files, &files).unwrap(), Vec::<String>::new());
    // What finds differences is seen to.
    let distribution = files.iter().find(|file| file.extension().is_some_and(|it| it == "zip"));
    std::fs::write(distribution.unwrap(), "").unwrap();
    let found = reproducible::different(&packages.files, &files).unwrap();
    assert!(matches!(&found[..], [name] if name.ends_with(".zip")), "{found:?}");
}

/// The debug build holds paths of this machine, so that what finds them can be seen to.
#[test]
fn a_path_of_this_machine_in_a_binary_is_found() {
    let packages = Packages::made();
    let private = built::private_paths(packages.playground.workspace()).unwrap();
    let found = judge::paths_inside(&packages.built, &private);
    assert!(found.iter().any(|found| found.starts_with("aws_lambda.so: /")), "{found:?}");
    let found = judge::paths_inside(&packages.built, &["/no such folder".to_owned()]);
    assert_eq!(found, Vec::<String>::new());
}
