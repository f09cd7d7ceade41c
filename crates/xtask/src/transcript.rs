//! Plays SQL scripts through the real psql: shows each statement with its answer, and checks it.
//!
//! In a script, `-- text` is a heading, and `--: text` says what the answer to the statement above
//! must contain; these lines are not shown. An error that no such line announces is a failure.

use std::fmt;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::interrupt;

const EXPECTATION: &str = "--:";
const HEADING: &str = "-- ";
/// How psql begins an error.
const ERROR: &str = "ERROR:  ";

/// What did not go as the script says.
#[derive(Debug, PartialEq)]
pub struct Surprise {
    statement: String,
    expected: String,
    answer: String,
}

impl fmt::Display for Surprise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statement, expected, answer } = self;
        write!(f, "{statement}\n  should have answered: {expected}\n  but answered:\n{answer}")
    }
}

/// Runs `script` through `psql`, a command of psql ready to run, and prints the session in
/// `database`. `started` is told the number of psql's process.
pub fn play(
    mut psql: Command,
    script: &str,
    database: &str,
    started: impl FnOnce(u32),
) -> Result<Vec<Surprise>> {
    // One pipe for both, so that errors stay between the results they belong between.
    let (output, input) = std::io::pipe()?;
    psql.arg("--echo-all").stdin(Stdio::piped()).stdout(input.try_clone()?).stderr(input);
    let mut child = psql.spawn().context("cannot start psql")?;
    // Holds the writing ends of the pipe, which must close for the reading to end.
    drop(psql);
    started(child.id());
    let mut stdin = child.stdin.take().context("psql has no standard input")?;
    // Short enough for the pipe to take it whole.
    stdin.write_all(script.as_bytes())?;
    drop(stdin);

    let mut session = Session::new(script, database);
    for line in BufReader::new(output).split(b'\n') {
        session.line(&String::from_utf8_lossy(&line?));
    }
    child.wait()?;
    interrupt::wait_if_interrupted();
    Ok(session.end())
}

/// Follows what psql prints: the script's lines as it reads them, and between them the answers.
struct Session<'a> {
    script: Vec<&'a str>,
    database: &'a str,
    is_superuser: bool,
    style: Style,
    /// How many empty lines were printed last.
    empty_lines: usize,
    statement: String,
    is_complete: bool,
    /// Whether the statement's answer was told in the script.
    is_checked: bool,
    answer: String,
    announced_error: bool,
    surprises: Vec<Surprise>,
}

impl<'a> Session<'a> {
    fn new(script: &'a str, database: &'a str) -> Self {
        // psql does not repeat empty lines. Last line first: they are taken from the end.
        let script = script.lines().rev().filter(|line| !line.is_empty()).collect();
        Self {
            script,
            database,
            is_superuser: true,
            style: Style::of_terminal(),
            empty_lines: 0,
            statement: String::new(),
            is_complete: true,
            is_checked: true,
            answer: String::new(),
            announced_error: false,
            surprises: Vec::new(),
        }
    }

    fn print(&mut self, line: &str) {
        println!("{line}");
        self.empty_lines = if line.is_empty() { self.empty_lines + 1 } else { 0 };
    }

    /// At least so many empty lines: psql ends its tables with one.
    fn gap(&mut self, lines: usize) {
        while self.empty_lines < lines {
            self.print("");
        }
    }

    fn line(&mut self, line: &str) {
        if self.script.last() == Some(&line) {
            self.script.pop();
            self.script_line(line);
        } else {
            self.print(line);
            self.answer.push_str(line);
            self.answer.push('\n');
        }
    }

    fn script_line(&mut self, line: &str) {
        if let Some(expected) = line.strip_prefix(EXPECTATION) {
            self.check(expected.strip_prefix(' ').unwrap_or(expected));
        } else if let Some(heading) = line.strip_prefix(HEADING) {
            self.gap(2);
            self.print(&self.style.heading(heading));
        } else {
            self.statement_line(line);
        }
    }

    fn check(&mut self, expected: &str) {
        self.is_checked = true;
        self.announced_error |= expected.contains(ERROR);
        if !self.answer.contains(expected) {
            self.surprise(expected);
        }
    }

