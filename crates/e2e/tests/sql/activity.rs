//! The calls in flight, seen from another session, however they end.

use std::thread::{self, JoinHandle};

use e2e::{Cluster, wait_until};
use nix::sys::signal::Signal;
use postgres::{Client, NoTls};

use crate::statistics::counting;
use crate::support::Session;

/// A session that waits for a function, and its backend.
fn waiting(cluster: &Cluster, database: &str, sql: &str) -> (u32, JoinHandle<Option<String>>) {
    let mut client = Client::connect(&cluster.connection_string(database), NoTls).unwrap();
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    let sql = sql.to_owned();
    let thread = thread::spawn(move || {
        let error = client.simple_query(&sql).expect_err("it was to be ended");
        error.code().map(|code| code.code().to_owned())
    });
    (pid.unsigned_abs(), thread)
}

const SLOW: &str = "SELECT * FROM aws_lambda.invoke('sleeps:$LATEST', '{\"seconds\": 60}'::json)";

const ROWS: &str = "SELECT count(*) FROM aws_lambda.stat_activity";

/// While a call waits it is shown, with who makes it; cancelled, timed out or terminated it is gone,
/// and counted as what it was.
#[test]
fn calls_are_shown_until_they_end() {
    let (cluster, database) = counting();
    let mut watcher = Session::open(&cluster, &database);
    assert_eq!(watcher.text(ROWS), "0");
    let ends = [
        ("SET statement_timeout = 0", Some(Signal::SIGINT), "57014"),
        ("SET statement_timeout = 1500", None, "57014"),
        ("SET statement_timeout = 0", Some(Signal::SIGTERM), "57P01"),
    ];
    for (number, (setting, signal, code)) in ends.into_iter().enumerate() {
        let (pid, thread) = waiting(&cluster, &database, &format!("{setting}; {SLOW}"));
        wait_until("the call is shown", || watcher.text(ROWS) == "1");
        let row = watcher.row(
            "SELECT pid, datname, rolname, function_name, qualifier, calls, since BETWEEN now() - '30 s'::interval AND now()
             FROM aws_lambda.stat_activity",
        );
        let pid_text = pid.to_string();
        let expected = [&pid_text, &database, "postgres", "sleeps", "$LATEST", "1", "t"];
        assert_eq!(row, expected.map(|text| Some(text.to_owned())));
        if let Some(signal) = signal {
            cluster.signal_backend(pid, signal).unwrap();
        }
        let ended = thread.join().unwrap();
        // The driver may see the end of the connection before it has given out what came before it.
        assert!(ended.as_deref() == Some(code) || ended.is_none() && code == "57P01", "{ended:?}");
        wait_until("the call is not shown", || watcher.text(ROWS) == "0");
        let cancels = watcher.text("SELECT sum(cancels) FROM aws_lambda.stat_invocations");
        assert_eq!(cancels, (number + 1).to_string());
    }
    assert_eq!(watcher.text("SELECT sum(calls) FROM aws_lambda.stat_invocations"), "3");
}

/// Sessions that call at the same time have a row each, which other roles do not see.
#[test]
fn each_session_is_shown_by_itself() {
    let (cluster, database) = counting();
    let calls: Vec<_> = (0..3).map(|_| waiting(&cluster, &database, SLOW)).collect();
    let mut watcher = Session::open(&cluster, &database);
    wait_until("all calls are shown", || watcher.text(ROWS) == "3");
    let pids = "SELECT string_agg(pid::text, ',' ORDER BY pid) FROM aws_lambda.stat_activity";
    let mut expected: Vec<u32> = calls.iter().map(|(pid, _)| *pid).collect();
    expected.sort_unstable();
    let expected: Vec<String> = expected.iter().map(u32::to_string).collect();
    assert_eq!(watcher.text(pids), expected.join(","));
    let user = crate::support::role(&cluster, "outsider");
    watcher.run(&format!("GRANT USAGE ON SCHEMA aws_lambda TO {user}"));
    assert_eq!(Session::open_as(&user, &cluster, &database).text(ROWS), "0");
    for (pid, thread) in calls {
        cluster.signal_backend(pid, Signal::SIGINT).unwrap();
        thread.join().unwrap();
    }
    assert_eq!(watcher.text(ROWS), "0");
}

/// The calls of one statement are one row; a superuser's limit caps them; cancelled, all of them are
/// counted.
#[test]
fn the_calls_of_one_statement_are_counted_one_by_one() {
    let (cluster, database) = counting();
    let mut watcher = Session::open(&cluster, &database);
    let many = "SELECT count(*) FROM aws_lambda.invoke_many('sleeps',
        array_fill('{\"seconds\": 60}'::json, ARRAY[12]), max_concurrency => 6)";
    let rows = "SELECT coalesce(string_agg(calls::text, ','), '') FROM aws_lambda.stat_activity";
    for (limit, expected) in [(128, "6"), (2, "2")] {
        let sql = format!("SET aws_lambda.max_concurrency = {limit}; {many}");
        let (pid, thread) = waiting(&cluster, &database, &sql);
        wait_until("the calls are shown", || watcher.text(rows) == expected);
        cluster.signal_backend(pid, Signal::SIGINT).unwrap();
        assert_eq!(thread.join().unwrap().as_deref(), Some("57014"));
        wait_until("the calls are not shown", || watcher.text(rows).is_empty());
        let cancels =
            "SELECT string_agg(calls || ' ' || cancels, ',') FROM aws_lambda.stat_invocations";
        assert_eq!(watcher.text(cancels), format!("{expected} {expected}"));
        watcher.run("SELECT aws_lambda.stat_reset()");
    }
    watcher.run("SELECT * FROM aws_lambda.invoke_many('echo', ARRAY['1', '2', '3']::json[])");
    let calls =
        "SELECT string_agg(function_name || ' ' || calls, ',') FROM aws_lambda.stat_invocations";
    assert_eq!(watcher.text(calls), "echo 3");
    watcher.run("SET aws_lambda.allowed_functions = 'simple'");
    let failure = watcher.fail("SELECT * FROM aws_lambda.invoke_many('echo', ARRAY['1']::json[])");
    assert_eq!(failure.code, "42501");
    let failure = watcher.fail("SELECT * FROM aws_lambda.invoke_query('echo', 'SELECT 1')");
    assert_eq!(failure.code, "42501");
    assert_eq!(watcher.text(calls), "echo 3");
}

/// `kill -9` of a backend makes the server start anew: nothing is left in flight, and it counts on.
#[test]
fn a_killed_backend_leaves_nothing_behind() {
    let (cluster, database) = counting();
    let (pid, thread) = waiting(&cluster, &database, SLOW);
    let mut watcher = Session::open(&cluster, &database);
    wait_until("the call is shown", || watcher.text(ROWS) == "1");
    cluster.signal_backend(pid, Signal::SIGKILL).unwrap();
    thread.join().unwrap();
    // The watcher's session ends when the server notices, which may be later than we do.
    wait_until("the server has noticed", || watcher.client.simple_query("SELECT 1").is_err());
    wait_until("the server is back", || {
        let connection = Client::connect(&cluster.connection_string(&database), NoTls);
        connection.is_ok_and(|mut client| client.simple_query("SELECT 1").is_ok())
    });
    let mut session = Session::open(&cluster, &database);
    assert_eq!(session.text(ROWS), "0");
    assert_eq!(session.text("SELECT count(*) FROM aws_lambda.stat_invocations"), "0");
    session.assert_usable();
    assert_eq!(session.text("SELECT sum(calls) FROM aws_lambda.stat_invocations"), "1");
}
