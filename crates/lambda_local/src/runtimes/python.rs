//! Python functions, through Amazon's `awslambdaric` in a virtual environment.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::path::{find, is_executable, run};
use super::{Launcher, RuntimeError, cache, requirements};
use crate::functions::{Function, Runtime};

/// The version of the client; it is installed unmodified.
const AWSLAMBDARIC: &str = "4.2.2";

/// The version of the AWS SDK, which Amazon's Python runtimes have in them.
const BOTO3: &str = "1.44.5";

/// What a guessed runtime is called when there is no Python to ask.
const FALLBACK_MINOR: u32 = 13;

pub(super) fn default_runtime(cache: &Path) -> Runtime {
    Runtime::python(default_minor(cache).unwrap_or(FALLBACK_MINOR))
}

/// The minor version of `python3`. Known without starting it once its environment is there.
fn default_minor(cache: &Path) -> Option<u32> {
    let environment = cache.join(folder_name("python3"));
    let known = environment_minor(&environment).filter(|_| is_usable(&environment));
    known.or_else(|| ask_version("python3"))
}

/// How to start `python3.minor` functions. A version that is not installed is served by `python3`,
/// with a warning: most functions do not care, and the message says what to install if they do.
pub(super) fn launcher(cache: &Path, minor: u32) -> Result<Launcher, RuntimeError> {
    let default = default_minor(cache);
    if default == Some(minor) {
        return Ok(in_environment(&environment_of(cache, "python3")?));
    }
    let exact = format!("python3.{minor}");
    let environment = cache.join(folder_name(&exact));
    if environment_minor(&environment) == Some(minor) && is_usable(&environment) {
        return Ok(in_environment(&environment));
    }
    // A version manager's stand-in may be on the path without the version behind it.
    if find(&exact).is_some() && ask_version(&exact) == Some(minor) {
        return Ok(in_environment(&environment_of(cache, &exact)?));
    }
    let environment = environment_of(cache, "python3")?;
    let found = default.map_or("python3".to_owned(), |minor| format!("python3.{minor}"));
    tracing::warn!("{exact} is not installed; its functions run with {found}");
    Ok(in_environment(&environment))
}

fn in_environment(environment: &Path) -> Launcher {
    Launcher {
        program: interpreter(environment),
        // Without -B, Python would keep what it has compiled, and take it again for an edited file
        // of the same size and second. On AWS it cannot write there either.
        arguments: ["-B", "-m", "awslambdaric"].map(str::to_owned).to_vec(),
        handler_argument: true,
        packages: None,
    }
}

/// The launcher with what the function's `requirements.txt` asks for.
pub(super) fn with_packages(
    cache: &Path,
    launcher: Launcher,
    function: &Function,
) -> Result<Launcher, RuntimeError> {
    let environment = launcher.program.parent().and_then(Path::parent).unwrap_or(Path::new(""));
    let version = environment_minor(environment).unwrap_or(FALLBACK_MINOR);
    let python = requirements::Python { program: &launcher.program, minor: version };
    let packages = requirements::installed(cache, &python, &function.task_root)?;
    Ok(Launcher { packages, ..launcher })
}

fn environment_of(cache: &Path, python: &str) -> Result<PathBuf, RuntimeError> {
    let name = folder_name(python);
    let folder = cache.join(&name);
    // An upgrade of the system's Python leaves the environment without its interpreter.
    if cache::is_complete(&folder) && !is_usable(&folder) {
        std::fs::remove_dir_all(&folder)
            .map_err(|error| RuntimeError::new(format!("{}: {error}", folder.display())))?;
    }
    cache::installed(cache, &name, |folder| install(python, folder))
}

fn install(python: &str, folder: &Path) -> Result<(), RuntimeError> {
    if find(python).is_none() {
        return Err(RuntimeError::new(format!(
            "{python} is not installed; install it, for example with `apt-get install {python} \
             python3-venv`"
        )));
    }
    let in_folder = folder.display();
    tracing::info!("setting up Python: awslambdaric {AWSLAMBDARIC}, boto3 {BOTO3} in {in_folder}");
    run(
        Command::new(python).args(["-m", "venv"]).arg(folder),
        "if the module venv or ensurepip is missing, `apt-get install python3-venv`",
    )?;
    run(
        Command::new(interpreter(folder))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .arg(format!("awslambdaric=={AWSLAMBDARIC}"))
            .arg(format!("boto3=={BOTO3}")),
        "pip must reach a package index that has awslambdaric and boto3",
    )?;
    Ok(())
}

fn folder_name(python: &str) -> String {
    format!("{python}-awslambdaric-{AWSLAMBDARIC}-boto3-{BOTO3}")
}

fn interpreter(environment: &Path) -> PathBuf {
    environment.join("bin").join("python")
}

fn is_usable(environment: &Path) -> bool {
    cache::is_complete(environment) && is_executable(&interpreter(environment))
}

/// The minor version in the environment's `pyvenv.cfg`: reading a line is a thousand times cheaper
/// than starting an interpreter.
fn environment_minor(environment: &Path) -> Option<u32> {
    let settings = std::fs::read_to_string(environment.join("pyvenv.cfg")).ok()?;
    let version = settings.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "version").then(|| value.trim())
    })?;
    version.split('.').nth(1)?.parse().ok()
}

fn ask_version(python: &str) -> Option<u32> {
    let program = "import sys; print(sys.version_info[1])";
    run(Command::new(python).args(["-c", program]), "").ok()?.trim().parse().ok()
}
