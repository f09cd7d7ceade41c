//! A query is allowed and refused what `query_to_xml` allows and refuses.
//!
//! PostgreSQL's own function runs a query within a query too. Both get the same text, in the same
//! server, each in a transaction that is rolled back, and must come to the same end: the same
//! SQLSTATE or none, and the same side effects.

use postgres::{Client, Transaction};

use crate::support::{Failure, session, session_as};

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

/// How a query ended: what it failed with, or what it left changed.
type End = Result<String, Failure>;

fn end(transaction: &mut Transaction<'_>, function: &str, query: &str) -> End {
    transaction.query(function, &[&query])?;
    Ok(transaction.query_one(EFFECTS, &[])?.get(0))
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
        (Err(theirs), Err(ours)) => {
            assert_eq!(theirs.code, ours.code, "{start}: {theirs:?}, but {ours:?}");
            assert!(!ours.message.is_empty() && !ours.message.contains("bug"), "{start}: {ours:?}");
        }
        _ => panic!("{start}: {theirs:?}, but {ours:?}"),
    }
    ours
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
        "SELECT repeat('x', 600000000) || repeat('x', 600000000)",
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

/// The query runs as the caller: row security, grants, and in a function of another owner as that.
#[test]
fn the_query_runs_as_its_caller() {
    let user = format!("caller_{}", std::process::id());
    let mut owner = session();
    owner
        .batch_execute(&format!(
            "CREATE ROLE {user} LOGIN;
             GRANT USAGE ON SCHEMA aws_lambda TO {user};
             GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO {user};
             CREATE SCHEMA {user} AUTHORIZATION {user};
             CREATE TABLE secrets AS SELECT 'of the owner' AS of;
             CREATE TABLE notes AS SELECT u AS reader, n
               FROM unnest(ARRAY['{user}', 'another']) AS u, generate_series(1, 3) AS n;
             GRANT SELECT ON notes TO {user};
             ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON notes USING (reader = current_user);
             CREATE FUNCTION by_xml(query text) RETURNS text LANGUAGE sql SECURITY DEFINER AS
               $$ SELECT (xpath('//of/text()', query_to_xml(query, true, false, '')))::text $$;
             CREATE FUNCTION by_lambda(query text) RETURNS text LANGUAGE sql SECURITY DEFINER AS
               $$ SELECT '{{' || string_agg(replace(payload::text, ' ', ''), ',') || '}}'
                    FROM aws_lambda.invoke_query('echo', query) $$;
             CREATE FUNCTION by_lambda_safely(query text) RETURNS text LANGUAGE sql
               SECURITY DEFINER SET search_path = public, pg_temp AS
               $$ SELECT string_agg(payload::text, ',') FROM aws_lambda.invoke_query('echo', query) $$;",
        ))
        .unwrap();
    let mut caller = session_as(&user);
    let one = |client: &mut Client, sql: &str, query: &str| -> Result<Option<String>, Failure> {
        Ok(client.query_one(sql, &[&query])?.get(0))
    };
    let own = "SELECT string_agg(payload::text, ',') FROM aws_lambda.invoke_query('echo', $1)";

    // Grants and row security are the caller's.
    let denied = one(&mut caller, own, "SELECT of FROM secrets").unwrap_err();
    assert_eq!(denied.code, "42501", "{denied:?}");
    let notes = "SELECT n FROM notes ORDER BY n";
    assert_eq!(one(&mut caller, own, notes).unwrap().as_deref(), Some("1,2,3"));
    assert_eq!(one(&mut owner, own, notes).unwrap().as_deref(), Some("1,1,2,2,3,3"));
    let plan = "PREPARE notes(text) AS SELECT count(*) FROM aws_lambda.invoke_query('echo', $1)";
    owner.batch_execute(plan).unwrap();
    for (role, count) in [("postgres", 6), (user.as_str(), 3), ("postgres", 6)] {
        owner.batch_execute(&format!("SET ROLE {role}")).unwrap();
        let sql = format!("EXECUTE notes('{notes}')");
        let row = owner.query_one(&sql, &[]).unwrap();
        assert_eq!(row.get::<_, i64>(0), count, "{role}");
    }
    owner.batch_execute("RESET ROLE").unwrap();

    // In a function of the owner's it is the owner's, and finds what the caller's path leads it to:
    // a path of the function's own is the cure, as everywhere.
    caller.batch_execute("CREATE TEMP TABLE secrets AS SELECT 'forged'::text AS of").unwrap();
    let secrets = "SELECT of FROM secrets";
    let xml = one(&mut caller, "SELECT by_xml($1)", secrets).unwrap();
    assert_eq!(xml.as_deref(), Some("{forged}"));
    let lambda = one(&mut caller, "SELECT by_lambda($1)", secrets).unwrap();
    assert_eq!(lambda.as_deref(), Some("{\"forged\"}"));
    let safe = one(&mut caller, "SELECT by_lambda_safely($1)", secrets).unwrap();
    assert_eq!(safe.as_deref(), Some("\"of the owner\""));
    for query in [
        "SELECT set_config('role', 'postgres', false)",
        "SELECT set_config('session_authorization', 'postgres', false)",
    ] {
        let theirs = one(&mut caller, "SELECT by_xml($1)", query).unwrap_err();
        let ours = one(&mut caller, "SELECT by_lambda($1)", query).unwrap_err();
        assert_eq!((&theirs.code, &theirs.message), (&ours.code, &ours.message));
    }
    let now: String =
        caller.query_one("SELECT current_user || ' ' || session_user", &[]).unwrap().get(0);
    assert_eq!(now, format!("{user} {user}"));

    drop(caller);
    owner
        .batch_execute(&format!(
            "DROP FUNCTION by_xml, by_lambda, by_lambda_safely; DROP TABLE notes, secrets;
             DROP OWNED BY {user}; DROP ROLE {user}"
        ))
        .unwrap();
}

