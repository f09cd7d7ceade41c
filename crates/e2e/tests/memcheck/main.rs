//! Sessions under valgrind: calls, errors and cancels read and write only what is theirs, and lose
//! no memory that grows with the calls.
//!
//! Run by `cargo xtask memcheck`. They take minutes, and are no part of `cargo xtask test`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

/// What valgrind wrote about a process.
mod report;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Cluster, Playground, StopMode};
use postgres::{Client, NoTls};
use report::Report;

/// A hundred times what these calls take without valgrind.
const PATIENCE_MS: u32 = 600_000;

/// A server whose processes all run under valgrind, which writes what it finds into `reports`.
fn watched(playground: &Playground, reports: &Path) -> Cluster {
    fs::set_permissions(reports, Permissions::from_mode(0o777)).unwrap();
    let log = format!("--log-file={}/%p.log", reports.display());
    let valgrind = [
        "valgrind",
        "--quiet",
        "--trace-children=yes",
        "--leak-check=full",
        "--show-leak-kinds=definite",
        "--errors-for-leak-kinds=none",
        "--num-callers=40",
        "--error-limit=no",
        &log,
    ];
    let patience = PATIENCE_MS.to_string();
    let change = |config: e2e::ClusterConfig| {
        config
            .under(valgrind)
            .setting("shared_preload_libraries", "aws_lambda")
            .setting("aws_lambda.request_timeout_ms", &patience)
            .setting("aws_lambda.connect_timeout_ms", &patience)
    };
    playground.new_cluster(change).unwrap()
}

fn connect(cluster: &Cluster, database: &str) -> Client {
    Client::connect(&cluster.connection_string(database), NoTls).unwrap()
}

fn pid(client: &mut Client) -> i32 {
    client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0)
}

