//! Takes a Markdown file apart: its text and its blocks.

use anyhow::{Result, bail};

/// What a file consists of, from top to bottom.
#[derive(Debug)]
pub(super) enum Part {
    /// A line outside of all blocks.
    Text(String),
    Block(Block),
}

/// A fenced block.
#[derive(Debug)]
pub(super) struct Block {
    /// The line of its opening fence, from 1.
    pub line: usize,
    pub language: Language,
    /// Whether `no-run` stands in its fence.
    pub no_run: bool,
    /// Whether `eventually` stands in its fence.
    pub eventually: bool,
    /// The major after `from=` in its fence: on an older PostgreSQL it is not run.
    pub from: Option<u16>,
    pub lines: Vec<String>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Language {
    Psql,
    MariaDb,
    Sql,
    Console,
    /// Not run, and must be JSON.
    Json,
    /// Known, and not run.
    Shown,
    /// The word after the fence, which may be missing.
    Unknown(String),
}

impl Language {
    fn read(word: &str) -> Self {
        match word {
            "psql" => Self::Psql,
            "mariadb" => Self::MariaDb,
            "sql" => Self::Sql,
            "console" => Self::Console,
            "json" => Self::Json,
            // Files and their parts. They are run where they live, or have nothing to run.
            "text" | "toml" | "yaml" | "ini" | "python" | "javascript" | "rust" | "c"
            | "mermaid" => Self::Shown,
            _ => Self::Unknown(word.to_owned()),
        }
    }
}

/// The parts of a file; an error if its last block is not closed.
pub(super) fn read(markdown: &str) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut open: Option<(String, usize, Block)> = None;
    for (number, line) in markdown.lines().enumerate() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if let Some((fence, indent, block)) = &mut open {
            if text.trim_end() == fence {
                parts.extend(open.take().map(|(_, _, block)| Part::Block(block)));
            } else {
                // A block in a list is indented as a whole.
                let spaces = line.len() - line.trim_start_matches(' ').len();
                block.lines.push(line[spaces.min(*indent)..].to_owned());
            }
        } else if text.starts_with("```") {
            let fence: String = text.chars().take_while(|c| *c == '`').collect();
            let mut words = text[fence.len()..].split_whitespace();
            let language = Language::read(words.next().unwrap_or_default());
            let words: Vec<&str> = words.collect();
            let no_run = words.contains(&"no-run");
            let eventually = words.contains(&"eventually");
            let from = words.iter().find_map(|word| word.strip_prefix("from=")?.parse().ok());
            let lines = Vec::new();
            let block = Block { line: number + 1, language, no_run, eventually, from, lines };
            open = Some((fence, indent, block));
        } else {
            parts.push(Part::Text(line.to_owned()));
        }
    }
    if let Some((_, _, block)) = open {
        bail!("the block that begins in line {} is not closed", block.line);
    }
    Ok(parts)
}

/// An input and the output that is shown below it.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// Its line in the block, from 1.
    pub line: usize,
    pub input: Vec<String>,
    pub output: Vec<String>,
}

/// Splits a session into its exchanges, by the prompts of first and of further lines.
pub(super) fn exchanges(lines: &[String], first: &[&str], further: &[&str]) -> Vec<Exchange> {
    let after = |line: &str, prompts: &[&str]| {
        let prompted =
            |prompt: &&str| line.strip_prefix(prompt).or((line == prompt.trim_end()).then_some(""));
        prompts.iter().find_map(prompted).map(str::to_owned)
    };
    let mut found: Vec<Exchange> = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if let Some(input) = after(line, first) {
            found.push(Exchange { line: number + 1, input: vec![input], output: Vec::new() });
            continue;
        }
        let Some(last) = found.last_mut() else { continue };
        match after(line, further) {
            Some(input) if last.output.is_empty() => last.input.push(input),
            _ => last.output.push(line.clone()),
        }
    }
    found
}