/// In a statement trigger the query reads the transition tables, which `query_to_xml` does not see.
#[test]
fn transition_tables_are_seen() {
    let mut client = session();
    client
        .batch_execute(
            "CREATE TEMP TABLE orders (n int, item text);
             CREATE TEMP TABLE answers (n bigint, payload text);
             CREATE FUNCTION pg_temp.send() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
               INSERT INTO answers SELECT ordinality, payload::text
                 FROM aws_lambda.invoke_query('echo', TG_ARGV[0], batch_size => 100);
               RETURN NULL;
             END $$;
             CREATE TRIGGER inserted AFTER INSERT ON orders REFERENCING NEW TABLE AS new_rows
               FOR EACH STATEMENT EXECUTE FUNCTION
               pg_temp.send('SELECT item FROM new_rows WHERE n > 1 ORDER BY n');
             CREATE TRIGGER updated AFTER UPDATE ON orders
               REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
               FOR EACH STATEMENT EXECUTE FUNCTION
               pg_temp.send('SELECT n, o.item AS was, item.item AS is FROM old_rows AS o
                             JOIN new_rows AS item USING (n) ORDER BY n');
             INSERT INTO orders VALUES (3, 'c'), (1, 'a'), (2, 'b');
             UPDATE orders SET item = upper(item) WHERE n < 3;",
        )
        .unwrap();
    let rows = client.query("SELECT string_agg(payload, ' ') FROM answers", &[]).unwrap();
    let expected = r#""b" "c" {"n":1,"was":"a","is":"A"} {"n":2,"was":"b","is":"B"}"#;
    assert_eq!(rows[0].get::<_, String>(0), expected);
    // Outside of the trigger there is no such table.
    let outside = "SELECT * FROM aws_lambda.invoke_query('echo', 'TABLE new_rows')";
    let failure = Failure::from(client.query(outside, &[]).unwrap_err());
    assert_eq!(failure.code, "42P01", "{failure:?}");
    // Nor in the next trigger of another table.
    let nested = client.batch_execute(
        "CREATE TEMP TABLE others (n int);
         CREATE TRIGGER inserted AFTER INSERT ON others FOR EACH STATEMENT
           EXECUTE FUNCTION pg_temp.send('TABLE new_rows');
         INSERT INTO others VALUES (1)",
    );
    assert_eq!(Failure::from(nested.unwrap_err()).code, "42P01");
}

/// In a procedure, a loop over the rows may end the transaction that they began in.
#[test]
fn a_loop_may_commit_between_rows() {
    let mut client = session();
    client.batch_execute("CREATE TEMP TABLE seen (n int)").unwrap();
    client
        .batch_execute(
            "DO $$
             DECLARE call record;
             BEGIN
               FOR call IN SELECT * FROM aws_lambda.invoke_query('echo',
                 'SELECT n FROM generate_series(1, 30) AS n', max_concurrency => 4)
               LOOP
                 INSERT INTO seen VALUES (call.payload::text::int);
                 IF call.ordinality % 10 = 0 THEN COMMIT; END IF;
                 IF call.ordinality % 10 = 5 THEN ROLLBACK; END IF;
               END LOOP;
             END $$",
        )
        .unwrap();
    let row = client.query_one("SELECT count(*), sum(n)::bigint FROM seen", &[]).unwrap();
    // Of each ten rows the first five are rolled back.
    assert_eq!((row.get(0), row.get(1)), (15_i64, 40_i64 + 90 + 140));
}
