//! The counts of calls: each moved by its real cause, shown to those who may see it.

use std::thread;

use e2e::{Cluster, ClusterConfig, RawServer, StopMode};

use crate::support::{Failure, Session, cluster, patient, playground, role};

/// A cluster that counts, and a database in it. Servers before 17 must preload the library.
pub fn counting() -> (Cluster, String) {
    let preload = cluster().install().config.major < 17;
    let cluster = playground().new_cluster(|config| preloading(config, preload)).unwrap();
    let database = patient(&cluster, cluster.create_database().unwrap());
    (cluster, database)
}

fn preloading(config: ClusterConfig, preload: bool) -> ClusterConfig {
    if preload { config.setting("shared_preload_libraries", "aws_lambda") } else { config }
}

/// All counters of a function, by name, without those that are zero.
#[track_caller]
fn counters(session: &mut Session, function: &str) -> String {
    session.text(&format!(
        "SELECT concat_ws(' ', 'calls ' || calls, 'function_errors ' || nullif(function_errors, 0),
             'service_errors ' || nullif(service_errors, 0), 'throttles ' || nullif(throttles, 0),
             'timeouts ' || nullif(timeouts, 0), 'cancels ' || nullif(cancels, 0),
             'retries ' || nullif(retries, 0), 'out ' || nullif(bytes_out, 0), 'in ' || nullif(bytes_in, 0))
         FROM aws_lambda.stat_invocations WHERE function_name || coalesce(':' || qualifier, '') = '{function}'"
    ))
}

fn last_error(session: &mut Session, function: &str) -> String {
    session.text(&format!(
        "SELECT last_error FROM aws_lambda.stat_invocations
         WHERE function_name = '{function}' AND last_error_at BETWEEN stats_since AND now()"
    ))
}

fn invoke(function: &str, payload: &str) -> String {
    format!("SELECT status_code FROM aws_lambda.invoke('{function}', '{payload}'::json)")
}

