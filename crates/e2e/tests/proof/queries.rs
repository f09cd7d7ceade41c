//! A query is allowed and refused what `query_to_xml` allows and refuses.
//!
//! PostgreSQL's own function runs a query within a query too. Both get the same text, in the same
//! server, each in a transaction that is rolled back, and must come to the same end: the same
//! SQLSTATE or none, and the same side effects.

use postgres::{Client, Transaction};

use crate::support::{Failure, session};

/// PostgreSQL's own; and ours, with what it does to rows left out.
const FUNCTIONS: [&str; 2] = [
    "SELECT query_to_xml($1, true, false, '')::text",
    "SELECT count(*)::text FROM aws_lambda.invoke_query('echo', $1)",
];

/// What a transaction can be seen to have changed.
const EFFECTS: &str = "SELECT concat_ws(' ', current_user, session_user, current_setting('search_path'),
    current_setting('work_mem'), (SELECT count(*) FROM victim), (SELECT sum(n) FROM victim),
    (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()), (SELECT count(*) FROM pg_listening_channels()),
    (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors),
    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()))";

/// How a query ended: what it failed with, or what it left changed, which may keep us from looking.
type End = Result<String, Failure>;

fn end(transaction: &mut Transaction<'_>, function: &str, query: &str) -> End {
    transaction.query(function, &[&query])?;
    let effects = transaction.query_one(EFFECTS, &[]).map_err(Failure::from);
    Ok(effects.map_or_else(|failure| format!("{failure:?}"), |effects| effects.get(0)))
}

/// Runs `query` through both functions. The setup is run in each transaction before.
#[track_caller]
fn compare(client: &mut Client, setup: &str, query: &str) -> End {
    let [theirs, ours] = FUNCTIONS.map(|function| {
        let mut transaction = client.transaction().unwrap();
        transaction.batch_execute(setup).unwrap();
        let end = end(&mut transaction, function, query);
        transaction.rollback().unwrap();
        end
    });
    let start: String = query.chars().take(200).collect();
    match (&theirs, &ours) {
        (Ok(theirs), Ok(ours)) => assert_eq!(theirs, ours, "left by {start}"),
        (Err(theirs), Ok(_)) if has_run_without_xml(theirs) => {}
        (Err(theirs), Err(ours)) => {
            assert_eq!(theirs.code, ours.code, "{start}: {theirs:?}, but {ours:?}");
            assert!(!ours.message.is_empty() && !ours.message.contains("bug"), "{start}: {ours:?}");
        }
        _ => panic!("{start}: {theirs:?}, but {ours:?}"),
    }
    ours
}

/// A server that was built without libxml runs the query, and gives up when it is to write the rows:
/// then there are no side effects to compare.
fn has_run_without_xml(theirs: &Failure) -> bool {
    theirs.message == "unsupported XML feature"
}

/// Functions that do in a query what a query may not do itself.
const SETUP: &str = "
    CREATE TEMP TABLE victim AS SELECT generate_series(1, 5) AS n;
    CREATE TEMP SEQUENCE numbers;
    CREATE TYPE pg_temp.pair AS (a int, b text);
    CREATE FUNCTION pg_temp.writes(i int) RETURNS int LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO victim VALUES (100 + i); RETURN i; END $$;
    CREATE FUNCTION pg_temp.runs(command text) RETURNS int LANGUAGE plpgsql AS
      $$ BEGIN EXECUTE command; RETURN 1; END $$;
    CREATE FUNCTION pg_temp.catches(command text) RETURNS text LANGUAGE plpgsql AS
      $$ BEGIN EXECUTE command; RETURN 'fine'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$;
    CREATE FUNCTION pg_temp.local() RETURNS int LANGUAGE sql SET work_mem = '7MB' AS 'SELECT 1';
    CREATE PROCEDURE pg_temp.process() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;
    DEALLOCATE ALL;
    PREPARE prepared AS SELECT 1;
    DECLARE open_cursor CURSOR FOR SELECT generate_series(1, 10);";

