//! Functions of a statement that is ended, or whose service is, have run once at most.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;

use postgres::NoTls;

use crate::support::{Failure, Session, playground};
use e2e::wait_until;

/// Lines that the function `counter` wrote to the file of each row.
fn runs(folder: &Path) -> Vec<usize> {
    let lines = |entry: io::Result<fs::DirEntry>| {
        fs::read_to_string(entry.unwrap().path()).unwrap().lines().count()
    };
    fs::read_dir(folder).unwrap().map(lines).collect()
}

/// The statement that counts each of its rows in a file of its own.
fn counting(folder: &Path, rows: usize, sleep: u32) -> String {
    format!(
        "SELECT payload ->> 'count' FROM aws_lambda.invoke_query('counter',
           $$SELECT json_build_object('file', '{}/' || n, 'sleep', {sleep})
              FROM generate_series(1, {rows}) AS n$$, max_concurrency => 16)",
        folder.display()
    )
}

/// A service that is killed with calls in flight has run each of them once at most, and a cancel
/// disturbs no later call.
#[test]
fn functions_run_once_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = playground().new_service(|config| config).unwrap();
    let mut session = Session::at(service.endpoint());
    let rows = session.client.query(&counting(folder.path(), 40, 0), &[]).unwrap();
    assert!(rows.len() == 40 && rows.iter().all(|row| row.get::<_, &str>(0) == "1"));
    assert_eq!(runs(folder.path()), [1; 40]);

    for kill in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let sql = counting(folder.path(), 40, 60);
        let token = session.client.cancel_token();
        let thread = thread::spawn(move || {
            let failure = session.client.query(&sql, &[]).map(drop).map_err(Failure::from);
            (session, failure)
        });
        wait_until("a window of functions runs", || {
            runs(folder.path()).iter().sum::<usize>() == 16
        });
        if kill {
            service.kill().unwrap();
        } else {
            token.cancel_query(NoTls).unwrap();
        }
        let (after, result) = thread.join().unwrap();
        session = after;
        let failure = result.unwrap_err();
        assert_eq!(failure.code, if kill { "38000" } else { "57014" }, "{failure:?}");
        let _ = session.client.batch_execute("SELECT pg_sleep(0.1)");
        if kill {
            failure.assert_api("Connection closed before the response was complete");
            assert!(failure.hint.contains("The function may have run"), "{failure:?}");
            session.assert_usable();
        } else {
            let sql = "SELECT payload::text FROM aws_lambda.invoke_query('echo',
                'SELECT generate_series(1, 100)', max_concurrency => 64)";
            let rows = session.client.query(sql, &[]).unwrap();
            let payloads = rows.iter().map(|row| row.get::<_, String>(0));
            assert!(payloads.eq((1..=100).map(|number| number.to_string())));
        }
        assert!(runs(folder.path()).iter().all(|runs| *runs == 1), "{:?}", runs(folder.path()));
    }
}