#[test]
fn every_counter_is_moved_by_its_cause() {
    let (cluster, database) = counting();
    let mut session = Session::open(&cluster, &database);
    for payload in ["[1]", "[1.10, 2]", "\"é\""] {
        session.run(&invoke("echo", payload));
    }
    assert_eq!(counters(&mut session, "echo"), "calls 3 out 16 in 16");
    session.run(&invoke("echo:$LATEST", "1"));
    session.run(
        "SELECT * FROM aws_lambda.invoke('us-east-1:echo', '2'::jsonb, qualifier => '$LATEST')",
    );
    session
        .run("SELECT * FROM aws_lambda.invoke('echo', '3'::json, 'Event', qualifier => '$LATEST')");
    assert_eq!(counters(&mut session, "echo:$LATEST"), "calls 3 out 3 in 2");
    let region = "SELECT string_agg(DISTINCT region, ',') FROM aws_lambda.stat_invocations";
    assert_eq!(session.text(region), "us-east-1");

    session.fail(&invoke("raises", "{}"));
    let said = counters(&mut session, "raises");
    assert!(said.starts_with("calls 1 function_errors 1 out 2 in "), "{said}");
    assert!(last_error(&mut session, "raises").contains("this function always raises"));
    session.fail(&invoke("returns-not-json", "{}"));
    let said = counters(&mut session, "returns-not-json");
    assert!(said.starts_with("calls 1 function_errors 1 out 2 in "), "{said}");

    session.fail(&invoke("no-such-function", "{}"));
    let said = counters(&mut session, "no-such-function");
    assert!(said.starts_with("calls 1 service_errors 1 out 2 in "), "{said}");
    assert!(last_error(&mut session, "no-such-function").starts_with("Function not found: arn:"));
    session.run("SET aws_lambda.max_attempts = 2");
    session.go_to("http://127.0.0.1:1");
    session.fail(&invoke("unreachable", "{}"));
    assert_eq!(counters(&mut session, "unreachable"), "calls 1 service_errors 1 retries 1");
    assert_eq!(last_error(&mut session, "unreachable"), "Unable to connect to endpoint");

    let server = RawServer::start(|connection| {
        let mut busy = true;
        while connection.read_request()?.is_some() {
            if std::mem::replace(&mut busy, false) {
                let code = ["X-Amzn-ErrorType: TooManyRequestsException"];
                connection.respond(429, &code, b"{\"message\": \"Rate Exceeded.\"}")?;
            } else {
                connection.respond(200, &[], b"true")?;
            }
        }
        Ok(())
    })
    .unwrap();
    session.go_to(&server.url());
    session.run(&invoke("busy", "{}"));
    assert_eq!(counters(&mut session, "busy"), "calls 1 throttles 1 retries 1 out 4 in 33");
    session.run("RESET ALL");

    session.run("SET aws_lambda.request_timeout_ms = 200");
    session.fail(&invoke("sleeps", "{\"seconds\": 60}"));
    assert_eq!(last_error(&mut session, "sleeps"), "Request timed out after 200 ms");
    session.run("RESET ALL; SET statement_timeout = 200");
    assert_eq!(session.fail(&invoke("sleeps", "{\"seconds\": 60}")).code, "57014");
    session.run("SET statement_timeout = 0");
    assert_eq!(counters(&mut session, "sleeps"), "calls 2 timeouts 1 cancels 1 out 15");

    // What was never sent for a reason of SQL's is no call.
    session.fail(&invoke("no name", "{}"));
    session.run("SET aws_lambda.allowed_functions = 'echo'");
    session.fail(&invoke("not-allowed", "{}"));
    let none = "SELECT count(*) FROM aws_lambda.stat_invocations WHERE function_name LIKE 'no%' AND calls <> 1";
    assert_eq!(session.text(none), "0");
    let rows = "SELECT count(*) FROM aws_lambda.stat_invocations";
    assert_eq!(session.text(rows), "8");
    // Dropping and creating the extension leaves the counts of the server alone.
    session.run("DROP EXTENSION aws_lambda; CREATE EXTENSION aws_lambda");
    assert_eq!(session.text(rows), "8");
    session.run("SELECT aws_lambda.stat_reset()");
    assert_eq!(session.text(rows), "0");
}

/// Times are those of the function, and percentiles lie where the known times do.
#[test]
fn times_are_those_that_callers_waited() {
    let (cluster, database) = counting();
    let mut session = Session::open(&cluster, &database);
    for _ in 0..9 {
        session.run(&invoke("sleeps", "{\"seconds\": 0.02}"));
    }
    session.run(&invoke("sleeps", "{\"seconds\": 0.5}"));
    let row = session.row(
        "SELECT min_ms >= 20, p50_ms BETWEEN 18 AND 499, p99_ms >= 468, max_ms >= 500, p99_ms <= max_ms, min_ms <= p50_ms,
             abs(mean_ms - total_ms / 10) < 0.001, total_ms BETWEEN 680 AND 10 * max_ms
         FROM aws_lambda.stat_invocations",
    );
    assert!(row.iter().all(|holds| holds.as_deref() == Some("t")), "{row:?}");
}