    fn surprise(&mut self, expected: &str) {
        self.surprises.push(Surprise {
            statement: self.statement.clone(),
            expected: expected.to_owned(),
            answer: self.answer.clone(),
        });
    }

    fn statement_line(&mut self, line: &str) {
        let prompt = if self.is_complete {
            self.finish_statement();
            self.gap(1);
            if self.is_superuser { "=# " } else { "=> " }
        } else if self.is_superuser {
            "-# "
        } else {
            "-> "
        };
        self.print(&format!("{}{prompt}{}", self.database, self.style.statement(line)));
        if !self.statement.is_empty() {
            self.statement.push('\n');
        }
        self.statement.push_str(line);
        let is_meta = line.starts_with('\\') || line.ends_with("\\gset");
        self.is_complete = is_meta || line.ends_with(';');
        // psql's own commands mostly answer nothing.
        self.is_checked = is_meta;
        if let Some(role) = line.strip_prefix("\\connect - ") {
            self.is_superuser = role == "postgres";
        }
    }

    fn finish_statement(&mut self) {
        if !self.is_checked {
            self.surprise("anything the script says");
        }
        if self.answer.contains(ERROR) && !self.announced_error {
            self.surprise("no error");
        }
        self.statement.clear();
        self.answer.clear();
        self.announced_error = false;
        self.is_checked = true;
    }

    fn end(mut self) -> Vec<Surprise> {
        // After an interrupt psql reads no further: what is said of the last answer is still due.
        while self.script.last().is_some_and(|line| line.starts_with(EXPECTATION)) {
            let line = self.script.pop().unwrap_or_default();
            self.script_line(line);
        }
        self.finish_statement();
        if !self.script.is_empty() {
            self.surprise("to every statement; psql ended before");
        }
        self.surprises
    }
}

/// Bold statements, where there is bold.
#[derive(Clone, Copy)]
struct Style {
    is_terminal: bool,
}

impl Style {
    fn of_terminal() -> Self {
        Self { is_terminal: std::io::stdout().is_terminal() }
    }

    fn statement(self, text: &str) -> String {
        if self.is_terminal { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn heading(self, text: &str) -> String {
        let text = format!("-- {text}");
        if self.is_terminal { format!("\x1b[36m{text}\x1b[0m") } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::Session;

    fn surprises(script: &str, printed: &str) -> Vec<String> {
        let mut session = Session::new(script, "demo");
        printed.lines().for_each(|line| session.line(line));
        session.end().into_iter().map(|surprise| surprise.expected).collect()
    }

    #[test]
    fn an_announced_answer_is_no_surprise() {
        let script = "SELECT 1,\n 2;\n--: 1 | 2\n\nSELECT x;\n--: ERROR:  no x\n";
        let printed =
            "SELECT 1,\n 2;\n 1 | 2\n--: 1 | 2\nSELECT x;\nERROR:  no x\n--: ERROR:  no x";
        assert!(surprises(script, printed).is_empty());
    }

    #[test]
    fn another_answer_and_an_error_are_surprises() {
        let script = "SELECT 1;\n--: 2\nSELECT 3;\n--: 3\n\\set x\n";
        let printed = "SELECT 1;\n1\n--: 2\nSELECT 3;\n3\nERROR:  broken\n--: 3\n\\set x";
        assert_eq!(surprises(script, printed), ["2", "no error"]);
    }

    #[test]
    fn an_unchecked_statement_and_an_early_end_are_surprises() {
        assert_eq!(surprises("SELECT 1;", "SELECT 1;\n1"), ["anything the script says"]);
        assert_eq!(surprises("\\x\n\\x", "\\x").len(), 1);
    }

    #[test]
    fn an_interrupted_script_is_still_checked() {
        let script = "SELECT 1;\n--: ERROR:  canceling";
        assert!(surprises(script, "SELECT 1;\nERROR:  canceling").is_empty());
        assert_eq!(surprises(script, "SELECT 1;\n1"), ["ERROR:  canceling"]);
    }
}