/// Statements that are no query: they would change, or end, what they run in.
#[test]
fn statements_that_are_no_query() {
    let mut client = session();
    for query in [
        "INSERT INTO victim VALUES (6)",
        "INSERT INTO victim VALUES (6) RETURNING n",
        "UPDATE victim SET n = 0",
        "DELETE FROM victim RETURNING *",
        "TRUNCATE victim",
        "WITH gone AS (DELETE FROM victim RETURNING n) SELECT n FROM gone",
        "SELECT n INTO TEMP other FROM victim",
        "CREATE TEMP TABLE other AS SELECT 1",
        "CREATE TABLE public.other (n int)",
        "CREATE VIEW other AS SELECT 1",
        "CREATE FUNCTION other() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE ROLE intruder SUPERUSER",
        "CREATE DATABASE other",
        "CREATE EXTENSION IF NOT EXISTS aws_lambda",
        "DROP TABLE victim",
        "ALTER TABLE victim ADD m int",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "GRANT ALL ON victim TO PUBLIC",
        "REASSIGN OWNED BY postgres TO postgres",
        "COMMENT ON TABLE victim IS 'x'",
        "VACUUM victim",
        "ANALYZE victim",
        "REINDEX TABLE victim",
        "CLUSTER",
        "CHECKPOINT",
        "LOCK TABLE victim",
        "SELECT * FROM victim FOR UPDATE",
        "SELECT * FROM victim FOR KEY SHARE",
        "SELECT * FROM (SELECT * FROM victim FOR UPDATE) AS v",
        "BEGIN",
        "START TRANSACTION",
        "COMMIT",
        "END",
        "ROLLBACK",
        "ABORT",
        "COMMIT AND CHAIN",
        "SAVEPOINT here",
        "RELEASE SAVEPOINT here",
        "ROLLBACK TO SAVEPOINT here",
        "PREPARE TRANSACTION 'x'",
        "COMMIT PREPARED 'x'",
        "SET search_path = pg_temp",
        "SET LOCAL work_mem = '1MB'",
        "SET ROLE pg_monitor",
        "SET SESSION AUTHORIZATION postgres",
        "SET TRANSACTION READ ONLY",
        "SET CONSTRAINTS ALL DEFERRED",
        "RESET ALL",
        "RESET ROLE",
        "SHOW work_mem",
        "DISCARD ALL",
        "LISTEN x",
        "UNLISTEN *",
        "NOTIFY x",
        "LOAD 'aws_lambda'",
        "COPY victim TO STDOUT",
        "COPY victim FROM STDIN",
        "COPY victim TO PROGRAM 'cat'",
        "COPY (SELECT 1) TO '/nowhere/x'",
        "EXPLAIN SELECT 1",
        "EXPLAIN (ANALYZE) SELECT pg_temp.writes(1)",
        "PREPARE other AS SELECT 1",
        "EXECUTE prepared",
        "DEALLOCATE ALL",
        "DECLARE other CURSOR FOR SELECT 1",
        "FETCH open_cursor",
        "MOVE open_cursor",
        "CLOSE ALL",
        "CALL pg_temp.process()",
        "DO 'BEGIN COMMIT; END'",
        "REFRESH MATERIALIZED VIEW nothing",
        "CREATE RULE r AS ON INSERT TO victim DO NOTHING",
        "SECURITY LABEL ON TABLE victim IS 'x'",
    ] {
        let end = compare(&mut client, SETUP, query);
        assert!(end.is_err(), "{query} is refused");
    }
}

