//! The Debian packages, by dpkg in a clean Debian.

use std::path::Path;
use std::process::Command;

use super::Packages;
use super::server::Server;
use crate::command::quietly;
use crate::demo;
use crate::package::judge;
use crate::transcript;

/// `dpkg -i` of both packages.
fn install(server: &Server, packages: &Packages) {
    let major = packages.built.major;
    let deb = packages.file(&format!("postgresql-{major}-aws-lambda_"), ".deb");
    for package in [deb, packages.file("sqlambda_", ".deb")] {
        let name = package.file_name().unwrap();
        std::fs::copy(package, server.chroot().root().join("tmp").join(name)).unwrap();
        let path = Path::new("/tmp").join(name);
        quietly(server.chroot().command("dpkg").arg("-i").arg(path)).unwrap();
    }
}

#[test]
fn in_a_clean_debian_the_package_plays_the_demo() {
    let packages = Packages::made();
    let Some(mut server) = Server::in_clean_debian(packages) else { return };
    install(&server, packages);
    server.start(&[
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL_LAMBDA", packages.playground.service().endpoint()),
    ]);
    let surprises = demo::SESSIONS
        .iter()
        .flat_map(|session| transcript::play(server.psql(), session, "postgres", |_| ()).unwrap());
    let surprises: Vec<String> = surprises.map(|surprise| surprise.to_string()).collect();
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));

    let create = "CREATE EXTENSION awslambda_fn; SELECT count(*) FROM pg_extension \
                  WHERE extname IN ('aws_lambda', 'aws_commons', 'awslambda_fn')";
    assert_eq!(server.query(create), "3");
    let version = server.chroot().command("sqlambda").arg("--version").output().unwrap();
    assert_eq!(
        String::from_utf8(version.stdout).unwrap(),
        format!("sqlambda {}\n", packages.source.version)
    );
}

#[test]
fn a_removed_package_leaves_nothing() {
    let packages = Packages::made();
    let Some(server) = Server::in_clean_debian(packages) else { return };
    let before = files(&server);
    install(&server, packages);
    assert!(files(&server).len() > before.len());
    let name = format!("postgresql-{}-aws-lambda", packages.built.major);
    quietly(server.chroot().command("dpkg").args(["--purge", "sqlambda", &name])).unwrap();
    assert_eq!(files(&server), before);
}

fn files(server: &Server) -> Vec<String> {
    let mut find = server.chroot().command("find");
    let found = quietly(find.args(["/usr", "/etc", "/lib", "/var/lib/postgresql"])).unwrap();
    let mut files: Vec<String> = found.lines().map(str::to_owned).collect();
    files.sort();
    files
}

#[test]
fn lintian_has_nothing_to_say() {
    let packages = Packages::made();
    judge::lintian([packages.file("postgresql-", ".deb"), packages.file("sqlambda_", ".deb")])
        .unwrap();
}

#[test]
fn the_package_depends_on_its_postgresql_and_the_c_library_it_needs() {
    let packages = Packages::made();
    let deb = packages.file("postgresql-", ".deb");
    let field = |name| {
        quietly(Command::new("dpkg-deb").arg("--field").arg(deb).arg(name))
            .unwrap()
            .trim()
            .to_owned()
    };
    let major = packages.built.major;
    assert_eq!(field("Package"), format!("postgresql-{major}-aws-lambda"));
    let depends = field("Depends");
    assert!(depends.starts_with(&format!("postgresql-{major}, libc6 (>= ")), "{depends}");
}

#[test]
fn the_copyright_leads_to_the_licences_of_what_is_compiled_in() {
    let packages = Packages::made();
    let extension = format!("postgresql-{}-aws-lambda", packages.built.major);
    for (name, notice) in [
        (extension.as_str(), &packages.notices.extension),
        ("sqlambda", &packages.notices.sqlambda),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let deb = packages.file(&format!("{name}_"), ".deb");
        quietly(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(folder.path())).unwrap();
        let documents = folder.path().join("usr/share/doc").join(name);
        let copyright = std::fs::read_to_string(documents.join("copyright")).unwrap();
        let files = [
            ("third-party.gz", notice.licences.as_bytes()),
            ("sbom.cdx.json.gz", notice.materials.as_bytes()),
            ("rust-library.html.gz", &*packages.notices.standard_library),
        ];
        for (file, content) in files {
            assert!(copyright.contains(file), "{copyright}");
            let text = quietly(Command::new("zcat").arg(documents.join(file))).unwrap();
            assert_eq!(text.as_bytes(), content);
        }
    }
}
