//! `cargo xtask example`: plays the README of a use case, and leaves it running.

use std::fs;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use e2e::docs::Line;
use e2e::{Example, Lifetime, Profile, Workspace};

use crate::Server;
use crate::build;
use crate::interrupt;
use crate::progress::Steps;
use crate::setup::Purpose;
use crate::up::{self, Started};

/// The arguments of `cargo xtask example`.
#[derive(Args)]
pub struct Options {
    /// The example, a folder of examples/; without one, they are listed
    name: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Plays the README; fails if anything answers something else than it says.
pub fn run(options: &Options) -> Result<ExitCode> {
    let workspace = build::workspace(Profile::Debug)?;
    let Some(name) = &options.name else { return list(&workspace) };
    // A misspelt name is told before anything is built.
    let functions = Example::functions(&workspace, name)?;
    let Started { playground, .. } =
        up::playground(Purpose::BothDatabases, &options.server, Profile::Debug, Lifetime::Owner)?;
    up::prepare_functions(&workspace, &[functions])?;
    let mut steps = Steps::default();
    let example = Example::start(&playground, name, &mut |step| steps.begin(step))?;
    drop(steps);

    println!();
    let problems = example.play(&mut show)?;
    if !problems.is_empty() {
        bail!("{} answers differ from the README\n\n{}", problems.len(), problems.join("\n"));
    }
    if std::io::stdin().is_terminal() {
        look_around(&example);
    }
    Ok(ExitCode::SUCCESS)
}

fn list(workspace: &Workspace) -> Result<ExitCode> {
    println!("The examples; `cargo xtask example NAME` plays one:\n");
    for name in Example::names(workspace)? {
        let readme =
            fs::read_to_string(workspace.root.join("examples").join(&name).join("README.md"))?;
        let title = readme.lines().next().unwrap_or_default().trim_start_matches("# ");
        println!("  {name:<20} {title}");
    }
    Ok(ExitCode::SUCCESS)
}

/// A line as on a page: what is typed stands out.
fn show(line: Line<'_>) {
    let is_terminal = std::io::stdout().is_terminal();
    match line {
        Line::Input(text) if is_terminal => println!("\x1b[1m{text}\x1b[0m"),
        Line::Text(text) if is_terminal && text.starts_with('#') => {
            println!("\x1b[36m{text}\x1b[0m");
        }
        Line::Text(text) | Line::Input(text) | Line::Output(text) => println!("{text}"),
    }
}

/// Tells how to reach what runs, and stays until Ctrl-C ends it all.
fn look_around(example: &Example) {
    println!("\n---\nAll of it still runs. In another terminal:\n");
    let folder = example.folder().display();
    println!("  cd {folder}");
    for (name, value) in example.stage().environment() {
        println!("  export {name}={}", value.display());
    }
    let (database, aws) = (example.stage().database(), example.aws().programs().display());
    println!("  export PATH={aws}:$PATH");
    println!("  psql {database}");
    println!("  mariadb");
    println!("\nWhat the functions log:\n");
    for service in example.services() {
        println!("  {}", service.log_path().display());
    }
    println!("\nCtrl-C ends it all.");
    interrupt::wait();
}
