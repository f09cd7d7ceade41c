use std::sync::MutexGuard;
use std::thread;
use std::time::Duration;

use e2e::{Example, wait_until};
use postgres::{Client, NoTls};

use crate::support::{Shared, connect, log, mariadb, play, shared, start, try_mariadb, turn};

static EXAMPLE: Shared = Shared::new(|| shared("write-back"));

/// A test's turn, with the readings 1 and 2.
fn with_readings() -> (MutexGuard<'static, Example>, Client) {
    let example = turn(&EXAMPLE);
    let mut session = connect(&example);
    let clear = "TRUNCATE temp_reading;
                 INSERT INTO temp_reading (id, reading_value) VALUES (1, 60.5), (2, 70.5)";
    session.batch_execute(clear).unwrap();
    mariadb(&example, clear);
    (example, session)
}

/// A call of the function; `more` are further members of the event.
fn calibrate(id: i32, more: &str) -> String {
    format!("SELECT awslambda_fn('lambdaCalibrateReading', '{{\"id\": {id}{more}}}')")
}

const WAIT: &str = ", \"wait\": true";

fn text(session: &mut Client, sql: &str) -> Option<String> {
    session.query_one(sql, &[]).unwrap().get(0)
}

fn calibrated(session: &mut Client, id: i32) -> Option<String> {
    text(session, &format!("SELECT calibrated_value::text FROM temp_reading WHERE id = {id}"))
}

/// The README is true; and the function that its caller gave up wrote nevertheless, after the
/// caller's rollback, as the README warns.
#[test]
fn its_readme_is_true() {
    let example = start("write-back");
    play(&example);
    let mut session = connect(&example);
    let row = "SELECT reading_value || ' ' || calibrated_value FROM temp_reading WHERE id = 1";
    assert_eq!(text(&mut session, row).as_deref(), Some("60.5 60.0"));
}

/// The function sees what is committed, and nothing else of the caller's transaction: neither new
/// rows nor changed ones.
#[test]
fn the_open_transaction_is_invisible() {
    let (_example, mut session) = with_readings();
    let mut open = session.transaction().unwrap();
    open.batch_execute("INSERT INTO temp_reading VALUES (3, 80.5)").unwrap();
    open.batch_execute("UPDATE temp_reading SET reading_value = 0 WHERE id = 2").unwrap();
    let answer: String = open.query_one(&calibrate(3, ""), &[]).unwrap().get(0);
    assert_eq!(answer, r#"{"Status": "not found"}"#);
    // A row that this transaction does not hold: what the function commits is seen at once.
    open.query_one(&calibrate(1, ""), &[]).unwrap();
    let seen = "SELECT calibrated_value::text FROM temp_reading WHERE id = 1";
    let seen: String = open.query_one(seen, &[]).unwrap().get(0);
    assert_eq!(seen, "60.0");
    open.rollback().unwrap();
    assert_eq!(calibrated(&mut session, 1).as_deref(), Some("60.0"), "not undone");
}

/// In a snapshot that was taken before, what the function commits is not seen, and the row cannot be
/// changed any more.
#[test]
fn a_snapshot_does_not_see_what_the_function_commits() {
    let (_example, mut session) = with_readings();
    session.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").unwrap();
    assert_eq!(calibrated(&mut session, 1), None);
    session.query_one(&calibrate(1, ""), &[]).unwrap();
    assert_eq!(calibrated(&mut session, 1), None);
    let change = "UPDATE temp_reading SET reading_value = 0 WHERE id = 1";
    let refused = session.batch_execute(change).unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "40001");
}

/// The caller waits for the function, the function for the caller's row. PostgreSQL knows the second
/// half only: its detector, which runs after `deadlock_timeout`, finds nothing, and the request
/// timeout ends it. Then the function gets the row, and commits.
#[test]
fn the_deadlock_is_invisible_to_postgresql() {
    let (example, mut session) = with_readings();
    // So that a process is there: what is waited for below is the lock.
    session.query_one(&calibrate(2, ""), &[]).unwrap();
    let pid: i32 = session.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    let detector = "SELECT setting::int FROM pg_settings WHERE name = 'deadlock_timeout'";
    let detects_after: i32 = session.query_one(detector, &[]).unwrap().get(0);
    let caller = thread::spawn(move || {
        session.batch_execute("SET aws_lambda.request_timeout_ms = 4000; BEGIN").unwrap();
        session.batch_execute("UPDATE temp_reading SET reading_value = 1 WHERE id = 1").unwrap();
        let error = session.query_one(&calibrate(1, WAIT), &[]).unwrap_err();
        session.batch_execute("ROLLBACK").unwrap();
        error.as_db_error().unwrap().detail().unwrap().to_owned()
    });

    let mut observer = connect(&example);
    let waiting =
        "SELECT pg_blocking_pids(pid), pg_blocking_pids($1), clock_timestamp() - query_start
                   > make_interval(secs => $2) FROM pg_stat_activity
                   WHERE application_name = 'lambdaCalibrateReading' AND wait_event_type = 'Lock'";
    let patience = f64::from(detects_after) / 1000.0 + 0.5;
    let mut blocked = Vec::new();
    wait_until("the function waits, longer than the detector does", || {
        let row = observer.query_opt(waiting, &[&pid, &patience]).unwrap();
        row.is_some_and(|row| {
            blocked = vec![row.get::<_, Vec<i32>>(0), row.get(1)];
            row.get(2)
        })
    });
    assert_eq!(blocked, [vec![pid], vec![]], "the function by the caller, the caller by nobody");

    let told = caller.join().unwrap();
    assert_eq!(told, "AWS Lambda client returned 'Request timed out after 4000 ms'.");
    wait_until("the function has committed", || calibrated(&mut observer, 1).is_some());
    let server = example.stage().cluster().log_text().unwrap();
    assert!(!server.contains("deadlock detected"), "{server}");
}