/// Eight sessions at once, in two databases: nothing is lost and nothing is counted twice.
#[test]
fn counts_of_many_sessions_add_up() {
    let (cluster, database) = counting();
    let other = patient(&cluster, cluster.create_database().unwrap());
    let calls = "DO $$ BEGIN
        FOR n IN 1..100 LOOP
            PERFORM aws_lambda.invoke('echo', to_json(100 + n));
            IF n % 20 = 0 THEN
                BEGIN
                    PERFORM aws_lambda.invoke('no-such-function', '{}'::json);
                EXCEPTION WHEN external_routine_exception THEN
                END;
            END IF;
        END LOOP; END $$";
    thread::scope(|scope| {
        for number in 0..8 {
            let database = if number % 2 == 0 { &database } else { &other };
            let mut session = Session::open(&cluster, database);
            scope.spawn(move || session.run(calls));
        }
    });
    let mut session = Session::open(&cluster, &database);
    let rows = session.rows(
        "SELECT datname, function_name, calls, service_errors, bytes_out FROM aws_lambda.stat_invocations
         ORDER BY datname = current_database() DESC, function_name",
    );
    let row = |database: &str, function: &str, numbers: [&str; 3]| -> Vec<Option<String>> {
        [database, function].into_iter().chain(numbers).map(|text| Some(text.to_owned())).collect()
    };
    let expected = [&database, &other].into_iter().flat_map(|database| {
        [
            row(database, "echo", ["400", "0", "1200"]),
            row(database, "no-such-function", ["20", "20", "40"]),
        ]
    });
    assert_eq!(rows, expected.collect::<Vec<_>>());
    let worker = if cluster.install().config.major < 16 {
        "force_parallel_mode"
    } else {
        "debug_parallel_query"
    };
    session.run(&format!("SET {worker} = on"));
    assert_eq!(session.text("SELECT sum(calls) FROM aws_lambda.stat_invocations"), "840");
}

/// A role sees its own calls and those of roles that it is a member of; who reads all statistics of
/// the server sees these too; and nobody else gets as far as the schema.
#[test]
fn rows_are_shown_to_those_who_may_see_them() {
    let (cluster, database) = counting();
    let [one, two, group, monitor, nobody] =
        ["one", "two", "grouped", "monitor", "nobody"].map(|name| role(&cluster, name));
    let mut superuser = Session::open(&cluster, &database);
    superuser.run(&format!(
        "GRANT USAGE ON SCHEMA aws_lambda TO {one}, {two}, {group};
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO {one}, {two}, {group};
         GRANT {two} TO {group}; GRANT pg_monitor TO {monitor};
         CREATE FUNCTION of_two() RETURNS int LANGUAGE sql SECURITY DEFINER AS $$ {} $$;
         ALTER FUNCTION of_two() OWNER TO {two};",
        invoke("simple", "{}")
    ));
    superuser.run(&invoke("echo", "1"));
    let mut first = Session::open_as(&one, &cluster, &database);
    first.run(&invoke("echo", "1"));
    first.run("SELECT of_two()");
    let rows = "SELECT string_agg(rolname || ' ' || function_name || ' ' || calls, ', ' ORDER BY function_name, rolname)
        FROM aws_lambda.stat_invocations";
    let (echo, simple) = (format!("{one} echo 1"), format!("{two} simple 1"));
    assert_eq!(first.text(rows), echo);
    assert_eq!(Session::open_as(&two, &cluster, &database).text(rows), simple);
    assert_eq!(Session::open_as(&group, &cluster, &database).text(rows), simple);
    let all = format!("{echo}, postgres echo 1, {simple}");
    let mut monitoring = Session::open_as(&monitor, &cluster, &database);
    assert_eq!((monitoring.text(rows), superuser.text(rows)), (all.clone(), all));
    assert_eq!(monitoring.text("SELECT count(*) FROM aws_lambda.stat_activity"), "0");
    let denied = |message: &str| Failure::of("42501", message, "", "");
    let failure = monitoring.fail(&invoke("echo", "1"));
    assert_eq!(failure, denied("permission denied for function invoke"));
    let mut outside = Session::open_as(&nobody, &cluster, &database);
    assert_eq!(outside.fail(rows), denied("permission denied for schema aws_lambda"));

    // The grants of Amazon's pages cover every function; they are not enough to delete the counts.
    let reset = "SELECT aws_lambda.stat_reset()";
    let detail = "Only roles with privileges of the role \"pg_read_all_stats\" may reset them.";
    let message = "permission denied to reset the statistics of aws_lambda";
    assert_eq!(first.fail(reset), Failure::of("42501", message, detail, ""));
    assert_eq!(monitoring.fail(reset), denied("permission denied for function stat_reset"));
    superuser.run(&format!("GRANT EXECUTE ON FUNCTION aws_lambda.stat_reset() TO {monitor}"));
    monitoring.run(reset);
    assert_eq!(superuser.text("SELECT count(*) FROM aws_lambda.stat_invocations"), "0");
}

