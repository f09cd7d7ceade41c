//! As whom a query runs, what it sees of the statement around it, and where that may stand.

use postgres::Client;

use crate::support::{Failure, session, session_as};

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
             CREATE FUNCTION by_plpgsql(query text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS
               $$ DECLARE answer text; BEGIN EXECUTE query INTO answer; RETURN answer; END $$;
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
    let plpgsql = one(&mut caller, "SELECT by_plpgsql($1)", secrets).unwrap();
    assert_eq!(plpgsql.as_deref(), Some("forged"));
    let lambda = one(&mut caller, "SELECT by_lambda($1)", secrets).unwrap();
    assert_eq!(lambda.as_deref(), Some("{\"forged\"}"));
    let safe = one(&mut caller, "SELECT by_lambda_safely($1)", secrets).unwrap();
    assert_eq!(safe.as_deref(), Some("\"of the owner\""));
    for query in [
        "SELECT set_config('role', 'postgres', false)",
        "SELECT set_config('session_authorization', 'postgres', false)",
    ] {
        let theirs = one(&mut caller, "SELECT by_plpgsql($1)", query).unwrap_err();
        let ours = one(&mut caller, "SELECT by_lambda($1)", query).unwrap_err();
        assert_eq!((&theirs.code, &theirs.message), (&ours.code, &ours.message));
    }
    let now: String =
        caller.query_one("SELECT current_user || ' ' || session_user", &[]).unwrap().get(0);
    assert_eq!(now, format!("{user} {user}"));

    drop(caller);
    owner
        .batch_execute(&format!(
            "DROP FUNCTION by_plpgsql, by_lambda, by_lambda_safely; DROP TABLE notes, secrets;
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
