//! Kills, time limits and shutdown end a waiting call at once, with the server's own error.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use e2e::{Brand, MariaDb, wait_until};

use crate::support::{brands, client, on_both, parse_error, playground, value};

/// Far longer than any test waits.
const SLEEP: &str =
    r#"SELECT lambda_invoke('sleeps', '{"seconds": 100}', '{"request_timeout_ms": 100000}');"#;

/// "At once" on a busy machine.
const SOON: Duration = Duration::from_secs(10);

/// Starts the call in a session of its own, named by a comment, and waits until it waits.
fn waiting_call(server: &MariaDb, mark: &str) -> (Child, String) {
    let script = format!("/* {mark} */ {SLEEP}");
    let mut command =
        client(server).arg("--comments").arg(format!("--execute={script}")).into_command();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let find = format!(
        "SELECT id FROM information_schema.processlist
         WHERE info LIKE '%{mark}%' AND id <> connection_id();"
    );
    let mut id = String::new();
    wait_until("the call waits", || {
        id = value(server, &find);
        !id.is_empty()
    });
    // In the processlist a statement stands before it has called.
    std::thread::sleep(Duration::from_millis(100));
    (child, id)
}

/// What the session's client printed at its end, which must be soon.
fn ending(child: Child) -> String {
    let begin = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    String::from_utf8(output.stderr).unwrap()
}

on_both! {
    fn kill_query(server) {
        let (child, id) = waiting_call(server, "kill_query");
        value(server, &format!("KILL QUERY {id};"));
        let error = parse_error(&ending(child));
        assert_eq!((error.number, error.state.as_str()), (1317, "70100"));
        assert_eq!(error.message, "Query execution was interrupted");
    }

    fn kill_connection(server) {
        let (child, id) = waiting_call(server, "kill_connection");
        value(server, &format!("KILL {id};"));
        let said = ending(child);
        assert!(said.contains("ERROR 2013") || said.contains("ERROR 1927"), "{said}");
        wait_until("the session is gone", || {
            let left = format!("SELECT count(*) FROM information_schema.processlist WHERE id = {id};");
            value(server, &left) == "0"
        });
    }

    /// The statement's own time limit; the session goes on.
    fn time_limit(server) {
        let call = &SLEEP["SELECT ".len()..];
        let (sql, number) = match server.install().brand {
            Brand::MariaDb => (format!("SET STATEMENT max_statement_time = 0.2 FOR SELECT {call}"), 1969),
            Brand::MySql => (format!("SELECT /*+ MAX_EXECUTION_TIME(200) */ {call}"), 3024),
        };
        let begin = Instant::now();
        let output = client(server).arg("--comments").arg("--force").run(&format!("{sql}\nSELECT 'alive';")).unwrap();
        assert!(begin.elapsed() < SOON);
        assert_eq!(parse_error(&output.stderr).number, number, "{}", output.stderr);
        assert_eq!(output.stdout, "alive\n");
    }
}

/// A shutdown waits for no call, and is an orderly one.
#[test]
fn shutdown() {
    for brand in brands() {
        let mut server = playground().new_mariadb(brand, |config| config).unwrap();
        let (child, _) = waiting_call(&server, "shutdown");
        let begin = Instant::now();
        server.stop().unwrap();
        assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
        let said = ending(child);
        assert!(said.contains("ERROR "), "{said}");
        assert!(
            !server.log_text().unwrap().contains("got signal"),
            "{}",
            server.log_text().unwrap()
        );
    }
}
