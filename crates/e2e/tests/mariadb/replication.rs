//! A real replica: by rows it gets what the function answered; by statements it calls again.

use e2e::{Brand, MariaDb, wait_until};

use crate::support::{client, playground, quoted, value};

/// A primary that logs in `format`, and its replica.
fn pair(format: &str) -> (MariaDb, MariaDb) {
    let primary = playground()
        .new_mariadb(Brand::MariaDb, |config| {
            config.setting("log-bin", "binlog").setting("binlog-format", format)
        })
        .unwrap();
    let replica = playground()
        .new_mariadb(Brand::MariaDb, |config| config.setting("server-id", "2"))
        .unwrap();
    value(
        &primary,
        "CREATE USER repl@'127.0.0.1'; GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'; RESET MASTER;",
    );
    let port = primary.port();
    value(
        &replica,
        &format!(
            "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {port}, MASTER_USER = 'repl';
             START SLAVE;"
        ),
    );
    (primary, replica)
}

/// Writes one row by a call that counts its runs; the row on both sides, the runs, and whether the
/// server warned that the statement is unsafe.
fn replicate(format: &str) -> (String, String, usize, bool) {
    let (primary, replica) = pair(format);
    let runs = tempfile::NamedTempFile::new_in(playground().folder()).unwrap();
    let event = quoted(&serde_json::json!({ "file": runs.path() }).to_string());
    let script = format!(
        "CREATE DATABASE d; USE d; CREATE TABLE t (answer text);
         INSERT INTO t VALUES (lambda_sync('counter', {event})); SHOW WARNINGS;"
    );
    let output = client(&primary).run(&script).unwrap();
    let warned = output.stdout_if_ok().unwrap().contains("\t1592\tUnsafe statement");
    let find = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'd';";
    wait_until("the row is replicated", || {
        value(&replica, find) == "1" && value(&replica, "SELECT count(*) FROM d.t;") == "1"
    });
    let answer = |server: &MariaDb| value(server, "SELECT answer FROM d.t;");
    let count = std::fs::read_to_string(runs.path()).unwrap().lines().count();
    (answer(&primary), answer(&replica), count, warned)
}

const FIRST: &str = r#"{"count": 1}"#;

/// The row travels: the function runs once.
#[test]
fn by_rows() {
    assert_eq!(replicate("ROW"), (FIRST.to_owned(), FIRST.to_owned(), 1, false));
}

/// The server knows that the statement is not deterministic, and logs its row.
#[test]
fn mixed() {
    assert_eq!(replicate("MIXED"), (FIRST.to_owned(), FIRST.to_owned(), 1, false));
}

/// The statement travels, and the server warns: the replica runs the function again.
#[test]
fn by_statements() {
    let second = r#"{"count": 2}"#.to_owned();
    assert_eq!(replicate("STATEMENT"), (FIRST.to_owned(), second, 2, true));
}
