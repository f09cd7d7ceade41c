//! The packages, made of what `cargo xtask test` has built, and used as their users would.

mod chroot;
mod debian;
mod docker;
mod notices;
mod pgxn;
mod server;
mod tarball;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use e2e::Playground;

use super::built::{self, Built};
use super::compression::Compression;
use super::notices::Notices;
use super::source::Source;
use super::{debian_packages, judge, pack, reproducible};
use crate::command::quietly;

/// What the debug build makes is large. Lintian has something to say of packages that are not
/// compressed at all.
const FASTEST: Compression =
    Compression { dpkg_deb: ["-Zgzip", "-z1"], tar: "gzip -1 --no-name", suffix: "tar.gz" };

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
            let source = Source { compression: FASTEST, ..Source::of(workspace).unwrap() };
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

/// By xz, on programs that are small: it takes its time for those of the debug build.
#[test]
fn what_is_given_away_is_compressed_by_xz_and_the_same_twice() {
    let packages = Packages::made();
    let source = Source { compression: Compression::SMALLEST, ..packages.source.clone() };
    let program = built::stripped(Path::new("/bin/true")).unwrap();
    let (udf, sqlambda) = (program.clone(), program.clone());
    let built = Built { extension: program, udf, sqlambda, ..packages.built.clone() };
    let packed = |folder: &Path| {
        let command = debian_packages::command(&built, &packages.notices).unwrap();
        [
            command.write(&source, folder).unwrap(),
            crate::package::tarball::write(&source, &built, &packages.notices, folder).unwrap(),
        ]
    };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [files, again] = folders.each_ref().map(|folder| packed(folder.path()));
    assert_eq!(reproducible::different(&files, &again).unwrap(), Vec::<String>::new());
    let [debian, tarball] = files;
    let parts = quietly(Command::new("ar").arg("t").arg(debian)).unwrap();
    assert_eq!(parts, "debian-binary\ncontrol.tar.xz\ndata.tar.xz\n");
    assert!(tarball.to_str().unwrap().ends_with(".tar.xz"), "{}", tarball.display());
    quietly(Command::new("xz").arg("--test").arg(tarball)).unwrap();
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
