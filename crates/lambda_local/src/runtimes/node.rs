//! Node functions, through Amazon's `aws-lambda-ric`.
//!
//! The package's native part needs a C++ build of minutes. It is left out (`--ignore-scripts`), and
//! `rapid_client.cjs` stands in for it; the client itself is unmodified.

use std::path::Path;
use std::process::Command;

use super::path::{find, run};
use super::{Launcher, RuntimeError, cache};
use crate::functions::Runtime;

/// The version of the client.
const AWS_LAMBDA_RIC: &str = "4.0.2";

/// The stand-in for the client's native part. Its version is part of the cache folder's name.
const SHIM: &str = include_str!("rapid_client.cjs");

/// Raise it whenever `rapid_client.cjs` changes.
const SHIM_VERSION: u32 = 2;

/// What a guessed runtime is called when there is no Node to ask.
const FALLBACK_MAJOR: u32 = 22;

pub(super) fn default_runtime(cache: &Path) -> Runtime {
    Runtime::node(installed_major(cache).unwrap_or(FALLBACK_MAJOR))
}

/// How to start `nodejsN.x` functions. There is one `node` on a machine: another version than the
/// function asks for serves it too, with a warning.
pub(super) fn launcher(cache: &Path, major: u32) -> Result<Launcher, RuntimeError> {
    let missing = |tool: &str| {
        RuntimeError::new(format!(
            "{tool} is not installed; install it, for example with `apt-get install nodejs npm`"
        ))
    };
    let program = find("node").ok_or_else(|| missing("node"))?;
    let name = format!("nodejs-aws-lambda-ric-{AWS_LAMBDA_RIC}-{SHIM_VERSION}");
    let folder = cache::installed(cache, &name, |folder| {
        install(folder, &find("npm").ok_or_else(|| missing("npm"))?)
    })?;
    if let Some(found) = installed_major(cache).filter(|found| *found != major) {
        tracing::warn!("nodejs{major}.x is not installed; its functions run with Node {found}");
    }
    let client = folder.join("node_modules/aws-lambda-ric/index.mjs");
    let shim = folder.join("rapid_client.cjs");
    Ok(Launcher {
        program,
        arguments: vec![
            "--require".to_owned(),
            shim.to_string_lossy().into_owned(),
            client.to_string_lossy().into_owned(),
        ],
        handler_argument: true,
        packages: None,
    })
}

fn install(folder: &Path, npm: &Path) -> Result<(), RuntimeError> {
    tracing::info!("setting up Node: aws-lambda-ric {AWS_LAMBDA_RIC} in {}", folder.display());
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text)
            .map_err(|error| RuntimeError::new(format!("{}: {error}", path.display())))
    };
    write("package.json", "{\"private\": true}\n")?;
    write("rapid_client.cjs", SHIM)?;
    run(
        Command::new(npm)
            .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
            .arg(format!("aws-lambda-ric@{AWS_LAMBDA_RIC}"))
            .current_dir(folder),
        "npm must reach a registry that has aws-lambda-ric",
    )?;
    Ok(())
}

/// The major version of `node`. Asking it costs 40 ms, so the answer is kept, together with the
/// program's path and time of change.
fn installed_major(cache: &Path) -> Option<u32> {
    let program = find("node")?.canonicalize().ok()?;
    let changed = program.metadata().ok()?.modified().ok()?;
    let key = format!("{} {changed:?}", program.display());
    let kept = cache.join("node-version");
    if let Some(major) = read_kept(&kept, &key) {
        return Some(major);
    }
    let version = run(Command::new(&program).arg("--version"), "").ok()?;
    let major = version.trim().trim_start_matches('v').split('.').next()?.parse().ok()?;
    // Losing the note only costs the question again.
    let _ = std::fs::create_dir_all(cache);
    let _ = std::fs::write(kept, format!("{major}\n{key}\n"));
    Some(major)
}

fn read_kept(kept: &Path, key: &str) -> Option<u32> {
    let text = std::fs::read_to_string(kept).ok()?;
    let (major, known) = text.split_once('\n')?;
    if known.trim_end() == key { major.parse().ok() } else { None }
}
