//! Sessions of the MariaDB client.

use std::fs;

use anyhow::Result;

use super::blocks::Exchange;
use super::stage::{MARK, split};
use crate::mariadb::MariaDb;

/// What begins a statement, and its further lines.
pub(super) const PROMPTS: [&str; 2] = ["MariaDB> ", "    -> "];

/// What each exchange prints, in one session in `database`.
pub(super) fn outputs(
    server: &MariaDb,
    database: &str,
    exchanges: &[Exchange],
) -> Result<Vec<String>> {
    let mut script = String::new();
    for exchange in exchanges {
        let input = exchange.input.join("\n");
        // A shell command ends with its line, and may hold no semicolon.
        script.push_str(&format!("{input}\n\\! echo {MARK}\n\\! echo {MARK} >&2\n"));
    }
    let client = server.client().database(database).arg("--table").arg("--force");
    let output = client.arg("--unbuffered").run(&script)?;
    let (results, errors) = (split(&output.stdout), split(&output.stderr));
    let part = |parts: &[String], number| parts.get(number).cloned().unwrap_or_default();
    Ok((0..exchanges.len())
        .map(|number| format!("{}{}", part(&results, number), error(&part(&errors, number))))
        .collect())
}

/// The error as a terminal shows it: a script's client repeats the statement and says its line.
fn error(printed: &str) -> String {
    let Some(start) = printed.find("ERROR ") else { return String::new() };
    let error = &printed[start..];
    match (error.find(" at line "), error.find(": ")) {
        (Some(line), Some(message)) if line < message => {
            format!("{}{}", &error[..line], &error[message..])
        }
        _ => error.to_owned(),
    }
}

/// Has the client find the server and the database: the server's folder is for `MYSQL_HOME`.
pub(super) fn write_options(server: &MariaDb, database: &str) -> Result<()> {
    let socket = server.socket();
    let client = format!("[client]\nsocket={}\nuser=root\n", socket.display());
    Ok(fs::write(
        server.folder().join("my.cnf"),
        format!("{client}[mysql]\ndatabase={database}\n"),
    )?)
}

#[cfg(test)]
#[test]
fn errors_are_without_their_line() {
    let printed = "----\nSELECT x\n----\n\nERROR 1054 (42S22) at line 9: Unknown column: 'x'\n";
    assert_eq!(error(printed), "ERROR 1054 (42S22): Unknown column: 'x'\n");
    assert_eq!(error(""), "");
}
