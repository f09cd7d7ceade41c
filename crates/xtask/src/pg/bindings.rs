//! Rust bindings for a PostgreSQL whose headers cannot be had.
//!
//! pgrx makes its bindings from the server's headers at build time. Its crate also carries those it
//! made of each major's last release, for its documentation. Here they are turned back into what its
//! build reads in place of headers, which it does for builds for another machine.

use std::fs;

use anyhow::{Context as _, Result, bail};
use e2e::PgConfig;

use crate::build;

const CRATE: &str = "pgrx-pg-sys";

/// Writes the bindings of its major where the headers of `pg_config` would be.
pub fn take_the_place_of_headers(pg_config: &PgConfig) -> Result<()> {
    let published = build::source_of(CRATE)?.join(format!("src/include/pg{}.rs", pg_config.major));
    let text = fs::read_to_string(&published)
        .with_context(|| format!("{CRATE} carries no bindings: {}", published.display()))?;
    let path = pg_config.published_bindings();
    let text = raw(&text)?;
    if fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    fs::create_dir_all(&pg_config.include_server)?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The bindings without what pgrx adds to them, and adds again: imports, the type of OIDs, and the
/// traits of nodes, which are last.
fn raw(published: &str) -> Result<String> {
    let Some((_, items)) =
        published.split_once("use crate::{Datum, MultiXactId, Oid, PgNode, TransactionId};\n")
    else {
        bail!("{CRATE} has other bindings than this is made for: no imports");
    };
    let Some((items, _)) = items.split_once("impl pg_sys::seal::Sealed for ") else {
        bail!("{CRATE} has other bindings than this is made for: no nodes");
    };
    Ok(items.lines().map(|line| plain_oid(line) + "\n").collect())
}

/// `pub const BOOLOID: Oid = Oid(16);` as `pub const BOOLOID: u32 = 16;`
fn plain_oid(line: &str) -> String {
    let plain = line.split_once(": Oid = Oid(").and_then(|(name, rest)| {
        let number = rest.strip_suffix(");")?;
        Some(format!("{name}: u32 = {number};"))
    });
    plain.unwrap_or_else(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::raw;

    #[test]
    fn what_pgrx_adds_is_taken_away() {
        let published = "\
/* Automatically generated */
use crate as pg_sys;
use crate::{Datum, MultiXactId, Oid, PgNode, TransactionId};
pub const BOOLOID: Oid = Oid(16);
pub struct List {}
impl pg_sys::seal::Sealed for List {}
impl pg_sys::PgNode for List {}
";
        assert_eq!(raw(published).unwrap(), "pub const BOOLOID: u32 = 16;\npub struct List {}\n");
        assert!(raw("pub struct List {}").is_err());
    }
}