/// The table has room for 1,024 rows; what finds none is counted in one row more.
#[test]
fn a_full_table_counts_the_rest_in_one_row() {
    let (cluster, database) = counting();
    let mut session = Session::open(&cluster, &database);
    session.run(
        "DO $$ BEGIN
            FOR n IN 1..1034 LOOP
                BEGIN
                    PERFORM aws_lambda.invoke('none-' || n, '{}'::json);
                EXCEPTION WHEN external_routine_exception THEN
                END;
            END LOOP; END $$",
    );
    let count = "SELECT count(*), count(function_name), sum(calls),
            sum(service_errors) FILTER (WHERE function_name IS NULL AND userid IS NULL AND dbid IS NULL)
        FROM aws_lambda.stat_invocations";
    let row = |values: [&str; 4]| values.map(|value| Some(value.to_owned())).to_vec();
    assert_eq!(session.row(count), row(["1025", "1024", "1034", "10"]));
    let app = role(&cluster, "app");
    session.run(&format!("GRANT USAGE ON SCHEMA aws_lambda TO {app}"));
    let rows = "SELECT count(*) FROM aws_lambda.stat_invocations";
    assert_eq!(Session::open_as(&app, &cluster, &database).text(rows), "0");
    session.run("SELECT aws_lambda.stat_reset()");
    session.run(&invoke("echo", "1"));
    assert_eq!(counters(&mut session, "echo"), "calls 1 out 1 in 1");
}

/// Preloaded, every version counts; not preloaded, those do that have shared memory by name, and
/// the others say what they need.
#[test]
fn counting_needs_preloading_before_postgresql_17() {
    let preloaded = playground().new_cluster(|config| preloading(config, true)).unwrap();
    let mut session = Session::open(&preloaded, "sqlambda_template");
    session.run(&invoke("echo", "1"));
    assert_eq!(counters(&mut session, "echo"), "calls 1 out 1 in 1");

    let mut session = Session::new();
    session.run(&invoke("echo", "1"));
    if cluster().install().config.major >= 17 {
        assert_eq!(session.text("SELECT count(*) > 0 FROM aws_lambda.stat_invocations"), "t");
        return;
    }
    let message = "statistics need aws_lambda to be loaded via \"shared_preload_libraries\"";
    let hint = "Add aws_lambda to shared_preload_libraries and restart the server. PostgreSQL 17 and later count without it.";
    for sql in [
        "SELECT * FROM aws_lambda.stat_invocations",
        "SELECT * FROM aws_lambda.stat_activity",
        "SELECT aws_lambda.stat_reset()",
    ] {
        assert_eq!(session.fail(sql), Failure::of("55000", message, "", hint));
    }
    session.assert_usable();
}

/// A hot standby calls and counts as its primary does.
#[test]
fn a_standby_counts_too() {
    let (mut cluster, database) = counting();
    cluster.stop(StopMode::Fast).unwrap();
    std::fs::write(cluster.data_folder().join("standby.signal"), "").unwrap();
    cluster.start().unwrap();
    let mut session = Session::open(&cluster, &database);
    assert_eq!(session.text("SELECT pg_is_in_recovery()"), "t");
    session.run(&invoke("echo", "1"));
    session.fail(&invoke("raises", "1"));
    assert_eq!(counters(&mut session, "echo"), "calls 1 out 1 in 1");
    assert_eq!(session.text("SELECT count(*) FROM aws_lambda.stat_activity"), "0");
    session.run("SELECT aws_lambda.stat_reset()");
    assert_eq!(session.text("SELECT count(*) FROM aws_lambda.stat_invocations"), "0");
}
