use e2e::Cluster;

use crate::support::{Failure, Session, patient, playground};

/// Calls of every kind, well and badly, in a session of a cluster.
fn calls_of_every_kind(cluster: &Cluster) {
    let database = patient(cluster, cluster.create_database().unwrap());
    let mut session = Session::open(cluster, &database);
    session.assert_usable();
    let failure = session.fail("SELECT aws_lambda.invoke('raises', '{}'::json)");
    assert_eq!(
        (failure.code.as_str(), failure.message.as_str()),
        ("38000", "lambda invocation failed")
    );
    let failure = session.fail("SELECT aws_lambda.invoke('', '{}'::json)");
    assert_eq!(failure.code, "22023");
    let slow = "SET statement_timeout = 300; SELECT aws_lambda.invoke('sleeps', '{\"seconds\": 60}'::json)";
    let cancelled = Failure::of("57014", "canceling statement due to statement timeout", "", "");
    assert_eq!(session.fail(slow), cancelled);
    session.run("SET statement_timeout = 0");
    let many = "SELECT sum((payload #>> '{}')::int)
        FROM aws_lambda.invoke_many('echo', ARRAY['1', '2', '3']::json[])";
    assert_eq!(session.text(many), "6");
    let query = "SELECT sum((payload #>> '{}')::int)
        FROM aws_lambda.invoke_query('echo', 'SELECT generate_series(1, 10)')";
    assert_eq!(session.text(query), "55");
    // Set before the library is there, and read by it when it comes.
    let mut session = Session::open(cluster, &database);
    session.run("SET aws_lambda.request_timeout_ms = 250");
    let failure = session.fail("SELECT aws_lambda.invoke('sleeps', '{\"seconds\": 60}'::json)");
    assert!(failure.detail.contains("timed out after 250 ms"), "{failure:?}");
}

/// However the library is loaded, everything works alike.
#[test]
fn preloaded_or_not_calls_are_the_same() {
    for by in ["shared_preload_libraries", "session_preload_libraries"] {
        let cluster = playground().new_cluster(|config| config.setting(by, "aws_lambda")).unwrap();
        let shown = cluster.query("postgres", &format!("SHOW {by}")).unwrap();
        assert_eq!(shown, "aws_lambda");
        calls_of_every_kind(&cluster);
    }
    calls_of_every_kind(playground().cluster());
}

/// Preloaded, a typing error in a setting is refused by name; nothing but PostgreSQL's own threads
/// and processes is there before a call.
#[test]
fn a_preloading_server_starts_no_thread() {
    let cluster = playground()
        .new_cluster(|config| config.setting("shared_preload_libraries", "aws_lambda"))
        .unwrap();
    let threads = |pid: &str| std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().count();
    assert_eq!(threads(&cluster.pid().unwrap().to_string()), 1);
    let mut session = Session::open(&cluster, "sqlambda_template");
    let pid = session.text("SELECT pg_backend_pid()");
    assert_eq!(threads(&pid), 1);
    session.assert_usable();
    assert_eq!(threads(&pid), 2);
    assert_eq!(threads(&cluster.pid().unwrap().to_string()), 1);
}
