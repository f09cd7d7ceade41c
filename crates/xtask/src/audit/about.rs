//! What packages tell of the licences inside, against what cargo-about reads in the crates' own texts.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::command::quietly;
use crate::package::{Crate, Known};

/// What is shipped, with the features that it has: those of any major bring the same crates.
const SHIPPED: [(&str, &[&str]); 3] =
    [("aws_lambda", &["pg15"]), ("lambda_udf", &[]), ("sqlambda", &[])];

/// What cargo-about prints of a crate and those that it is compiled of.
#[derive(Deserialize)]
struct Output {
    crates: Vec<Entry>,
    licenses: Vec<Text>,
}

/// A crate, and the SPDX expression that is taken for it.
#[derive(Deserialize)]
struct Entry {
    package: Package,
    license: String,
}

/// The text of a licence, and who has it.
#[derive(Deserialize)]
struct Text {
    id: String,
    used_by: Vec<User>,
}

#[derive(Deserialize)]
struct User {
    #[serde(rename = "crate")]
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

/// What is wrong with what packages tell: a line for each. cargo-about itself fails where a crate's
/// terms cannot be met by the licences in about.toml.
pub fn problems(about: &Path, root: &Path) -> Result<Vec<String>> {
    let known = Known::ask()?;
    let mut problems = Vec::new();
    for (package, features) in SHIPPED {
        let told = known.inside(package, features)?;
        let found = ask(about, root, package, features)?;
        problems.extend(told.iter().filter_map(|told| problem(package, told, &found)));
    }
    Ok(problems)
}

fn ask(about: &Path, root: &Path, package: &str, features: &[&str]) -> Result<Output> {
    let mut command = Command::new(about);
    command.current_dir(root).args(["generate", "--format", "json", "--fail", "--frozen"]);
    command.arg("--config").arg("about.toml");
    command.arg("--manifest-path").arg(root.join("crates").join(package).join("Cargo.toml"));
    for feature in features {
        command.args(["--features", feature]);
    }
    serde_json::from_str(&quietly(&mut command)?).context("cannot read what cargo-about found")
}

fn problem(package: &str, told: &Crate, found: &Output) -> Option<String> {
    let is_it = |it: &Package| it.name == told.name && it.version == told.version;
    let who = format!("{package}: {} {}", told.name, told.version);
    if !told.is_foreign {
        return None;
    }
    let Some(entry) = found.crates.iter().find(|entry| is_it(&entry.package)) else {
        return Some(format!("{who} is told of, and cargo-about finds no such crate in it"));
    };
    let has_it = |text: &&Text| text.used_by.iter().any(|it| is_it(&it.package));
    let ids: Vec<&str> = found.licenses.iter().filter(has_it).map(|text| &*text.id).collect();
    if ids.is_empty() {
        return Some(format!("{who}: cargo-about finds no text of a licence"));
    }
    let other = ids.iter().find(|id| !words(&told.licence).any(|word| word == **id));
    other.map(|id| {
        let Crate { licence, .. } = told;
        format!("{who}: told to be {licence}, and cargo-about reads {id} ({})", entry.license)
    })
}

/// The licences in an SPDX expression, or in what was one before: `MIT/Apache-2.0`.
fn words(licence: &str) -> impl Iterator<Item = &str> {
    licence.split([' ', '/', '(', ')'])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;

    fn told(licence: &str) -> Crate {
        Crate {
            name: "a".to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.to_owned(),
            authors: Vec::new(),
            folder: PathBuf::new(),
            is_foreign: true,
            needs: BTreeSet::new(),
        }
    }

    #[test]
    fn another_licence_and_a_crate_that_is_not_there_are_told() {
        let found = |version: &str| -> Output {
            let package = serde_json::json!({ "name": "a", "version": version });
            serde_json::from_value(serde_json::json!({
                "crates": [{ "package": package, "license": "MIT" }],
                "licenses": [{ "id": "MIT", "used_by": [{ "crate": package }] }],
            }))
            .unwrap()
        };
        assert_eq!(problem("p", &told("MIT/Apache-2.0"), &found("1.0.0")), None);
        let other = problem("p", &told("Apache-2.0"), &found("1.0.0")).unwrap();
        assert!(
            other.contains("a 1.0.0: told to be Apache-2.0, and cargo-about reads MIT"),
            "{other}"
        );
        let absent = problem("p", &told("MIT"), &found("1.0.1")).unwrap();
        assert!(absent.contains("no such crate"), "{absent}");
    }
}
