//! Calls from many sessions, and from wherever in a transaction SQL can stand.

use std::io::Write as _;
use std::thread;

use e2e::{Cluster, wait_until};

use crate::support::{Session, database, playground, proc};

/// Fifty sessions that call at once get each their own answers.
#[track_caller]
fn call_from_fifty_sessions(cluster: &Cluster, database: &str) {
    thread::scope(|scope| {
        for number in 0..50 {
            let mut session = Session::open_in(cluster, database);
            scope.spawn(move || {
                for call in 0..20 {
                    let event = format!("[{number}, {call}]");
                    assert_eq!(session.call("echo", &event).unwrap().payload, Some(event));
                }
            });
        }
    });
}

/// Fifty sessions call at once.
#[test]
fn many_sessions_call_at_once() {
    call_from_fifty_sessions(playground().cluster(), database());
}

/// A preloaded library starts nothing in the postmaster; its sessions are many, call at once, and
/// are cancelled and ended as others are.
#[test]
fn a_preloaded_library_works_the_same() {
    let change = |config: e2e::ClusterConfig| {
        let preload = config.setting("shared_preload_libraries", "aws_lambda");
        // Settings of the file are known, and checked, from the start.
        preload.setting("aws_lambda.request_timeout_ms", "45000")
    };
    let mut cluster = playground().new_cluster(change).unwrap();
    let postmaster = cluster.pid().unwrap();
    assert_eq!(proc::threads(postmaster).len(), 1);
    let shown = cluster.query("sqlambda_template", "SHOW aws_lambda.request_timeout_ms").unwrap();
    assert_eq!(shown, "45000");
    call_from_fifty_sessions(&cluster, "sqlambda_template");

    let mut session = Session::open_in(&cluster, "sqlambda_template");
    session.run("SET statement_timeout = 300");
    let failure = session.fail("sleeps", "{\"seconds\": 5}");
    failure.assert_own("57014", "canceling statement due to statement timeout");
    session.assert_usable();
    let pid = session.pid;
    drop(session);
    wait_until("the backend is gone", || !proc::is_running(pid));
    assert_eq!(proc::threads(postmaster).len(), 1);
    cluster.restart().unwrap();
    Session::open_in(&cluster, "sqlambda_template").assert_usable();
    let log = cluster.log_text().unwrap();
    assert!(!log.contains("terminated by signal") && !log.contains("PANIC"), "{log}");
}

/// A query that PostgreSQL runs in parallel calls from its leader.
#[test]
fn a_call_in_a_parallel_query_runs_in_the_leader() {
    let mut session = Session::open();
    session.run(
        "CREATE TABLE parallel_rows AS SELECT generate_series(1, 2000) AS n;
         ANALYZE parallel_rows;
         SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
         SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2",
    );
    let query = "SELECT n, (aws_lambda.invoke('echo', to_json(n))).payload::text
                   FROM parallel_rows WHERE n % 100 = 0";
    let plan = session.client.query(&format!("EXPLAIN {query}"), &[]).unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("Parallel Seq Scan")), "{plan:?}");
    let rows = session.client.query(query, &[]).unwrap();
    assert_eq!(rows.len(), 20);
    for row in rows {
        assert_eq!(row.get::<_, i32>(0).to_string(), row.get::<_, String>(1));
    }
    // What debuggers of functions that are wrongly marked use: everything goes to workers.
    let force = if session.major() < 16 { "force_parallel_mode" } else { "debug_parallel_query" };
    session.run(&format!("SET {force} = on"));
    assert_eq!(session.call("echo", "1").unwrap().payload.as_deref(), Some("1"));
    session.run("DROP TABLE parallel_rows");
}

/// An exception handler catches a call's error by SQLSTATE and reads its parts; the transaction
/// goes on, calls again and commits.
#[test]
fn an_exception_handler_catches_a_calls_error() {
    let mut session = Session::open();
    session.run(
        "CREATE TEMP TABLE handled (state text, message text, detail text);
         DO $$
         DECLARE state text; message text; detail text; answer json;
         BEGIN
           FOR number IN 1..50 LOOP
             BEGIN
               INSERT INTO handled VALUES ('rolled', 'back', '');
               PERFORM aws_lambda.invoke('raises', '{}'::json);
             EXCEPTION WHEN external_routine_exception THEN
               GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE,
                 message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
               INSERT INTO handled VALUES (state, message, detail);
             END;
             SELECT payload FROM aws_lambda.invoke('echo', to_json(number)) INTO answer;
             IF answer::text <> number::text THEN RAISE 'wrong answer %', answer; END IF;
           END LOOP;
         END $$",
    );
    let rows = session.client.query("SELECT DISTINCT state, message FROM handled", &[]).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<_, &str>(0), "38000");
    assert_eq!(rows[0].get::<_, &str>(1), "lambda invocation failed");
    let count: i64 = session.client.query_one("SELECT count(*) FROM handled", &[]).unwrap().get(0);
    assert_eq!(count, 50);
}

