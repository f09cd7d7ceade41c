//! Markdown files whose blocks are run, and their output compared with what the file shows.
//!
//! The word after a fence says what the block is:
//!
//! | fence | meaning |
//! |---|---|
//! | `psql` | a session: lines that begin with `=> ` (or `=# `) are statements, `-> ` (or `-# `) continues them, everything else is what psql answers, errors included |
//! | `mariadb` | a session on MariaDB: statements begin with `MariaDB> ` and are continued by `    -> `; results are tables, errors are without their line |
//! | `sql` | statements that must run without an error |
//! | `console` | commands after `$ `, continued by lines that begin with `> `; what stands below a command is its output, and is compared if there is any; the command must succeed |
//! | `json` | not run, but must be JSON |
//! | `text` | not run, and so are the other languages of [`blocks::Language`] |
//!
//! `no-run` after the word keeps a block from being run; `eventually` has its commands run again
//! until their output is the one shown; `from=14` has it run on PostgreSQL 14 and later only, where an
//! older one answers otherwise. A fence must have a word.
//!
//! Output is compared line by line, without spaces at line ends. In it, `...` stands for anything,
//! over line ends too, and on a line of its own for any lines or none; `<uuid>` for a UUID; any other `<word>` for text without a space.
//!
//! The blocks of a file share a [`Stage`], from top to bottom; which programs its commands may run
//! stands in [`commands`].

/// Takes a Markdown file apart.
mod blocks;
/// Which commands are run.
mod commands;
/// Sessions of the MariaDB client.
mod mariadb;
/// Compares output with what the file shows.
mod pattern;
/// Where blocks are run.
mod stage;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::de::IgnoredAny;

use self::blocks::{Block, Language, Part};

pub use self::stage::Stage;

/// What is told while a file is run, line by line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Line<'a> {
    /// A line of the file's text, or of a block that is not run.
    Text(&'a str),
    /// A statement or a command, with its prompt.
    Input(&'a str),
    /// What was answered.
    Output(&'a str),
}

/// Told of every line.
pub type Tell<'a> = dyn FnMut(Line<'_>) + 'a;

/// A Markdown file.
#[derive(Debug)]
pub struct Document {
    name: String,
    parts: Vec<Part>,
}

impl Document {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self> {
        let about = || format!("cannot read {}", path.display());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(path).with_context(about)?;
        Ok(Self { name, parts: blocks::read(&text).with_context(about)? })
    }

    /// Whether it has a block to be run: only then does it need a [`Stage`].
    pub fn needs_stage(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Block(block) if block.is_run()))
    }

    /// Whether it has a session on MariaDB.
    pub fn needs_mariadb(&self) -> bool {
        let is_session = |block: &Block| block.is_run() && block.language == Language::MariaDb;
        self.parts.iter().any(|part| matches!(part, Part::Block(block) if is_session(block)))
    }

    /// Runs its blocks and gives what is wrong with them. An error is of the stage, not of the file.
    pub fn play(&self, stage: Option<&Stage>, tell: &mut Tell<'_>) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        for part in &self.parts {
            let block = match part {
                Part::Text(line) => {
                    tell(Line::Text(line));
                    continue;
                }
                Part::Block(block) => block,
            };
            let mut told = |line: usize, what: String| {
                problems.push(format!("{}:{}: {what}", self.name, block.line + line));
            };
            match (&block.language, stage) {
                (Language::Unknown(word), _) if word.is_empty() => {
                    told(0, "this block says not what it is".to_owned());
                }
                (Language::Unknown(word), _) => {
                    told(0, format!("nobody knows the language {word}"))
                }
                (Language::Json, _) => {
                    if let Err(error) = serde_json::from_str::<IgnoredAny>(&block.lines.join("\n"))
                    {
                        told(error.line(), format!("this is not JSON: {error}"));
                    }
                    block.lines.iter().for_each(|line| tell(Line::Text(line)));
                }
                (_, Some(stage)) if block.is_run() && block.is_for(stage.major()) => {
                    stage.run(block, tell, &mut told)?
                }
                _ => block.lines.iter().for_each(|line| tell(Line::Text(line))),
            }
        }
        Ok(problems)
    }
}

impl Block {
    fn is_run(&self) -> bool {
        let is_shown = matches!(self.language, Language::Shown | Language::Unknown(_));
        !self.no_run && !is_shown
    }

    fn is_for(&self, major: u16) -> bool {
        self.from.is_none_or(|from| from <= major)
    }
}
