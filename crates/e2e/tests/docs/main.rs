//! What the documentation shows is run, and its output compared.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.
//!
//! How to write a block stands in `e2e/src/docs`. The blocks of a file share a database of a cluster of
//! the file's own, from top to bottom; it has the extensions. A block that says `CREATE EXTENSION`
//! gets a database without them. Commands run in an empty folder, with the playground's service and
//! database in the environment; those of `docs/local.md` share a folder, and a service of their own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod book;

use std::fs;
use std::path::{Path, PathBuf};

use e2e::docs::{Document, Stage};
use e2e::{AwsServices, Brand, LocalService, Playground};

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn markdown_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in
        [root(), root().join("docs"), root().join("examples"), root().join("examples/functions")]
    {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// What is wrong with a file.
fn problems(playground: &Playground, file: &Path) -> Vec<String> {
    let document = Document::read(file).unwrap();
    let mut stage = document.needs_stage().then(|| Stage::new(playground).unwrap());
    // What a page with a service of its own, and its files, must not outlive.
    let folder = tempfile::tempdir().unwrap();
    let own_service = file.ends_with("docs/local.md").then(|| service_of_its_own(playground));
    if let Some((service, programs)) = &own_service {
        stage = stage.map(|stage| {
            stage
                .env("AWS_ENDPOINT_URL_LAMBDA", service.endpoint())
                .env("AWS_DEFAULT_REGION", "us-east-1")
                .program("aws", programs)
                .folder(folder.path())
        });
    }
    if document.needs_mariadb() {
        let server = playground.new_mariadb(Brand::MariaDb, |config| config).unwrap();
        let database = server.create_database().unwrap();
        stage = stage.map(|stage| stage.mariadb(server, &database).unwrap());
    }
    document.play(stage.as_ref(), &mut |_| ()).unwrap()
}

/// A service whose functions the page may make and delete, and the folder of the AWS CLI.
fn service_of_its_own(playground: &Playground) -> (LocalService, &'static Path) {
    let service = playground.new_service(|config| config.folders(Vec::new())).unwrap();
    let programs = AwsServices::install(&mut |line| eprintln!("{line}")).unwrap();
    (service, e2e::ready_clients(&programs).unwrap())
}

/// Every block of the README and of `docs/` does what it shows.
#[test]
fn the_documentation_is_true() {
    let playground = Playground::attach().unwrap();
    let files = markdown_files();
    assert!(files.iter().any(|file| file.ends_with("README.md")), "{files:?}");
    let problems: Vec<String> = files.iter().flat_map(|file| problems(&playground, file)).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// The runner itself: a file that uses every convention passes.
#[test]
fn every_convention_works() {
    let playground = Playground::attach().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docs/fixture.md");
    assert_eq!(problems(&playground, &fixture), Vec::<String>::new());
}

/// The runner itself: each mistake in a file that makes every one is told, with its line.
#[test]
fn every_mistake_is_told() {
    let playground = Playground::attach().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docs/mistakes.md");
    let problems = problems(&playground, &fixture);
    let expected = [
        ("mistakes.md:6:", "SELECT 1"),
        ("mistakes.md:14:", "nonsense"),
        ("mistakes.md:19:", "false"),
        ("mistakes.md:23:", "two"),
        ("mistakes.md:28:", "shred"),
        ("mistakes.md:31:", "says not what it is"),
        ("mistakes.md:35:", "befunge"),
        ("mistakes.md:40:", "not JSON"),
        ("mistakes.md:44:", "SELECT 4 AS four"),
        ("mistakes.md:53:", "SELECT 5 AS five"),
    ];
    for (place, words) in expected {
        let told = problems.iter().any(|told| told.contains(place) && told.contains(words));
        assert!(told, "no {place} {words} in\n{}", problems.join("\n"));
    }
    assert_eq!(problems.len(), expected.len(), "\n{}", problems.join("\n"));
}