/// Texts with no statement, several, or half of one.
#[test]
fn texts_that_are_not_one_statement() {
    let mut client = session();
    let nested = |depth: usize| format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth));
    let (deep, deeper) = (nested(50), nested(100_000));
    let long = format!("SELECT '{}'", "x".repeat(3_000_000));
    let wide = format!("SELECT {}", vec!["1"; 2000].join(","));
    for query in [
        "",
        " ",
        ";",
        ";;;",
        "-- nothing",
        "/* nothing */ ;",
        "/* not closed",
        "'not closed",
        "$$not closed",
        "SELEC 1",
        "SELECT 1 FROM",
        "SELECT $1",
        "SELECT :x",
        "SELECT 1;",
        ";SELECT 1",
        "SELECT 1; SELECT 2, 3",
        "SELECT 1;;-- and that is all",
        "SELECT 1; SELEC 2",
        "SELECT 1; nonsense",
        "SELECT 1 / 0; SELECT 1",
        "SELECT pg_temp.writes(1); SELECT 1",
        "INSERT INTO victim VALUES (6); SELECT 1",
        "SELECT 1; INSERT INTO victim VALUES (6)",
        "SELECT n INTO TEMP other FROM victim; SELECT * FROM other",
        "CREATE TEMP TABLE other (n int); SELECT * FROM other",
        "SET search_path = pg_temp; SELECT 1",
        "COMMIT; SELECT 1",
        "SELECT 1; COMMIT",
        "ROLLBACK; DROP TABLE victim; SELECT 1",
        "SELECT 1; SELECT * FROM victim FOR UPDATE",
        "SELECT * FROM victim FOR UPDATE; SELECT 1",
        "\\copy victim TO 'x'",
        &deep,
        &deeper,
        &long,
        &wide,
    ] {
        let _ = compare(&mut client, SETUP, query);
    }
}

/// Queries of every form, those with no column, no row or the same name twice among them.
#[test]
fn queries_of_every_form() {
    let mut client = session();
    for query in [
        "SELECT FROM victim",
        "SELECT",
        "SELECT WHERE false",
        "SELECT * FROM victim WHERE false",
        "TABLE victim",
        "VALUES (1), (2)",
        "(SELECT 1 UNION ALL SELECT 2) ORDER BY 1",
        "SELECT 1 AS a, 2 AS a",
        "SELECT 1 AS \"\"\"\", 2 AS \"<&>\"",
        "SELECT 'x'",
        "SELECT NULL",
        "SELECT NULL, NULL",
        "SELECT ROW(1, 'x'), ARRAY[[1, 2], [3, 4]]",
        "SELECT ROW(1, 'x')::pg_temp.pair FROM victim",
        "SELECT '\\x00ff'::bytea, now(), interval '1 day', 'infinity'::float8, 'NaN'::numeric",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 9) SELECT * FROM r",
        "SELECT n, count(*) OVER () FROM victim",
        "SELECT * FROM victim TABLESAMPLE SYSTEM (100)",
        "SELECT generate_series(1, n) FROM victim",
        "SELECT n FROM victim, LATERAL (SELECT pg_temp.writes(n)) AS w ORDER BY n LIMIT 2",
        "SELECT * FROM victim WHERE n = ANY (SELECT n FROM victim)",
        "SELECT json_agg(v) FROM victim AS v",
        "SELECT pg_sleep(0)",
        "SELECT txid_current() IS NOT NULL",
        "SELECT nextval('numbers')",
        "SELECT currval('numbers')",
        "SELECT setval('numbers', 77)",
        "SELECT lo_create(0) IS NOT NULL",
        "SELECT pg_advisory_xact_lock(1)",
        "SELECT pg_notify('channel', 'x')",
        "SELECT set_config('search_path', 'pg_temp', true)",
        "SELECT set_config('search_path', 'pg_catalog', false), count(*) FROM victim",
        "SELECT set_config('role', 'pg_monitor', true), count(*) FROM victim",
        "SELECT set_config('work_mem', '9MB', true), pg_temp.local()",
        "SELECT set_config('transaction_read_only', 'on', true)",
        "SELECT set_config('aws_lambda.region', 'no region', true)",
        "SELECT query_to_xml('SELECT 1', true, false, '')::text",
        "SELECT query_to_xml('COMMIT', true, false, '')::text",
        "SELECT payload FROM aws_lambda.invoke('echo', '[1]'::json)",
        "SELECT payload FROM aws_lambda.invoke_query('echo', 'SELECT n FROM victim')",
        "SELECT payload FROM victim, aws_lambda.invoke_query('echo', 'SELECT n FROM victim') AS q",
        "SELECT payload FROM aws_lambda.invoke_query('echo', 'COMMIT')",
    ] {
        let _ = compare(&mut client, SETUP, query);
    }
}

