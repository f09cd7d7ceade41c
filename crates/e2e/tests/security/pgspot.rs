use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::support::playground;

/// The linter. Its version is pinned: a new one may see more.
static PGSPOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let programs = e2e::venv("pgspot-0.9.4", &["pgspot==0.9.4"], &mut |step| eprintln!("{step}"));
    programs.unwrap().join("pgspot")
});

/// The last line of the linter's findings, with all before it.
fn findings(script: &Path) -> (String, String) {
    let output = Command::new(&*PGSPOT).arg(script).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let sum = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    (sum.to_owned(), said)
}

/// Every script of the PostgreSQL extensions, released ones and updates included.
fn scripts() -> Vec<PathBuf> {
    let crates = playground().workspace().root.join("crates");
    let mut scripts = Vec::new();
    for extension in ["aws_commons", "aws_lambda", "awslambda_fn"] {
        for folder in ["sql", "sql/released"] {
            let entries = fs::read_dir(crates.join(extension).join(folder)).unwrap();
            let paths = entries.map(|entry| entry.unwrap().path());
            scripts.extend(paths.filter(|path| path.extension().is_some_and(|it| it == "sql")));
        }
    }
    scripts
}

/// No exception is made for any finding.
#[test]
fn no_script_has_a_finding() {
    let scripts = scripts();
    assert!(scripts.len() >= 5, "{scripts:?}");
    for script in scripts {
        let (sum, said) = findings(&script);
        assert_eq!(sum, "Errors: 0 Warnings: 0 Unknown: 0", "{}:\n{said}", script.display());
    }
}

/// A linter that finds nothing anywhere would prove nothing.
#[test]
fn the_linter_finds_what_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("bad--1.0.sql");
    for (bad, code) in [
        ("CREATE OR REPLACE FUNCTION s.f() RETURNS int LANGUAGE c AS 'l', 'f';", "PS002"),
        ("CREATE SCHEMA IF NOT EXISTS s;", "PS010"),
        ("CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1';", "PS005"),
        ("CREATE VIEW s.v AS SELECT 1 WHERE 1 = 1;", "PS001"),
    ] {
        fs::write(&script, bad).unwrap();
        let (_, said) = findings(&script);
        assert!(said.contains(code), "{bad}: {said}");
    }
}
