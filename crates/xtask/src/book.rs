//! `cargo xtask book`: the pages in docs/ as a book.

use std::process::{Command, ExitCode};

use anyhow::Result;
use e2e::Profile;

use crate::build;
use crate::command;
use crate::tools;

/// Makes the book in the target folder, and says where.
pub fn run() -> Result<ExitCode> {
    let workspace = build::workspace(Profile::Debug)?;
    let folder = workspace.target.join("book");
    let mut mdbook = Command::new(tools::provide(&tools::MDBOOK)?);
    mdbook.arg("build").arg("--dest-dir").arg(&folder).arg(&workspace.root);
    command::succeed(mdbook)?;
    println!("{}", folder.join("index.html").display());
    Ok(ExitCode::SUCCESS)
}
