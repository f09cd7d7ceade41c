//! Versions of the extensions: what was released stays as it is, and every way to a newer version
//! ends in the same place with everything of the user's.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

/// An updated extension is the one that is created fresh, to the last catalogue entry.
mod equal;
/// Databases come through `pg_upgrade`.
mod pg_upgrade;
/// Scripts that were released are frozen, and there is a way from each to the present version.
mod released;
/// The public surface of each version, locked.
mod surface;
/// What users made, stored and granted on an older version is there and works after the update.
mod survives;
/// The C functions that scripts name stay in the library.
mod symbols;

#[path = "../sql/support.rs"]
#[allow(dead_code, reason = "what the tests of the SQL contract need, and more")]
mod support;

use support::{Row, Session, cluster};

/// The extensions, those first that others require.
const EXTENSIONS: [&str; 3] = ["aws_commons", "aws_lambda", "awslambda_fn"];

/// A superuser's session in a database that has an extension in one version, and what it requires.
#[track_caller]
fn session_with(extension: &str, version: &str) -> Session {
    let database = cluster().create_plain_database().unwrap();
    let mut session = Session::open(cluster(), &support::patient(cluster(), database));
    session.run(&format!("CREATE EXTENSION {extension} VERSION '{version}' CASCADE"));
    session
}

/// The versions that a server can create, oldest first.
fn versions(extension: &str) -> Vec<String> {
    let sql = format!(
        "SELECT version FROM pg_available_extension_versions WHERE name = '{extension}'
         ORDER BY string_to_array(version, '.')::int[]"
    );
    Session::new().rows(&sql).into_iter().map(|mut row| row.remove(0).unwrap()).collect()
}

/// The version that CREATE EXTENSION makes.
fn present_version(extension: &str) -> String {
    Session::new().text(&format!(
        "SELECT default_version FROM pg_available_extensions WHERE name = '{extension}'"
    ))
}

/// Rows of one column as lines.
fn lines(rows: Vec<Row>) -> Vec<String> {
    rows.into_iter().map(|mut row| row.remove(0).unwrap_or_else(|| "NULL".to_owned())).collect()
}
