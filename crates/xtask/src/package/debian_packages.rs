//! The two Debian packages: the extensions for one PostgreSQL, and the command.

use std::path::Path;

use anyhow::Result;

use super::built::Built;
use super::deb::{Debian, gzip};
use super::notices::{Notice, Notices};
use super::tree::Tree;

/// `postgresql-NN-aws-lambda`: the name is of the form that every extension has in Debian.
pub fn extension(built: &Built, notices: &Notices) -> Result<Debian> {
    let major = built.major;
    let name = format!("postgresql-{major}-aws-lambda");
    let library = format!("usr/lib/postgresql/{major}/lib/aws_lambda.so");
    let mut files = Tree::default();
    files.add(&library, &*built.extension);
    files.take_all(&built.extension_files, format!("usr/share/postgresql/{major}/extension"));
    add_notices(&mut files, &name, &notices.extension, notices)?;
    Ok(Debian {
        name,
        section: "database",
        summary: format!("AWS Lambda functions called from SQL, for PostgreSQL {major}"),
        description: &[
            "The extensions aws_lambda and aws_commons of Amazon RDS and Aurora, for any \
             PostgreSQL: the same names, signatures, errors, grants and settings, so that SQL \
             written for Amazon's databases runs unchanged.",
            "Calls are signed and go to AWS, or to a local Lambda service such as the one in the \
             package sqlambda. The extension awslambda_fn, with functions that take and give text, \
             is included.",
        ],
        relations: vec![
            ("Depends", format!("postgresql-{major}")),
            // AWS's certificates are checked against them.
            ("Recommends", "ca-certificates".to_owned()),
            ("Suggests", "sqlambda".to_owned()),
        ],
        files,
        binary: library,
    })
}

/// `sqlambda`: the command, which needs no database.
pub fn command(built: &Built, notices: &Notices) -> Result<Debian> {
    let name = "sqlambda".to_owned();
    let mut files = Tree::default();
    files.add_program("usr/bin/sqlambda", &*built.sqlambda);
    for (page, text) in &built.manual {
        let path = Path::new("usr/share/man/man1").join(format!("{page}.gz"));
        files.add(path, gzip(text)?);
    }
    add_notices(&mut files, &name, &notices.sqlambda, notices)?;
    Ok(Debian {
        name,
        section: "devel",
        summary: "local AWS Lambda service, and checks of a database's access to AWS".to_owned(),
        description: &[
            "sqlambda local runs functions in Python, Node or anything executable, and answers as \
             AWS Lambda does: for databases with the extension aws_lambda, the AWS CLI and SDKs.",
            "sqlambda doctor checks on a database host what a call to AWS Lambda needs, from the \
             Region to the permission, and says what to change.",
        ],
        // Functions in Python and Node need them, and calls of AWS certificates; others do not.
        relations: vec![
            ("Recommends", "ca-certificates, python3-venv".to_owned()),
            ("Suggests", "nodejs, npm".to_owned()),
        ],
        files,
        binary: "usr/bin/sqlambda".to_owned(),
    })
}

/// packaging/deb/copyright names these files.
fn add_notices(files: &mut Tree, package: &str, notice: &Notice, all: &Notices) -> Result<()> {
    let folder = Path::new("usr/share/doc").join(package);
    files.add(folder.join("third-party.gz"), gzip(notice.licences.as_bytes())?);
    files.add(folder.join("sbom.cdx.json.gz"), gzip(notice.materials.as_bytes())?);
    files.add(folder.join("rust-library.html.gz"), gzip(&all.standard_library)?);
    Ok(())
}
