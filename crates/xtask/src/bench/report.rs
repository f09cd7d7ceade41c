//! How the figures are shown and handed on.

use std::fmt;
use std::fs;

use anyhow::Result;
use e2e::Playground;
use serde::Serialize;

use super::figure::Figure;
use crate::command;

/// All figures of one run, and where they were measured.
pub struct Report {
    /// The machine, the versions, the command.
    pub setting: Vec<String>,
    /// The figures.
    pub rows: Vec<Row>,
}

/// One measured figure.
#[derive(Debug, Serialize)]
pub struct Row {
    figure: &'static str,
    value: f64,
    unit: &'static str,
    target: String,
    holds: bool,
}

impl Row {
    /// The figure, measured as `value`.
    pub fn new(figure: &Figure, value: f64) -> Self {
        Self {
            figure: figure.name,
            value,
            unit: figure.unit,
            target: figure.target.to_string(),
            holds: figure.target.holds(value),
        }
    }

    fn cells(&self) -> [String; 5] {
        let holds = if self.holds { "yes" } else { "NO" };
        [self.figure.into(), shown(self.value), self.unit.into(), self.target.clone(), holds.into()]
    }
}

impl Report {
    /// Whether every figure keeps its target.
    pub fn holds(&self) -> bool {
        self.rows.iter().all(|row| row.holds)
    }

    /// The figures as a JSON list.
    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(&self.rows)? + "\n")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["figure", "value", "unit", "target", "holds"].map(str::to_owned);
        let mut lines = vec![head];
        lines.extend(self.rows.iter().map(Row::cells));
        let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
        let widths: [usize; 5] = std::array::from_fn(width);

        for line in &self.setting {
            writeln!(f, "{line}")?;
        }
        writeln!(f)?;
        for line in &lines {
            let [figure, value, unit, target, holds] = line;
            let [a, b, c, d, _] = widths;
            writeln!(f, "{figure:<a$}  {value:>b$}  {unit:<c$}  {target:<d$}  {holds}")?;
        }
        Ok(())
    }
}

/// Three significant digits at least, and no digit that is noise.
fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// What the figures depend on: to be printed with them, or they mean nothing.
pub fn setting(playground: Option<&Playground>) -> Vec<String> {
    let commit = command::output("git", &["describe", "--always", "--dirty"]).unwrap_or_default();
    let rustc = command::output("rustc", &["--version"]).unwrap_or_default();
    let version =
        |playground: &Playground| playground.cluster().install().config.version.to_string();
    let database = playground.map_or(String::new(), |one| version(one) + ", ");
    vec![
        format!("machine   {}", machine()),
        format!("versions  {database}{}", rustc.trim()),
        format!("commit    {}", commit.trim()),
        format!("command   cargo xtask {}", arguments()),
    ]
}

fn arguments() -> String {
    std::env::args().skip(1).collect::<Vec<_>>().join(" ")
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or(std::env::consts::ARCH, |(_, model)| model.trim());
    format!("{cores} x {model}, {}", std::env::consts::OS)
}

#[cfg(test)]
mod tests {
    use super::super::figure::{Figure, Target};
    use super::*;

    fn report() -> Report {
        let figure = Figure {
            name: "invoke_warm",
            unit: "us",
            target: Target::AtMost(100.0),
            run: |_| Ok(75.25),
        };
        Report {
            setting: vec!["machine   x".into()],
            rows: vec![Row::new(&figure, 75.25), Row::new(&figure, 123.4)],
        }
    }

    #[test]
    fn the_table_lines_up() {
        let expected = "\
machine   x

figure       value  unit  target  holds
invoke_warm   75.2  us    <= 100  yes
invoke_warm    123  us    <= 100  NO
";
        assert_eq!(report().to_string(), expected);
        assert!(!report().holds());
    }

    #[test]
    fn json_has_the_promised_members() {
        let list: serde_json::Value = serde_json::from_str(&report().json().unwrap()).unwrap();
        let first = serde_json::json!({
            "figure": "invoke_warm", "value": 75.25, "unit": "us", "target": "<= 100", "holds": true
        });
        assert_eq!(list[0], first);
    }
}
