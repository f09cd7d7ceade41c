//! What the tests of this program share: servers, databases, and what a statement left.

use std::env;
use std::sync::LazyLock;

use e2e::{Brand, MariaDb, MariaDbClient, Playground};

/// Declares tests that run on MariaDB and on MySQL: `NAME::on_mariadb` and `NAME::on_mysql`.
macro_rules! on_both {
    ($($(#[$doc:meta])* fn $name:ident($server:ident) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;

            fn check($server: &::e2e::MariaDb) $body

            #[test]
            fn on_mariadb() {
                check($crate::support::mariadb());
            }

            #[test]
            fn on_mysql() {
                if let Some(server) = $crate::support::mysql() {
                    check(server);
                }
            }
        }
    )*};
}
pub(crate) use on_both;

/// The playground of the test run.
pub fn playground() -> &'static Playground {
    static PLAYGROUND: LazyLock<Playground> = LazyLock::new(|| Playground::attach().unwrap());
    &PLAYGROUND
}

/// The MariaDB that all tests share.
pub fn mariadb() -> &'static MariaDb {
    playground().mariadb().unwrap()
}

/// The MySQL that all tests share; None where it cannot be had, which `cargo xtask test` has said.
pub fn mysql() -> Option<&'static MariaDb> {
    let server = playground().mysql();
    if server.is_none() {
        assert_ne!(env::var("CI").as_deref(), Ok("true"), "CI must test on MySQL too");
        eprintln!("SKIPPED: this playground has no MySQL");
    }
    server
}

/// What servers of a test's own can be made of.
pub fn brands() -> Vec<Brand> {
    [Some(Brand::MariaDb), mysql().map(|_| Brand::MySql)].into_iter().flatten().collect()
}

/// A database of the caller's own.
pub fn database(server: &MariaDb) -> String {
    server.create_database().unwrap()
}

/// A client that prints bare values, bound for no database.
pub fn client(server: &MariaDb) -> MariaDbClient {
    server.client().bare()
}

/// What the only statement, or the last of a script, prints.
#[track_caller]
pub fn value(server: &MariaDb, sql: &str) -> String {
    let output = client(server).run(sql).unwrap();
    assert!(output.status.success(), "{}\n{sql}", output.stderr);
    output.stdout.trim_end_matches('\n').to_owned()
}

/// An error as the client prints it.
#[derive(Debug, PartialEq)]
pub struct SqlError {
    /// The server's number, such as 1873.
    pub number: u32,
    /// The SQLSTATE.
    pub state: String,
    /// The message.
    pub message: String,
}

/// The error of a script that must fail.
#[track_caller]
pub fn error(server: &MariaDb, sql: &str) -> SqlError {
    let output = client(server).run(sql).unwrap();
    assert!(!output.status.success(), "no error, but {:?}\n{sql}", output.stdout);
    parse_error(&output.stderr)
}

/// Reads `ERROR 1873 (28000) at line 1: ...`.
#[track_caller]
pub fn parse_error(stderr: &str) -> SqlError {
    let parsed = stderr.split_once("ERROR ").and_then(|(_, text)| {
        let (number, text) = text.split_once(" (")?;
        let (state, text) = text.split_once(')')?;
        let (_, message) = text.split_once(": ")?;
        let message = message.trim_end_matches('\n').to_owned();
        Some(SqlError { number: number.parse().ok()?, state: state.to_owned(), message })
    });
    parsed.unwrap_or_else(|| panic!("this is no error: {stderr}"))
}

/// A JSON text as SQL writes it in quotes.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