/// Everything that a session can do with a function, once; what fails is meant to.
fn live(client: &mut Client, rounds: usize) {
    for _ in 0..rounds {
        for statement in [
            "SELECT * FROM aws_lambda.invoke('echo', '{\"a\": [1.10]}'::json)",
            "SELECT * FROM aws_lambda.invoke('(echo,us-east-1)', '{\"a\": 1}'::jsonb, 'RequestResponse', 'Tail', '{\"custom\": {}}', '$LATEST')",
            "SELECT * FROM aws_lambda.invoke(aws_commons.create_lambda_function_arn('echo', 'us-east-1'), to_json(repeat('x', 100000)), 'Event')",
            "SELECT * FROM aws_lambda.invoke('echo', NULL::json, invocation_type => 'DryRun')",
            "SELECT * FROM aws_lambda.invoke_many('echo', ARRAY['1', '2', '3', '4']::json[], max_concurrency => 4)",
            "SELECT * FROM aws_lambda.invoke_many('echo', ARRAY['1', '2', '3']::jsonb[], batch_size => 2)",
            "SELECT * FROM aws_lambda.invoke_query('echo', 'SELECT n FROM generate_series(1, 20) n', max_concurrency => 4) LIMIT 3",
            "BEGIN; DECLARE c CURSOR FOR SELECT * FROM aws_lambda.invoke_many('echo', ARRAY['1', '2', '3']::json[]); FETCH 1 FROM c; CLOSE c; COMMIT",
            "SELECT count(*) FROM aws_lambda.stat_invocations",
            "SELECT count(*) FROM aws_lambda.stat_activity",
        ] {
            client
                .batch_execute(statement)
                .unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
        for (statement, code) in [
            ("SELECT * FROM aws_lambda.invoke('no-such-function', '1'::json)", "38000"),
            ("SELECT * FROM aws_lambda.invoke('not a name', '1'::json)", "22023"),
            ("SELECT * FROM aws_lambda.invoke(NULL::text, '1'::json)", "22004"),
            (
                "SELECT * FROM aws_lambda.invoke('raw', '{\"status\": 500}'::json, region => 'nowhere')",
                "22023",
            ),
            (
                "SELECT * FROM aws_lambda.invoke_many('no-such-function', ARRAY['1', '2']::json[])",
                "38000",
            ),
            ("SELECT * FROM aws_lambda.invoke_query('echo', 'SELECT 1/0')", "22012"),
            (
                "SELECT * FROM aws_lambda.invoke_many('echo', ARRAY['1']::json[], batch_format => 'x')",
                "22023",
            ),
            (
                "SET statement_timeout = '50ms'; SELECT * FROM aws_lambda.invoke('sleeps', '{\"seconds\": 60}'::json)",
                "57014",
            ),
            (
                "SET statement_timeout = '50ms'; SELECT * FROM aws_lambda.invoke_many('sleeps', ARRAY['{\"seconds\": 60}', '{\"seconds\": 60}']::json[])",
                "57014",
            ),
            (
                "SET statement_timeout = 0; SET aws_lambda.request_timeout_ms = 50; SELECT * FROM aws_lambda.invoke('sleeps', '{\"seconds\": 60}'::json)",
                "38000",
            ),
            (
                "RESET aws_lambda.request_timeout_ms; SET aws_lambda.endpoint_override = 'http://127.0.0.1:1'; SELECT * FROM aws_lambda.invoke('echo', '1'::json)",
                "38000",
            ),
            (
                "SET aws_lambda.endpoint_override = ''; SET aws_lambda.region = 'not a region'",
                "22023",
            ),
        ] {
            let error = client.batch_execute(statement).expect_err(statement);
            let found = error.code().map(|code| code.code().to_owned());
            assert_eq!(found.as_deref(), Some(code), "{statement}: {error:?}");
        }
        client.batch_execute("RESET ALL").unwrap();
    }
}

/// Another session cancels a call; the session goes on.
fn be_cancelled(cluster: &Cluster, client: &mut Client) {
    let token = client.cancel_token();
    let watcher = cluster.connection_string("postgres");
    let pid = pid(client);
    let cancel = thread::spawn(move || {
        wait_for_call(&watcher, pid);
        token.cancel_query(NoTls).unwrap();
    });
    let call = "SELECT * FROM aws_lambda.invoke('sleeps', '{\"seconds\": 60}'::json)";
    let error = client.batch_execute(call).unwrap_err();
    assert_eq!(error.code().map(|code| code.code()), Some("57014"), "{error:?}");
    cancel.join().unwrap();
    client.batch_execute("SELECT 1").unwrap();
}

/// Another session ends this one in the middle of calls.
fn be_terminated(cluster: &Cluster, mut client: Client) {
    let watcher = cluster.connection_string("postgres");
    let pid = pid(&mut client);
    let terminate = thread::spawn(move || {
        let mut client = wait_for_call(&watcher, pid);
        client.execute("SELECT pg_terminate_backend($1)", &[&pid]).unwrap();
    });
    let calls = "SELECT * FROM aws_lambda.invoke_many('sleeps', ARRAY['{\"seconds\": 60}', '{\"seconds\": 60}']::json[])";
    assert!(client.batch_execute(calls).is_err());
    terminate.join().unwrap();
}

fn wait_for_call(connection: &str, pid: i32) -> Client {
    let mut client = Client::connect(connection, NoTls).unwrap();
    let deadline = Instant::now() + Duration::from_secs(300);
    let waits =
        "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Extension'";
    while client.query_one(waits, &[&pid]).unwrap().get::<_, i64>(0) == 0 {
        assert!(Instant::now() < deadline, "the call never waits");
        thread::sleep(Duration::from_millis(50));
    }
    // The call is on its way.
    thread::sleep(Duration::from_millis(500));
    client
}

/// Sessions with few and with many rounds: no access that is not theirs, and no loss that grows.
#[test]
#[ignore = "minutes under valgrind: cargo xtask memcheck"]
fn sessions_touch_only_their_memory_and_lose_none_of_it() {
    let playground = Playground::attach().unwrap();
    let reports = tempfile::tempdir().unwrap();
    let mut cluster = watched(&playground, reports.path());
    let database = cluster.create_database().unwrap();
    let mut pids = Vec::new();
    for rounds in [1, 4] {
        let mut client = connect(&cluster, &database);
        pids.push(pid(&mut client));
        live(&mut client, rounds);
        for _ in 0..rounds {
            be_cancelled(&cluster, &mut client);
        }
    }
    let mut client = connect(&cluster, &database);
    client.batch_execute("SELECT * FROM aws_lambda.invoke('echo', '1'::json)").unwrap();
    be_terminated(&cluster, client);
    cluster.stop(StopMode::Smart).unwrap();

    let all = Report::read_all(reports.path());
    assert!(all.len() > pids.len(), "valgrind watched {} processes", all.len());
    let faults: Vec<_> = all.iter().flat_map(|report| report.faults_of_ours()).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n\n"));
    let lost: Vec<u64> = pids.iter().map(|pid| lost(&all, *pid)).collect();
    println!("definitely lost by one round and by four: {lost:?} bytes");
    assert!(lost[1] <= lost[0], "{lost:?} bytes are lost: more with more calls");
}

/// The bytes that a session lost for ever.
fn lost(reports: &[Report], pid: i32) -> u64 {
    let report = reports.iter().find(|report| report.pid == pid);
    report.unwrap_or_else(|| panic!("no report about {pid}")).lost_by_ours()
}
