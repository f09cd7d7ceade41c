//! Builds the workspace: one cargo invocation, one set of features, one target folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use e2e::{ExtensionFile, PgConfig, Profile, Workspace};

use crate::Server;
use crate::command;
use crate::progress;
use crate::setup::{self, Purpose};

/// The workspace that this program belongs to.
pub fn workspace(profile: Profile) -> Result<Workspace> {
    let metadata = metadata(&["--no-deps"])?;
    let path = |name: &str| -> Result<PathBuf> {
        Ok(metadata[name].as_str().with_context(|| format!("cargo tells no {name}"))?.into())
    };
    Ok(Workspace { root: path("workspace_root")?, target: path("target_directory")?, profile })
}

/// A cargo that is told for which PostgreSQL to build.
pub fn cargo_for(pg_config: &PgConfig, subcommand: &str, profile: Profile) -> Command {
    let mut command = cargo();
    command
        .arg(subcommand)
        .args(["--features", &pg_config.cargo_feature()])
        .env("PGRX_PG_CONFIG_PATH", &pg_config.path)
        // Would win over the path.
        .env_remove("PGRX_PG_CONFIG_AS_ENV");
    let bindings = pg_config.published_bindings();
    if bindings.is_file() {
        let variable = format!("PGRX_TARGET_INFO_PATH_PG{}", pg_config.major);
        command.env(variable, &pg_config.include_server);
    }
    match profile {
        Profile::Debug => &mut command,
        Profile::Release => command.arg("--release"),
        Profile::Dist => command.args(["--profile", "dist"]),
    };
    command
}

/// Where cargo keeps the source of a crate that the workspace depends on.
pub fn source_of(package: &str) -> Result<PathBuf> {
    let metadata = metadata(&[])?;
    let packages = metadata["packages"].as_array().context("cargo tells no packages")?;
    let found = packages.iter().find(|it| it["name"] == package);
    let manifest = found.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.with_context(|| format!("the workspace has no {package}"))?;
    Ok(Path::new(manifest).parent().context("a manifest is in a folder")?.to_owned())
}

/// Where the compiler is installed.
pub fn sysroot() -> Result<PathBuf> {
    let said = command::output("rustc", &["--print", "sysroot"]).context("cannot run rustc")?;
    Ok(PathBuf::from(said.trim()))
}

/// What cargo knows of the workspace.
pub fn metadata(arguments: &[&str]) -> Result<serde_json::Value> {
    let output = cargo()
        .args(["metadata", "--format-version", "1"])
        .args(arguments)
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Has cargo build what its arguments say, and gives what it tells of each library and program.
pub fn artifacts(mut cargo: Command) -> Result<Vec<serde_json::Value>> {
    cargo.args(["--message-format", "json-render-diagnostics"]);
    let messages = command::stdout(cargo)?;
    let messages = messages.lines().map(serde_json::from_str).collect::<Result<Vec<_>, _>>();
    messages.context("cargo's messages are JSON")
}

/// The cargo that runs us, in the workspace.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if let Some(root) = env::var_os("CARGO_MANIFEST_DIR") {
        // In the workspace, wherever the user is. The rest is about this package, and a build
        // script that watches one of them would run again.
        command.current_dir(root);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
    }
    command
}

/// Builds every library and program of the workspace.
pub fn everything(workspace: &Workspace, pg_config: &PgConfig) -> Result<()> {
    let begin = Instant::now();
    progress::stage(&format!("building for {}", pg_config.version));
    let mut build = cargo_for(pg_config, "build", workspace.profile);
    // With one test, the smallest, because then cargo counts in the features that the tests'
    // dependencies ask of shared ones: `cargo test` finds everything built as it needs it.
    build.args(["--workspace", "--lib", "--bins", "--test", "cli"]);
    command::succeed(build)?;
    keep_apart(workspace, pg_config)?;
    place_echo_function(workspace)?;
    eprintln!("    built in {}", progress::seconds(begin.elapsed()));
    Ok(())
}

/// Builds the local service and a function in Rust: what needs no database. Each by itself, with no
/// more features than it asks for.
pub fn local_service(workspace: &Workspace) -> Result<()> {
    for package in ["sqlambda", "echo-function"] {
        progress::stage(&format!("building {package}"));
        let mut build = cargo();
        build.args(["build", "--package", package]);
        if workspace.profile == Profile::Release {
            build.arg("--release");
        }
        command::succeed(build)?;
    }
    Ok(())
}

/// Builds the programs that only the figures need.
pub fn examples(workspace: &Workspace, pg_config: &PgConfig) -> Result<()> {
    let mut build = cargo_for(pg_config, "build", workspace.profile);
    build.args(["--workspace", "--examples"]);
    command::succeed(build)
}

/// Builds the one crate that makes the extensions' library: installing needs nothing else.
pub fn extension(workspace: &Workspace, pg_config: &PgConfig) -> Result<()> {
    progress::stage(&format!("building aws_lambda for {}", pg_config.version));
    let mut build = cargo_for(pg_config, "build", workspace.profile);
    build.args(["--package", "aws_lambda"]);
    command::succeed(build)?;
    keep_apart(workspace, pg_config)
}

/// Puts the library where that of another major does not replace it. Cargo keeps what it compiles for
/// each major beside the others', but its results of the same name in one place.
pub fn keep_apart(workspace: &Workspace, pg_config: &PgConfig) -> Result<()> {
    let from = workspace.library("aws_lambda");
    let to = workspace.extension_library("aws_lambda", pg_config.major);
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    ExtensionFile { from, to }.install()
}

/// Builds the one crate that makes the library for MariaDB and MySQL, which needs no server.
pub fn udf(workspace: &Workspace) -> Result<()> {
    progress::stage("building lambda_udf for MariaDB and MySQL");
    let mut build = cargo();
    build.args(["build", "--package", "lambda_udf"]);
    if workspace.profile == Profile::Release {
        build.arg("--release");
    }
    command::succeed(build)
}

/// A function written in Rust is served as the executable `bootstrap` in its folder.
fn place_echo_function(workspace: &Workspace) -> Result<()> {
    let built = workspace.built().join("echo-function");
    let folder = workspace.root.join("examples/functions/echo");
    if !built.is_file() || !folder.is_dir() {
        return Ok(());
    }
    let (beside, place) = (folder.join(".bootstrap.new"), folder.join("bootstrap"));
    // Left alone if it is the same: a service that watches the folder would start it anew.
    if fs::read(&built).ok() == fs::read(&place).ok() {
        return Ok(());
    }
    // Renamed into place: a running bootstrap cannot be written to.
    fs::copy(&built, &beside)
        .and_then(|_| fs::rename(&beside, &place))
        .with_context(|| format!("cannot write {}", place.display()))
}

/// `cargo xtask lint`
pub fn lint(server: &Server) -> Result<ExitCode> {
    let pg_config = setup::prepare(server, Purpose::Build)?;
    progress::stage(&format!("clippy for {}", pg_config.version));
    let mut clippy = cargo_for(&pg_config, "clippy", Profile::Debug);
    clippy.args(["--workspace", "--all-targets", "--", "--deny", "warnings"]);
    Ok(ExitCode::from(u8::from(!command::status(clippy)?.success())))
}