/// Queries that fail, at once or after rows were read, and whose functions do what they may not.
#[test]
fn queries_that_fail_or_misbehave() {
    let mut client = session();
    for query in [
        "SELECT 1 / 0",
        "SELECT 10 / (3 - n) FROM victim",
        "SELECT 10 / (n - 90) FROM generate_series(1, 100) AS n",
        "SELECT nothing FROM victim",
        "SELECT * FROM nothing",
        "SELECT nothing()",
        "SELECT 'x'::int",
        "SELECT repeat('x', 1200000000)",
        "SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(5)",
        "SELECT payload FROM aws_lambda.invoke('raises', '{}'::json)",
        "SELECT pg_temp.runs('COMMIT')",
        "SELECT pg_temp.runs('ROLLBACK')",
        "SELECT pg_temp.runs('SAVEPOINT x')",
        "SELECT pg_temp.runs('CALL pg_temp.process()')",
        "SELECT pg_temp.runs('DROP TABLE victim'), n FROM victim",
        "SELECT pg_temp.runs('TRUNCATE victim') FROM victim",
        "SELECT pg_temp.runs('ALTER TABLE victim ADD m int') FROM victim",
        "SELECT pg_temp.runs('DELETE FROM victim'), n FROM victim",
        "SELECT pg_temp.runs('INSERT INTO victim SELECT n FROM victim'), n FROM victim",
        "SELECT pg_temp.runs('CREATE TEMP TABLE other (n int)')",
        "SELECT pg_temp.runs('CREATE INDEX ON victim (n)'), n FROM victim",
        "SELECT pg_temp.runs('CLOSE ALL')",
        "SELECT pg_temp.runs('CLOSE open_cursor')",
        "SELECT pg_temp.runs('FETCH open_cursor')",
        "SELECT pg_temp.runs('DEALLOCATE ALL')",
        "SELECT pg_temp.runs('DISCARD ALL')",
        "SELECT pg_temp.runs('DISCARD PLANS')",
        "SELECT pg_temp.runs('LISTEN x')",
        "SELECT pg_temp.runs('SET LOCAL search_path = pg_catalog') FROM victim",
        "SELECT pg_temp.runs('SET LOCAL ROLE pg_monitor') FROM victim",
        "SELECT pg_temp.runs('DROP EXTENSION aws_lambda') FROM victim",
        "SELECT pg_temp.runs('SELECT 1 / (n - 3) FROM victim') FROM victim",
        "SELECT pg_temp.catches('INSERT INTO victim SELECT 1 / (3 - n) FROM victim') FROM victim",
        "SELECT pg_temp.catches('DROP TABLE victim') FROM victim",
        "SELECT pg_temp.catches('COMMIT'), n FROM victim",
        "SELECT pg_temp.catches($$SELECT aws_lambda.invoke('raises', '{}'::json)$$) FROM victim",
        "SELECT pg_temp.catches($$SELECT aws_lambda.invoke_query('raises', 'TABLE victim')$$)",
    ] {
        let _ = compare(&mut client, SETUP, query);
        client.batch_execute("SELECT 1").unwrap();
    }
}

/// A query that runs itself ends at the server's limit for its stack, as PostgreSQL's own does.
#[test]
fn recursion_ends_at_the_stacks_limit() {
    let mut client = session();
    client.batch_execute("SET max_stack_depth = '500kB'").unwrap();
    for function in FUNCTIONS {
        let inner = function.replace("$1", "'SELECT pg_temp.again()'");
        let setup = format!(
            "CREATE FUNCTION pg_temp.again() RETURNS text LANGUAGE plpgsql AS
               $f$ DECLARE it text; BEGIN {inner} INTO it; RETURN it; END $f$"
        );
        let mut transaction = client.transaction().unwrap();
        transaction.batch_execute(&setup).unwrap();
        let failure = end(&mut transaction, function, "SELECT pg_temp.again()").unwrap_err();
        assert_eq!(failure.code, "54001", "{failure:?}");
    }
    client.query("SELECT * FROM aws_lambda.invoke_query('echo', 'SELECT 1')", &[]).unwrap();
}