/// A savepoint is rolled back after a call's error and after a timeout, and the transaction goes
/// on to commit.
#[test]
fn a_savepoint_survives_a_calls_error() {
    let mut session = Session::open();
    session.run("CREATE TEMP TABLE kept (n int); BEGIN; INSERT INTO kept VALUES (1); SAVEPOINT s");
    session.fail("raises", "{}").assert_function("always raises");
    session.run("ROLLBACK TO s; SET LOCAL aws_lambda.request_timeout_ms = 200");
    session.fail("sleeps", "{\"seconds\": 5}").assert_api("Request timed out after 200 ms");
    session.run("ROLLBACK TO s; SET LOCAL statement_timeout = 200");
    assert_eq!(session.fail("sleeps", "{\"seconds\": 5}").code, "57014");
    session.run("ROLLBACK TO s");
    assert_eq!(session.call("echo", "1").unwrap().payload.as_deref(), Some("1"));
    session.run("INSERT INTO kept VALUES (2); COMMIT");
    let count: i64 = session.client.query_one("SELECT count(*) FROM kept", &[]).unwrap().get(0);
    assert_eq!(count, 2);
}

/// A cursor that is closed early has called for the rows that were fetched, no more.
#[test]
fn a_cursor_that_is_closed_early_calls_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("count");
    let event = serde_json::json!({ "file": &file }).to_string();
    let mut session = Session::open();
    session.run(&format!(
        "BEGIN;
         DECLARE calls CURSOR FOR SELECT n, payload FROM generate_series(1, 100) AS n,
           LATERAL aws_lambda.invoke('counter', ('{event}'::jsonb || jsonb_build_object('n', n))::json)"
    ));
    assert_eq!(session.client.query("FETCH 3 FROM calls", &[]).unwrap().len(), 3);
    session.run("CLOSE calls; COMMIT");
    session.assert_usable();
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 3);
}

/// A row trigger calls once for each row of a COPY, and a call's error ends the COPY.
#[test]
fn a_trigger_calls_for_every_row_of_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("count");
    let mut session = Session::open();
    session.run(&format!(
        "CREATE TABLE orders (n int, function text);
         CREATE FUNCTION notify_order() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
           PERFORM * FROM aws_lambda.invoke(
             aws_commons.create_lambda_function_arn(NEW.function, 'us-east-1'),
             json_build_object('file', '{}', 'n', NEW.n)::json);
           RETURN NEW;
         END $$;
         CREATE TRIGGER notify AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION notify_order()",
        file.display()
    ));
    let mut copy = |rows: &str| {
        let mut writer = session.client.copy_in("COPY orders FROM STDIN")?;
        writer.write_all(rows.as_bytes()).unwrap();
        writer.finish()
    };
    let rows: String = (1..=100).map(|n| format!("{n}\tcounter\n")).collect();
    assert_eq!(copy(&rows).unwrap(), 100);
    let runs = || std::fs::read_to_string(&file).unwrap().lines().count();
    assert_eq!(runs(), 100);

    let error = copy("1\tcounter\n2\traises\n3\tcounter\n").unwrap_err();
    assert_eq!(error.as_db_error().unwrap().message(), "lambda invocation failed");
    assert_eq!(runs(), 101);
    let kept: i64 = session.client.query_one("SELECT count(*) FROM orders", &[]).unwrap().get(0);
    assert_eq!(kept, 100);
    session.run("DROP TABLE orders; DROP FUNCTION notify_order");
}

/// `DISCARD ALL`, as poolers run it between two clients, resets the settings and leaves the rest
/// as good as it was.
#[test]
fn a_session_that_a_pooler_reuses_starts_afresh() {
    let mut session = Session::open();
    let threads = {
        session.assert_usable();
        proc::threads(session.pid).len()
    };
    for number in 0..100 {
        session.set("aws_lambda.request_timeout_ms", "1");
        session.run("DISCARD ALL");
        let event = number.to_string();
        assert_eq!(session.call("echo", &event).unwrap().payload, Some(event));
    }
    let shown: String =
        session.client.query_one("SHOW aws_lambda.request_timeout_ms", &[]).unwrap().get(0);
    assert_eq!(shown, "3000");
    assert_eq!(proc::threads(session.pid).len(), threads);
}

/// Two databases, each with the extensions of its own, call at the same time.
#[test]
fn two_databases_call_at_once() {
    let other = playground().cluster().create_database().unwrap();
    let open = |name: &str| Session::open_in(playground().cluster(), name);
    let (mut here, mut there) = (open(database()), open(&other));
    for number in 0..50 {
        let event = number.to_string();
        assert_eq!(here.call("echo", &event).unwrap().payload.as_ref(), Some(&event));
        assert_eq!(there.call("echo", &event).unwrap().payload, Some(event));
    }
    // Dropping the extension under a session that used it is that session's own error.
    there.run("DROP EXTENSION aws_lambda");
    assert_eq!(there.fail("echo", "1").code, "3F000");
    there.run("CREATE EXTENSION aws_lambda");
    there.assert_usable();
    here.assert_usable();
}
