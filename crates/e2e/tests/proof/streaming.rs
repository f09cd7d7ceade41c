//! A statement reads, sends and holds no more than it needs.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use e2e::RawServer;
use postgres::Client;

use crate::support::session;

/// Calls in flight, at most.
const WINDOW: usize = 8;

/// A server that answers `1`, and records what it was asked.
fn recorder() -> RawServer {
    RawServer::start(|connection| {
        while connection.read_request()?.is_some() {
            connection.respond(200, &[], b"1")?;
        }
        Ok(())
    })
    .unwrap()
}

/// A session at `server`, and a sequence that counts the rows which were read.
fn session_at(server: &RawServer) -> Client {
    let mut client = session();
    client
        .execute("SELECT set_config('aws_lambda.endpoint_override', $1, false)", &[&server.url()])
        .unwrap();
    client.batch_execute("CREATE TEMP SEQUENCE read_rows").unwrap();
    client
}

/// Rows that were read of the query below since the last question.
fn rows_read(client: &mut Client) -> usize {
    let sql = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM read_rows";
    let count: i64 = client.query_one(sql, &[]).unwrap().get(0);
    client.batch_execute("ALTER SEQUENCE read_rows RESTART").unwrap();
    usize::try_from(count).unwrap()
}

const CALLS: &str = "aws_lambda.invoke_query('f',
    'SELECT nextval(''read_rows'') FROM generate_series(1, 100000)', max_concurrency => 8)";

/// How many calls the server has recorded. An abandoned call may still be on its way there.
fn recorded(server: &RawServer) -> usize {
    let mut count = server.requests().len();
    loop {
        thread::sleep(Duration::from_millis(100));
        match server.requests().len() {
            now if now == count => return now,
            now => count = now,
        }
    }
}

/// Whoever wants `wanted` rows pays for no more than these and a full window.
#[track_caller]
fn assert_paid(server: &RawServer, client: &mut Client, before: usize, wanted: usize, what: &str) {
    let calls = recorded(server) - before;
    assert!((wanted..=wanted + WINDOW).contains(&calls), "{what}: {calls} calls");
    let read = rows_read(client);
    assert!((wanted..=wanted + WINDOW).contains(&read), "{what}: {read} rows read");
}

/// `LIMIT`, `EXISTS` and an aggregate's arguments of a sublink stop at the rows that they want.
#[test]
fn statements_that_want_few_rows_make_few_calls() {
    let server = recorder();
    let mut client = session_at(&server);
    for (sql, wanted) in [
        (format!("SELECT * FROM {CALLS} LIMIT 3"), 3),
        (format!("SELECT * FROM {CALLS} OFFSET 2 LIMIT 3"), 5),
        (format!("SELECT * FROM {CALLS} FETCH FIRST ROW ONLY"), 1),
        (format!("SELECT 1 WHERE EXISTS (SELECT FROM {CALLS})"), 1),
        (format!("SELECT (SELECT payload::text FROM {CALLS} LIMIT 1)"), 1),
        (format!("SELECT ordinality FROM {CALLS} WHERE ordinality % 5 = 0 LIMIT 2"), 10),
        (format!("WITH calls AS (SELECT * FROM {CALLS}) SELECT * FROM calls LIMIT 4"), 4),
        (format!("SELECT ({CALLS}).ordinality LIMIT 3"), 3),
        (format!("SELECT * FROM {CALLS} LIMIT 0"), 0),
    ] {
        let before = recorded(&server);
        client.query(&sql, &[]).unwrap();
        assert_paid(&server, &mut client, before, wanted, &sql);
    }
}

/// A cursor calls for what is fetched, ends its calls when it is closed, and may be scrolled back
/// without a call being made again.
#[test]
fn cursors_call_for_what_is_fetched() {
    let server = recorder();
    let mut client = session_at(&server);
    for (kind, end) in [
        ("", "CLOSE calls; COMMIT"),
        ("", "COMMIT"),
        ("", "ROLLBACK"),
        ("NO SCROLL", "CLOSE ALL; COMMIT"),
        ("SCROLL", "MOVE BACKWARD ALL FROM calls; FETCH 5 FROM calls; COMMIT"),
    ] {
        let before = recorded(&server);
        let what = format!("{kind} CURSOR, {end}");
        client
            .batch_execute(&format!("BEGIN; DECLARE calls {kind} CURSOR FOR SELECT * FROM {CALLS}"))
            .unwrap();
        assert_eq!(server.requests().len(), before, "nothing is called before the first row");
        assert_eq!(client.query("FETCH 5 FROM calls", &[]).unwrap().len(), 5);
        client.batch_execute(end).unwrap();
        assert_paid(&server, &mut client, before, 5, &what);
    }
}

