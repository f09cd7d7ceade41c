use std::fs;
use std::thread;

use e2e::{Cluster, StopMode, wait_until};

use crate::support::{Session, patient, playground};

/// A primary, its hot standby, and the database of both.
struct Pair {
    primary: Cluster,
    standby: Cluster,
    database: String,
}

impl Pair {
    fn new() -> Self {
        let mut primary = playground().new_cluster(|config| config).unwrap();
        let database = patient(&primary, primary.create_database().unwrap());
        primary.query(&database, "CREATE TABLE events (id int, event json)").unwrap();
        primary.stop(StopMode::Fast).unwrap();
        let signal = primary.data_folder().join("standby.signal");
        fs::write(&signal, "").unwrap();
        let from = primary.connection_string("postgres");
        let standby = playground()
            .new_cluster_from(&primary, |config| {
                config
                    .setting("primary_conninfo", from)
                    // Its primary starts after it.
                    .setting("wal_retrieve_retry_interval", "100ms")
                    .setting("max_standby_streaming_delay", "100ms")
            })
            .unwrap();
        fs::remove_file(&signal).unwrap();
        primary.start().unwrap();
        let pair = Self { primary, standby, database };
        pair.write("INSERT INTO events SELECT n, to_json(n) FROM generate_series(1, 3) n");
        wait_until("the standby has the rows", || {
            let count = pair.standby.query(&pair.database, "SELECT count(*) FROM events").unwrap();
            count == "3"
        });
        pair
    }

    fn write(&self, sql: &str) {
        self.primary.query(&self.database, sql).unwrap();
    }

    fn session(&self) -> Session {
        Session::open(&self.standby, &self.database)
    }
}

/// Calls need no writing: a hot standby makes them, with the rows of its primary.
#[test]
fn a_hot_standby_calls() {
    let pair = Pair::new();
    let mut session = pair.session();
    assert_eq!(session.text("SELECT pg_is_in_recovery()"), "t");
    session.assert_usable();
    let each = "SELECT string_agg(i.payload::text, ',' ORDER BY id)
        FROM events, LATERAL aws_lambda.invoke('echo', event) i";
    assert_eq!(session.text(each), "1,2,3");
    let many = "SELECT string_agg(payload::text, ',' ORDER BY ordinality)
        FROM aws_lambda.invoke_query('echo', 'SELECT event FROM events ORDER BY id')";
    assert_eq!(session.text(many), "1,2,3");
    assert_eq!(session.fail("SELECT aws_lambda.invoke('raises', '1'::json)").code, "38000");
    let write = "INSERT INTO events SELECT 4, payload FROM aws_lambda.invoke('echo', '4'::json)";
    assert_eq!(session.fail(write).code, "25006");
    session.assert_usable();
}

/// A call holds a snapshot. Where the standby must not wait for it, replay ends the call.
#[test]
fn replay_ends_a_call_that_is_in_its_way() {
    let pair = Pair::new();
    let mut session = pair.session();
    let call = "SELECT id, aws_lambda.invoke('sleeps', '{\"seconds\": 60}'::json) FROM events";
    let waiting = thread::spawn(move || session.fail(call));
    let running = "SELECT count(*) FROM pg_stat_activity
        WHERE state = 'active' AND query LIKE '%sleeps%' AND pid <> pg_backend_pid()";
    wait_until("the call is under way", || {
        pair.standby.query(&pair.database, running).unwrap() == "1"
    });
    pair.write("DELETE FROM events WHERE id < 3");
    pair.write("VACUUM events");
    let failure = waiting.join().unwrap();
    // PostgreSQL cancels the statement, or ends the session when it is not sure that this is enough.
    assert_eq!(failure.code, "40001");
    let detail = "User query might have needed to see row versions that must be removed.";
    assert_eq!(failure.detail, detail);
    assert!(failure.message.ends_with("due to conflict with recovery"), "{failure:?}");
    pair.session().assert_usable();
}

/// A call outlasts the promotion of its server, and the session can write afterwards.
#[test]
fn a_call_outlasts_promotion() {
    let pair = Pair::new();
    let mut session = pair.session();
    let call = "SELECT payload FROM aws_lambda.invoke('sleeps', '{\"seconds\": 2}'::json)";
    let waiting = thread::spawn(move || (session.text(call), session));
    assert_eq!(pair.standby.query("postgres", "SELECT pg_promote()").unwrap(), "t");
    let (answer, mut session) = waiting.join().unwrap();
    assert_eq!(answer, "{\"slept\": 2}");
    session.run("INSERT INTO events SELECT 4, payload FROM aws_lambda.invoke('echo', '4'::json)");
    assert_eq!(session.text("SELECT event FROM events WHERE id = 4"), "4");
}
