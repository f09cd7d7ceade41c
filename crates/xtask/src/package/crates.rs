//! The crates that a shipped crate is compiled of, as cargo knows them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::build;
use crate::command::quietly;

/// A crate, by its name and version.
pub type Name = (String, String);

/// A crate that is compiled in.
#[derive(Clone, Debug)]
pub struct Crate {
    pub name: String,
    pub version: String,
    /// An SPDX expression.
    pub licence: String,
    pub authors: Vec<String>,
    /// Where its source is on this machine.
    pub folder: PathBuf,
    /// Whether it is of crates.io, and not of this repository.
    pub is_foreign: bool,
    /// Those that it is made with itself.
    pub needs: BTreeSet<Name>,
}

/// What cargo knows of every crate in Cargo.lock.
pub struct Known(BTreeMap<Name, Crate>);

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    authors: Vec<String>,
    manifest_path: PathBuf,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    dependencies: Vec<String>,
}

impl Known {
    /// Asks `cargo metadata`.
    pub fn ask() -> Result<Self> {
        let metadata: Metadata = serde_json::from_value(build::metadata(&["--locked"])?)?;
        let names: BTreeMap<_, _> = metadata
            .packages
            .iter()
            .map(|package| (&*package.id, (package.name.clone(), package.version.clone())))
            .collect();
        let mut needs: BTreeMap<_, _> = metadata
            .resolve
            .nodes
            .iter()
            .map(|node| {
                let needs = node.dependencies.iter().filter_map(|id| names.get(&**id)).cloned();
                (&*node.id, needs.collect())
            })
            .collect();
        let mut crates = BTreeMap::new();
        for package in &metadata.packages {
            let folder = package.manifest_path.parent().context("a manifest is in a folder")?;
            let licence = package.license.clone();
            let known = Crate {
                name: package.name.clone(),
                version: package.version.clone(),
                licence: licence.with_context(|| format!("{} tells no licence", package.name))?,
                authors: package.authors.clone(),
                folder: folder.to_owned(),
                is_foreign: package.source.is_some(),
                needs: needs.remove(&*package.id).unwrap_or_default(),
            };
            crates.insert((package.name.clone(), package.version.clone()), known);
        }
        Ok(Self(crates))
    }

    /// What `package` is compiled of for this machine, itself included, sorted by name. Build scripts
    /// and procedural macros only help to compile, and are left out.
    pub fn inside(&self, package: &str, features: &[&str]) -> Result<Vec<Crate>> {
        let mut tree = build::cargo();
        tree.args(["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none"]);
        tree.args(["--format", "{p}", "--package", package, "--features", &features.join(",")]);
        let listed = quietly(&mut tree)?;
        let names: BTreeSet<Name> = listed.lines().filter_map(name).collect();
        let crates = names.iter().map(|name| {
            let known = self.0.get(name).with_context(|| format!("cargo knows no {}", name.0))?;
            let needs = known.needs.intersection(&names).cloned().collect();
            Ok(Crate { needs, ..known.clone() })
        });
        crates.collect()
    }
}

/// The name and version in `serde v1.0.229 (*)`.
fn name(line: &str) -> Option<Name> {
    let mut words = line.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    Some((name.to_owned(), version.to_owned()))
}
