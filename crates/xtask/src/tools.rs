//! Programs written in Rust that look at the workspace: pinned, compiled once, kept in the cache.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::build;
use crate::cache;
use crate::command;
use crate::progress;

/// A program of crates.io.
pub struct Tool {
    name: &'static str,
    version: &'static str,
    /// In place of its default features.
    features: &'static str,
    /// How long it takes to compile on two processors.
    minutes: u8,
    /// Crates of it that are too slow unoptimised.
    hot: &'static [&'static str],
}

/// Checks licences, sources and advisories.
pub const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    features: "",
    minutes: 5,
    // It compares texts with every known licence.
    hot: &["spdx"],
};

/// Finds the licences of crates in their own texts.
pub const ABOUT: Tool = Tool {
    name: "cargo-about",
    version: "0.9.3",
    features: "cli",
    minutes: 3,
    // As above.
    hot: &["spdx", "regex-automata", "unicode-normalization"],
};

/// Makes a book of Markdown. Without its server, which is a third of it.
pub const MDBOOK: Tool =
    Tool { name: "mdbook", version: "0.5.4", features: "search", minutes: 3, hot: &[] };

/// The program, compiled if it is not there yet.
pub fn provide(tool: &Tool) -> Result<PathBuf> {
    let Tool { name, version, features, minutes, hot } = tool;
    let folder = cache::folder(&format!("{name}-{version}"), |folder| {
        progress::stage(&format!("compiling {name} {version}, once (about {minutes} minutes)"));
        let build = folder.join("build");
        let mut install = build::cargo();
        install.args(["install", "--locked", "--debug", name, "--version", version]);
        install.args(["--no-default-features", "--features", features]);
        install.arg("--root").arg(folder).arg("--target-dir").arg(&build);
        for package in *hot {
            install.arg("--config").arg(format!("profile.dev.package.{package}.opt-level=3"));
        }
        // It is run, not debugged.
        install.env("CARGO_PROFILE_DEV_DEBUG", "false");
        command::succeed(install)?;
        Ok(fs::remove_dir_all(&build)?)
    })?;
    Ok(folder.join("bin").join(name))
}
