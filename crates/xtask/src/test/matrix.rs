//! What passed on which PostgreSQL: recorded in `docs/majors.json`, shown in the README.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use e2e::Profile;
use serde::{Deserialize, Serialize};

use super::programs::Ended;
use super::tally::Tally;
use crate::build;
use crate::command;

/// What a run of tests on one PostgreSQL came to.
#[derive(Debug)]
pub struct Outcome {
    /// As its `pg_config` says.
    pub version: String,
    /// Where the PostgreSQL comes from.
    pub origin: String,
    /// Whether its headers were compiled against.
    pub has_headers: bool,
    /// The results.
    pub tally: Tally,
    /// Whether all is well.
    pub succeeded: bool,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            version: String::new(),
            origin: String::new(),
            has_headers: true,
            tally: Tally::default(),
            succeeded: true,
        }
    }
}

impl Extend<Ended> for Outcome {
    fn extend<T: IntoIterator<Item = Ended>>(&mut self, programs: T) {
        for Ended { tally, succeeded, .. } in programs {
            self.succeeded &= succeeded;
            self.tally += tally;
        }
    }
}

/// The recorded outcomes, by major.
#[derive(Debug)]
pub struct Matrix {
    file: PathBuf,
    readme: PathBuf,
    rows: BTreeMap<u16, Row>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Row {
    version: String,
    origin: String,
    has_headers: bool,
    passed: u64,
    failed: u64,
    date: String,
}

const BEGIN: &str = "<!-- majors: written by `cargo xtask test --pg all --record` -->\n";
const END: &str = "<!-- /majors -->\n";

impl Matrix {
    /// Reads what was recorded before.
    pub fn read() -> Result<Self> {
        let root = build::workspace(Profile::Debug)?.root;
        let (file, readme) = (root.join("docs/majors.json"), root.join("README.md"));
        let rows = match fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} is broken", file.display()))?,
            Err(_) => BTreeMap::new(),
        };
        Ok(Self { file, readme, rows })
    }

    /// Writes down what became of the tests on a major.
    pub fn record(&mut self, major: u16, outcome: &Outcome) -> Result<()> {
        let today = command::output("date", &["-u", "+%F"]).context("date tells no date")?;
        let row = Row {
            version: outcome.version.clone(),
            origin: outcome.origin.clone(),
            has_headers: outcome.has_headers,
            passed: outcome.tally.passed,
            failed: outcome.tally.failed,
            date: today.trim().to_owned(),
        };
        self.rows.insert(major, row);
        fs::write(&self.file, serde_json::to_string_pretty(&self.rows)? + "\n")?;
        let text = fs::read_to_string(&self.readme)?;
        let text = with_table(&text, &self.table()).context("README.md has no place for it")?;
        Ok(fs::write(&self.readme, text)?)
    }

    fn table(&self) -> String {
        let mut table = String::from(
            "| PostgreSQL | taken from | compiled against | passed | failed | on |\n\
             |---|---|---|---|---|---|\n",
        );
        for Row { version, origin, has_headers, passed, failed, date } in self.rows.values() {
            let version = version.trim_start_matches("PostgreSQL ");
            let against = if *has_headers { "its headers" } else { "pgrx's bindings for it" };
            let cells = format!("{version} | {origin} | {against} | {passed} | {failed} | {date}");
            table.push_str(&format!("| {cells} |\n"));
        }
        table
    }
}

/// The text with the table in its place.
fn with_table(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, with_table};

    #[test]
    fn the_table_is_replaced_where_it_is() {
        let text = format!("a\n{BEGIN}old\n{END}b\n");
        let expected = format!("a\n{BEGIN}new\n{END}b\n");
        assert_eq!(with_table(&text, "new\n"), Some(expected));
        assert_eq!(with_table("a\n", "new\n"), None);
    }
}