/// With a lock timeout in the function, the caller is told before it gives up, and nothing is left.
#[test]
fn a_lock_timeout_in_the_function_is_told_and_leaves_nothing() {
    let (example, mut session) = with_readings();
    session.batch_execute("BEGIN; UPDATE temp_reading SET reading_value = 1 WHERE id = 1").unwrap();
    let error = session.query_one(&calibrate(1, ""), &[]).unwrap_err();
    let report = error.as_db_error().unwrap();
    assert_eq!(report.code().code(), "38000");
    assert!(report.message().contains("\"errorType\": \"LockTimeout\""), "{report:?}");
    session.batch_execute("ROLLBACK").unwrap();
    let left = "SELECT count(*) FROM pg_stat_activity
                WHERE application_name = 'lambdaCalibrateReading'";
    wait_until("the function's session has ended", || {
        session.query_one(left, &[]).unwrap().get::<_, i64>(0) == 0
    });
    assert_eq!(calibrated(&mut session, 1), None);
    wait_until("the log says why", || log(&example).contains("another transaction holds the row"));
}

/// An event that is sent after the commit finds the row; one that is sent before it may not.
#[test]
fn an_event_after_the_commit_finds_the_row() {
    let (example, mut session) = with_readings();
    let calls = |example: &Example| log(example).matches("END RequestId").count();
    let before = calls(&example);
    let send = "SELECT awslambda_fn_async('lambdaCalibrateReading', '{\"id\": 3}')";
    let insert = "INSERT INTO temp_reading VALUES (3, 80.5)";
    let mut open = session.transaction().unwrap();
    open.batch_execute(insert).unwrap();
    open.query_one(send, &[]).unwrap();
    wait_until("the event has run", || calls(&example) > before);
    open.commit().unwrap();
    assert_eq!(calibrated(&mut session, 3), None, "it ran before the commit");
    session.query_one(send, &[]).unwrap();
    wait_until("the event has run", || calibrated(&mut session, 3).as_deref() == Some("80.0"));
}

/// The function's role can do what the function is for, and no more.
#[test]
fn the_functions_role_can_do_nothing_else() {
    let (example, _session) = with_readings();
    let (cluster, database) = (example.stage().cluster(), example.stage().database());
    let connection = cluster.connection_string_as("lambda_writer", database);
    let mut writer = Client::connect(&connection, NoTls).unwrap();
    for refused in [
        "UPDATE temp_reading SET reading_value = 0",
        "DELETE FROM temp_reading",
        "SELECT awslambda_fn('lambdaCalibrateReading', '{}')",
        "SELECT aws_lambda.invoke('lambdaCalibrateReading', '{}'::json)",
    ] {
        let error = writer.batch_execute(refused).unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{refused}");
    }
    writer.batch_execute("UPDATE temp_reading SET calibrated_value = 1 WHERE id = 2").unwrap();
}

/// InnoDB sees no more of the deadlock than PostgreSQL does: the function waits for the caller's
/// row, the caller for nothing. Then the caller gives up, and the function commits.
#[test]
fn the_deadlock_is_invisible_to_innodb() {
    let (example, _) = with_readings();
    // So that a process is there: what is waited for below is the lock.
    mariadb(&example, &calibrate(2, ""));
    thread::scope(|scope| {
        let caller = scope.spawn(|| {
            let call = "START TRANSACTION;
                        UPDATE temp_reading SET reading_value = 1 WHERE id = 1;
                        SELECT lambda_invoke('lambdaCalibrateReading', '{\"id\": 1, \"wait\": true}',
                                             '{\"request_timeout_ms\": 4000}')";
            try_mariadb(&example, call).unwrap_err()
        });
        // Other tests have transactions on the same server.
        let states = "SELECT group_concat(trx_state ORDER BY trx_state) \
                      FROM information_schema.innodb_trx \
                      JOIN information_schema.processlist ON id = trx_mysql_thread_id \
                      WHERE db = database()";
        wait_until("the function waits", || {
            // InnoDB shows what it last showed until nobody has looked for 0.1 s.
            thread::sleep(Duration::from_millis(200));
            mariadb(&example, states) == "LOCK WAIT,RUNNING"
        });
        let told = caller.join().unwrap();
        assert!(told.contains("Request timed out after 4000 ms"), "{told}");
    });
    let row = "SELECT concat(reading_value, ' ', calibrated_value) FROM temp_reading WHERE id = 1";
    wait_until("the function has committed", || mariadb(&example, row) == "60.5 60.0");
    let status = mariadb(&example, "SHOW ENGINE INNODB STATUS");
    assert!(!status.contains("LATEST DETECTED DEADLOCK"), "{status}");
}

/// With a limit in the function, the caller is told before it gives up, and nothing is left.
#[test]
fn on_mariadb_too_a_lock_timeout_leaves_nothing() {
    let (example, _) = with_readings();
    let call = format!(
        "START TRANSACTION; UPDATE temp_reading SET reading_value = 1 WHERE id = 1; {}",
        calibrate(1, "")
    );
    let error = try_mariadb(&example, &call).unwrap_err();
    assert!(error.contains("\"errorType\": \"LockTimeout\""), "{error}");
    let left = "SELECT count(*) FROM information_schema.processlist WHERE user = 'lambda_writer'";
    wait_until("the function's session has ended", || mariadb(&example, left) == "0");
    let row = "SELECT calibrated_value IS NULL FROM temp_reading WHERE id = 1";
    assert_eq!(mariadb(&example, row), "1");
}
