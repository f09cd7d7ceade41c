//! The PGXN distribution, by make: built, installed into a clean Debian, and checked on its server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::PgConfig;

use super::Packages;
use super::server::Server;
use crate::command::quietly;

/// The unpacked distribution: its one folder, of the name that PGXN wants.
fn unpacked(packages: &Packages, folder: &Path) -> PathBuf {
    let mut unzip = Command::new("python3");
    unzip.args(["-m", "zipfile", "-e"]).arg(packages.file("aws_lambda-", ".zip")).arg(folder);
    quietly(&mut unzip).unwrap();
    folder.join(format!("aws_lambda-{}", packages.source.version))
}

/// Unpacks the distribution where it was in the run before. A file that is the same keeps its time, so
/// that cargo compiles again only what has changed; of what make made there, nothing is left.
fn unpacked_again(packages: &Packages, folder: &Path) -> PathBuf {
    let kept = folder.join("distribution");
    let new = folder.join("distribution.new");
    if new.exists() {
        fs::remove_dir_all(&new).unwrap();
    }
    let inside = unpacked(packages, &new);
    let files = quietly(Command::new("find").current_dir(&inside).args([".", "-type", "f"]));
    let inside = inside.strip_prefix(&new).unwrap();
    for file in files.unwrap().lines() {
        let [before, now] = [&kept, &new].map(|place| place.join(inside).join(file));
        if fs::read(&before).is_ok_and(|content| content == fs::read(&now).unwrap()) {
            let time = before.metadata().unwrap().modified().unwrap();
            fs::File::open(now).unwrap().set_modified(time).unwrap();
        }
    }
    if kept.exists() {
        fs::remove_dir_all(&kept).unwrap();
    }
    fs::rename(&new, &kept).unwrap();
    kept.join(inside)
}

#[test]
fn make_builds_installs_and_checks_the_distribution() {
    let packages = Packages::made();
    let Some(mut server) = Server::in_clean_debian(packages) else { return };
    let workspace = packages.playground.workspace();
    // Kept, so that only the first run compiles the dependencies; and beside the workspace's own
    // build, which it must not touch. Sharing no more than the build directory would do that, too:
    // a library in there has the same name.
    let target = workspace.target.join("pgxn");
    fs::create_dir_all(&target).unwrap();
    // Against another run of the tests in this checkout.
    let lock = fs::File::create(target.join("lock")).unwrap();
    lock.lock().unwrap();
    let inside = unpacked_again(packages, &target);
    let pg_config = PgConfig::ask(&packages.playground.cluster().install().origin).unwrap();
    let make = |goal: &str| {
        let mut make = Command::new("make");
        make.current_dir(&inside).arg(goal).arg("PROFILE=dev");
        make.arg(format!("PG_CONFIG={}", pg_config.path.display()));
        make.env("CARGO_TARGET_DIR", &target);
        // Nobody looks into it with a debugger, and it would take a third of the time.
        make.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
        make
    };
    quietly(&mut make("all")).unwrap();
    let root = server.chroot().root().to_owned();
    // As root, who may have no cargo.
    let mut install = make("install");
    install.arg("CARGO=false").arg(format!("DESTDIR={}", root.display()));
    quietly(&mut install).unwrap();

    // Every file of the extensions, and the library.
    let at = |path: &Path| root.join(path.strip_prefix("/").unwrap());
    let share = at(&pg_config.share.join("extension"));
    for file in packages.built.extension_files.paths() {
        assert!(share.join(file).is_file(), "{}", file.display());
    }
    assert!(at(&pg_config.pkglib.join("aws_lambda.so")).is_file());

    server.start(&[("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
    let path = format!("{}:/usr/bin:/bin", workspace.built().display());
    let mut check = make("installcheck");
    check.env("PGHOST", server.socket_folder()).env("PGPORT", server.port().to_string());
    check.env("PGUSER", "postgres").env("PATH", path);
    let said = quietly(&mut check).unwrap_or_else(|error| {
        let differences = fs::read_to_string(inside.join("regression.diffs"));
        panic!("{error:#}\n{}", differences.unwrap_or_default())
    });
    for name in ["install", "names", "refusals", "calls"] {
        assert!(said.lines().any(|line| line.contains(name) && line.contains("ok")), "{said}");
    }
    // pg_regress takes any of its expected files: the call was made, and not excused.
    let calls = fs::read_to_string(inside.join("results/calls.out")).unwrap();
    assert!(calls.contains("Hello, make"), "{calls}");
}

#[test]
fn the_description_says_what_the_control_files_say() {
    let packages = Packages::made();
    let folder = tempfile::tempdir().unwrap();
    let inside = unpacked(packages, folder.path());
    let text = fs::read_to_string(inside.join("META.json")).unwrap();
    let meta: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(meta["version"], packages.source.version);
    let provided = meta["provides"].as_object().unwrap();
    for (name, extension) in provided {
        let control = inside.join(format!("crates/{name}/{name}.control"));
        let control = fs::read_to_string(control).unwrap();
        let (version, _) = extension["version"].as_str().unwrap().rsplit_once('.').unwrap();
        assert!(control.contains(&format!("default_version = '{version}'")), "{control}");
        assert!(inside.join(extension["file"].as_str().unwrap()).is_file(), "{extension}");
        assert!(inside.join(extension["docfile"].as_str().unwrap()).is_file(), "{extension}");
    }
    // Every extension of the repository is provided.
    let files = packages.source.files.paths();
    let controls = files.filter(|file| file.extension() == Some("control".as_ref()));
    assert_eq!(controls.count(), provided.len());
}