/// Memory of the backend that is its own, in KB.
fn private_kb(pid: i32) -> u64 {
    status_kb(pid, "RssAnon:")
}

/// A figure of `/proc/<pid>/status`, in KB.
fn status_kb(pid: i32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Answers that wait for an earlier one are no more than a window's, however many rows follow.
#[test]
fn memory_holds_a_windows_answers() {
    const ANSWER: usize = 1 << 20;
    let server = RawServer::start(|connection| {
        while let Some(request) = connection.read_request()? {
            if request.body == b"1" {
                thread::sleep(Duration::from_secs(2));
            }
            let answer = format!("\"{}\"", "x".repeat(ANSWER));
            connection.respond(200, &[], answer.as_bytes())?;
        }
        Ok(())
    })
    .unwrap();
    let mut client = session_at(&server);
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    let watched = Arc::new(AtomicBool::new(true));
    let watching = Arc::clone(&watched);
    let watch = thread::spawn(move || {
        let mut most = 0;
        while watching.load(Ordering::SeqCst) {
            most = most.max(private_kb(pid));
            thread::sleep(Duration::from_millis(5));
        }
        most
    });
    let before = private_kb(pid);
    let sql = "SELECT count(*), sum(length(payload::text)) FROM aws_lambda.invoke_query('f',
        'SELECT generate_series(1, 200)', max_concurrency => 8)";
    let row = client.query_one(sql, &[]).unwrap();
    assert_eq!((row.get(0), row.get(1)), (200_i64, 200 * (ANSWER as i64 + 2)));
    watched.store(false, Ordering::SeqCst);
    let grown = watch.join().unwrap() - before;
    // What is received, checked and shown is copied a few times; 200 answers are 200 MB.
    let bound = 3 * WINDOW as u64 * 1024 + 4_000;
    assert!(grown < bound, "grown by {grown} KB");
}

/// Rows that are too long for any call are held no more of than of those that are not.
#[test]
fn memory_holds_few_rows_that_are_too_long() {
    let mut client = session();
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    let sql =
        "SELECT count(*), count(DISTINCT error ->> 'type') FROM aws_lambda.invoke_query('echo',
        'SELECT repeat(''x'', 30000000) FROM generate_series(1, 24)', on_error => 'return')";
    let row = client.query_one(sql, &[]).unwrap();
    assert_eq!((row.get(0), row.get(1)), (24_i64, 1_i64));
    let peak = status_kb(pid, "VmHWM:");
    assert!(peak < 450_000, "{peak} KB at most");
}

/// Memory does not grow with the number of rows, in a plain statement and through a cursor.
#[test]
fn memory_is_flat_over_200_000_rows() {
    const ROWS: i64 = 200_000;
    const SLACK_KB: u64 = 12_000;
    let mut client = session();
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    let run = |client: &mut Client, rows: i64| {
        let sql = format!(
            "SELECT count(*), sum((payload #>> '{{n}}')::bigint)::bigint, sum(ordinality)::bigint
               FROM aws_lambda.invoke_query('echo', 'SELECT n, repeat(''x'', 50) AS x
                      FROM generate_series(1, {rows}) AS n', batch_size => 500)"
        );
        let row = client.query_one(&sql, &[]).unwrap();
        let sum = rows * (rows + 1) / 2;
        assert_eq!((row.get(0), row.get(1), row.get(2)), (rows, Some(sum), Some(sum)));
    };
    run(&mut client, 20_000);
    let before = private_kb(pid);
    run(&mut client, ROWS);
    let after = private_kb(pid);
    assert!(after <= before + SLACK_KB, "{before} KB, then {after} KB");

    let sql = format!(
        "BEGIN; DECLARE calls CURSOR FOR SELECT payload FROM aws_lambda.invoke_query('echo',
           'SELECT n FROM generate_series(1, {ROWS}) AS n', batch_size => 500)"
    );
    client.batch_execute(&sql).unwrap();
    let mut fetched = 0;
    let mut most = 0;
    while fetched < ROWS {
        client.batch_execute("MOVE 10000 FROM calls").unwrap();
        fetched += 10_000;
        most = most.max(private_kb(pid));
    }
    assert!(client.query("FETCH 1 FROM calls", &[]).unwrap().is_empty());
    client.batch_execute("COMMIT").unwrap();
    assert!(most <= before + SLACK_KB, "{before} KB, then {most} KB");
}
