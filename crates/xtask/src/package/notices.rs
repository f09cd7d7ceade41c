//! What has to be told about the crates inside: their licences, and a list of them (SBOM).
//!
//! From what cargo itself tells: `cargo about` and `cargo cyclonedx` are 395 crates to compile, and leave
//! out the notices that are no licence. `cargo xtask audit` compares this with what cargo-about finds.

use std::fs;

use anyhow::{Context as _, Result};
use e2e::PgConfig;

use super::crates::Known;
use super::source::Source;
use super::tree::Tree;
use super::{licences, materials};
use crate::build;

/// What is told of one shipped crate.
#[derive(Clone)]
pub struct Notice {
    /// The licences of everything that is compiled in, with the names of the crates under each.
    pub licences: String,
    /// The bill of materials, in CycloneDX's JSON.
    pub materials: String,
}

/// What is told of each shipped crate.
#[derive(Clone)]
pub struct Notices {
    /// Of the extension `aws_lambda`.
    pub extension: Notice,
    /// Of the library for MariaDB and MySQL.
    pub udf: Notice,
    /// Of the command.
    pub sqlambda: Notice,
    /// Of Rust's own library, which is in all of them: HTML, as the compiler brings it.
    pub standard_library: Vec<u8>,
}

impl Notices {
    /// Of the crates in Cargo.lock, whose sources cargo has.
    pub fn gather(source: &Source, pg_config: &PgConfig) -> Result<Self> {
        let known = Known::ask()?;
        let notice = |package: &str, features: &[&str]| -> Result<Notice> {
            let crates = known.inside(package, features)?;
            Ok(Notice {
                licences: licences::text(&crates, source)?,
                materials: materials::json(package, &crates, source)?,
            })
        };
        Ok(Self {
            extension: notice("aws_lambda", &[&pg_config.cargo_feature()])?,
            udf: notice("lambda_udf", &[])?,
            sqlambda: notice("sqlambda", &[])?,
            standard_library: standard_library()?,
        })
    }

    /// All of them as files: `aws_lambda.txt`, `aws_lambda.cdx.json` and so on.
    pub fn files(&self) -> Tree {
        let mut files = Tree::default();
        files.add("rust-library.html", &*self.standard_library);
        let notices = [
            ("aws_lambda", &self.extension),
            ("lambda_udf", &self.udf),
            ("sqlambda", &self.sqlambda),
        ];
        for (package, notice) in notices {
            files.add(format!("{package}.txt"), &*notice.licences);
            files.add(format!("{package}.cdx.json"), &*notice.materials);
        }
        files
    }
}

/// The licences of Rust's library and of the crates in it, which no Cargo.lock names.
fn standard_library() -> Result<Vec<u8>> {
    let path = build::sysroot()?.join("share/doc/rust/COPYRIGHT-library.html");
    fs::read(&path).with_context(|| {
        let path = path.display();
        format!(
            "packages tell the licences of Rust's library by {path}, which rustup's compilers have"
        )
    })
}
