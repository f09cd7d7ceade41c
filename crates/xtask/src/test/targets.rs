//! Which test programs there are, and which of them use PostgreSQL.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::build;

/// The package of the end-to-end tests.
const END_TO_END: &str = "e2e";
/// The one of its groups that uses no PostgreSQL.
const MARIADB: &str = "mariadb";

/// The names of the integration tests, in cargo's order.
pub struct Targets {
    with_postgres: Vec<String>,
    without_postgres: Vec<String>,
}

impl Targets {
    /// Asks cargo.
    pub fn find() -> Result<Self> {
        Self::of(&build::metadata(&["--no-deps"])?)
    }

    fn of(metadata: &Value) -> Result<Self> {
        let mut targets = Self { with_postgres: Vec::new(), without_postgres: Vec::new() };
        for package in metadata["packages"].as_array().context("cargo tells no packages")? {
            let is_end_to_end = package["name"] == END_TO_END;
            for target in package["targets"].as_array().into_iter().flatten() {
                let Some(name) = target["name"].as_str() else { continue };
                if target["kind"][0] != "test" {
                    continue;
                }
                if is_end_to_end && name != MARIADB {
                    targets.with_postgres.push(name.to_owned());
                } else {
                    targets.without_postgres.push(name.to_owned());
                }
            }
        }
        targets.without_postgres.dedup();
        Ok(targets)
    }

    /// What selects the tests that use PostgreSQL.
    pub fn with_postgres(&self) -> Vec<String> {
        selection(&[], &self.with_postgres)
    }

    /// What selects all others but those of the documentation of the code.
    pub fn without_postgres(&self) -> Vec<String> {
        selection(&["--lib", "--bins"], &self.without_postgres)
    }
}

fn selection(kinds: &[&str], tests: &[String]) -> Vec<String> {
    let mut arguments = vec!["--workspace".to_owned()];
    arguments.extend(kinds.iter().map(|&kind| kind.to_owned()));
    for test in tests {
        arguments.extend(["--test".to_owned(), test.clone()]);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Targets;

    #[test]
    fn groups_of_the_end_to_end_tests_use_postgres_but_for_mariadb() {
        let target = |name: &str, kind: &str| json!({"name": name, "kind": [kind]});
        let metadata = json!({"packages": [
            {"name": "e2e", "targets": [
                target("e2e", "lib"), target("mariadb", "test"), target("sql", "test"),
            ]},
            {"name": "sqlambda", "targets": [target("sqlambda", "bin"), target("local", "test")]},
        ]});
        let targets = Targets::of(&metadata).unwrap();
        assert_eq!(targets.with_postgres().join(" "), "--workspace --test sql");
        let others = "--workspace --lib --bins --test mariadb --test local";
        assert_eq!(targets.without_postgres().join(" "), others);
    }
}
