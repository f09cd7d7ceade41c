//! The tarball and its `install.sh`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::PgConfig;
use tempfile::TempDir;

use super::Packages;
use crate::command::quietly;

/// The unpacked archive, and its one folder.
fn unpacked(packages: &Packages) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(packages.file("sqlambda-", ".tar.gz"));
    quietly(tar.arg("--directory").arg(folder.path())).unwrap();
    let inside = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    (folder, inside)
}

fn install(inside: &Path, arguments: &[&str], destination: &Path) -> Output {
    let mut script = Command::new("./install.sh");
    script.current_dir(inside).args(arguments).env("DESTDIR", destination).output().unwrap()
}

#[test]
fn the_script_installs_everything_where_it_belongs() {
    let packages = Packages::made();
    let pg_config = PgConfig::ask(&packages.playground.cluster().install().origin).unwrap();
    let (_folder, inside) = unpacked(packages);
    for name in ["aws_lambda", "lambda_udf", "sqlambda"] {
        let licences = fs::read_to_string(inside.join(format!("third-party/{name}.txt")));
        assert!(licences.unwrap().contains("\nrustls 0."), "{name}");
        assert!(inside.join(format!("third-party/{name}.cdx.json")).is_file());
    }
    let library = fs::read_to_string(inside.join("third-party/rust-library.html")).unwrap();
    assert!(library.contains("The Rust Standard Library is dual-licensed"), "{library}");
    let destination = tempfile::tempdir().unwrap();
    let path = pg_config.path.to_str().unwrap();
    let arguments = ["--pg-config", path, "--prefix", "/usr/local", "--plugin-dir", "/plugins"];
    let dry = install(&inside, &[&arguments[..], &["--dry-run"]].concat(), destination.path());
    assert!(dry.status.success(), "{dry:?}");
    assert_eq!(fs::read_dir(destination.path()).unwrap().count(), 0);

    let output = install(&inside, &arguments, destination.path());
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let lines = said.lines().filter(|line| line.starts_with('/'));
    assert_eq!(lines.clone().collect::<Vec<_>>(), {
        let dry = std::str::from_utf8(&dry.stdout).unwrap();
        dry.lines().filter(|line| line.starts_with('/')).collect::<Vec<_>>()
    });
    assert!(
        lines.clone().count() > 8 && lines.clone().all(|line| Path::new(line).is_file()),
        "{said}"
    );

    let at = |path: &Path| destination.path().join(path.strip_prefix("/").unwrap());
    let library = fs::read(at(&pg_config.pkglib.join("aws_lambda.so"))).unwrap();
    assert!(library == packages.built.extension);
    let commons = at(&pg_config.share.join("extension/aws_commons--1.2.sql"));
    assert!(fs::read_to_string(commons).unwrap().contains("create_lambda_function_arn"));
    let mut version = Command::new(at(Path::new("/usr/local/bin/sqlambda")));
    assert!(quietly(version.arg("--version")).unwrap().starts_with("sqlambda "));
    assert!(at(Path::new("/plugins/lambda_udf.so")).is_file());
    let manual = fs::read_to_string(at(Path::new("/usr/local/share/man/man1/sqlambda-local.1")));
    assert!(manual.unwrap().contains("allow\\-public"));
}

#[test]
fn the_script_refuses_another_postgresql_and_says_which() {
    let packages = Packages::made();
    let (folder, inside) = unpacked(packages);
    let other = folder.path().join("pg_config");
    fs::write(&other, "#!/bin/sh\necho PostgreSQL 12.3\n").unwrap();
    quietly(Command::new("chmod").arg("+x").arg(&other)).unwrap();
    let output = install(&inside, &["--pg-config", other.to_str().unwrap()], folder.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let major = packages.built.major;
    let expected =
        format!("this is for PostgreSQL {major}, and {} is of PostgreSQL 12.3", other.display());
    assert!(!output.status.success() && said.contains(&expected), "{said}");
    let output = install(&inside, &["--prefx", "/usr"], folder.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("what is --prefx?"), "{said}");
}
