//! `cargo xtask fuzz`: libFuzzer on the targets in `fuzz/`.
//!
//! `cargo fuzz` works on the same folder. It has every dependency compiled again, by the nightly compiler
//! and for AddressSanitizer, which takes minutes and finds what `unsafe` code does wrong: the parsers have
//! none. Here our own crates alone are compiled anew, by the compiler of the tests.

mod target;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use e2e::{Profile, Workspace};

use crate::build;
use crate::jobs::{self, Job};
use crate::progress;

use self::target::{Ended, Target};

/// How long the tests fuzz, in seconds.
const IN_TESTS: u64 = 60;

/// The arguments of `cargo xtask fuzz`.
#[derive(Args)]
pub struct Options {
    /// The targets to run, by name [default: all]
    targets: Vec<String>,
    /// How long to look for inputs, all targets together
    #[arg(long, default_value_t = IN_TESTS, value_name = "SECONDS")]
    seconds: u64,
    /// Runs a target once, on this input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seconds", "keep"])]
    input: Option<PathBuf>,
    /// Afterwards adds to the kept inputs those that reached new code, as few and as small as will do
    #[arg(long)]
    keep: bool,
}

/// `cargo xtask fuzz`
pub fn run(options: &Options) -> Result<ExitCode> {
    let workspace = build::workspace(Profile::Debug)?;
    let all = names(&workspace)?;
    if let Some(unknown) = options.targets.iter().find(|name| !all.contains(name)) {
        bail!("there is no target {unknown:?}; there are {}", all.join(", "));
    }
    let chosen = if options.targets.is_empty() { &all } else { &options.targets };
    if let Some(input) = &options.input {
        let [_] = chosen.as_slice() else { bail!("name the one target to run the input on") };
        // Cargo, and so what it builds, runs in the workspace, wherever the user is.
        let input = input.canonicalize().with_context(|| format!("no {}", input.display()))?;
        let targets = build(&workspace, chosen)?;
        return Ok(code(targets[0].try_one(&input)?));
    }
    let targets = build(&workspace, chosen)?;
    let (succeeded, targets) = try_all(targets, Duration::from_secs(options.seconds))?;
    if options.keep && succeeded {
        progress::stage("keeping what reached new code");
        targets.iter().try_for_each(Target::keep)?;
    }
    Ok(code(succeeded))
}

/// What `cargo xtask test` runs beside the tests: every target, a minute altogether.
pub fn for_a_minute() -> Result<Vec<Run>> {
    let workspace = build::workspace(Profile::Debug)?;
    let targets = build(&workspace, &names(&workspace)?)?;
    let each = Duration::from_secs(IN_TESTS) / u32::try_from(targets.len())?;
    Ok(targets.into_iter().map(|target| Run { target, duration: each }).collect())
}

fn code(succeeded: bool) -> ExitCode {
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The names of the targets: those of their files.
fn names(workspace: &Workspace) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in workspace.root.join("fuzz/fuzz_targets").read_dir()? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn build(workspace: &Workspace, names: &[String]) -> Result<Vec<Target>> {
    progress::stage("building the fuzz targets");
    let mut build = build::cargo();
    build
        // As tests of the whole workspace: what they depend on is compiled already, with the features
        // that the other tests have.
        .args(["test", "--workspace", "--no-run", "--features", "fuzz/libfuzzer"])
        .args(names.iter().flat_map(|name| ["--bin", name]))
        // Instrumented, it would take a minute to be optimised, for a minute of fuzzing.
        .args(["--config", "profile.dev.package.lambda_local.opt-level=0"])
        .env("RUSTC_WORKSPACE_WRAPPER", workspace.root.join("fuzz/instrument.sh"));
    let artifacts = build::artifacts(build).context(
        "the fuzz targets do not build; libFuzzer itself needs a C++ compiler, as g++ is",
    )?;
    let mut targets = Vec::new();
    for artifact in artifacts {
        let (name, program) = (&artifact["target"]["name"], &artifact["executable"]);
        if let (Some(name), Some(program)) = (name.as_str(), program.as_str()) {
            targets.push(Target::new(workspace, name, program.into()));
        }
    }
    if targets.len() != names.len() {
        let (built, all) = (targets.len(), names.len());
        bail!("cargo built {built} of {all} targets: is each in fuzz/Cargo.toml?");
    }
    Ok(targets)
}

/// Divides the time among the targets, as many of them at once as there are processors; whether
/// nothing was found.
fn try_all(targets: Vec<Target>, duration: Duration) -> Result<(bool, Vec<Target>)> {
    let at_once = thread::available_parallelism()?.get().min(targets.len());
    let rounds = u32::try_from(targets.len().div_ceil(at_once))?;
    let each = (duration / rounds).max(Duration::from_secs(1));
    progress::stage(&format!(
        "fuzzing: {} targets, {} at a time, each for {}",
        targets.len(),
        at_once,
        progress::seconds(each),
    ));
    let runs = targets.into_iter().map(|target| Run { target, duration: each }).collect();
    let ended = jobs::run(runs, at_once)?;
    let held = ended.iter().all(|(_, ended)| ended.held());
    Ok((held, ended.into_iter().map(|(run, _)| run.target).collect()))
}

/// A target, and how long it is to look for inputs.
pub struct Run {
    target: Target,
    duration: Duration,
}

impl Job for Run {
    type Outcome = Ended;

    fn name(&self) -> &str {
        &self.target.name
    }

    fn run(&self) -> Result<(Ended, String)> {
        let ended = self.target.try_for(self.duration)?;
        let said = ended.to_string();
        Ok((ended, said))
    }
}
