use crate::support::{Counter, Session};

/// An array of `count` payloads for the function `counter`.
fn counting(counter: &Counter, count: usize) -> String {
    format!(
        "ARRAY(SELECT json_build_object('file', '{}', 'row', n) FROM generate_series(1, {count}) n)",
        counter.path()
    )
}

/// A `LIMIT` makes no more calls than the rows it wants and a full window.
#[test]
fn a_limit_bounds_the_calls() {
    let (mut session, counter) = (Session::new(), Counter::new());
    let payloads = counting(&counter, 1000);
    let call = format!("aws_lambda.invoke_many('counter', {payloads}, max_concurrency => 4)");
    assert_eq!(session.rows(&format!("SELECT * FROM {call} LIMIT 5")).len(), 5);
    assert!((5..=9).contains(&counter.runs()), "{}", counter.runs());
    let plan = session.rows(&format!("EXPLAIN SELECT * FROM {call} LIMIT 5"));
    let plan: Vec<_> = plan.into_iter().flatten().flatten().collect();
    assert!(plan.iter().any(|line| line.contains("Row By Row Function Scan")), "{plan:#?}");
    assert!(plan.iter().any(|line| line.contains("Function Name: invoke_many")), "{plan:#?}");
}

/// The first statement of a session, which loads the library, and every place of a call in a
/// statement that PostgreSQL can stop early.
#[test]
fn every_place_of_a_call_stops_early() {
    for statement in [
        "SELECT * FROM CALL LIMIT 2",
        "SELECT CALL LIMIT 2",
        "SELECT * FROM (SELECT payload FROM CALL) AS inside LIMIT 2",
        "WITH answers AS NOT MATERIALIZED (SELECT * FROM CALL) SELECT * FROM answers LIMIT 2",
        "WITH answers AS MATERIALIZED (SELECT * FROM CALL) SELECT * FROM answers LIMIT 2",
        "SELECT row_to_json(answers) FROM CALL AS answers LIMIT 2",
        "SELECT n FROM generate_series(1, 3) n, LATERAL CALL LIMIT 2",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM CALL)",
        "SELECT * FROM CALL WHERE status_code = 200 AND ordinality > 1 LIMIT 2",
        "SELECT * FROM CALL UNION ALL SELECT * FROM CALL LIMIT 2",
    ] {
        let (mut session, counter) = (Session::new(), Counter::new());
        let payloads = counting(&counter, 100);
        let call = format!("aws_lambda.invoke_many('counter', {payloads}, max_concurrency => 3)");
        session.run(&statement.replace("CALL", &call));
        assert!((1..=6).contains(&counter.runs()), "{} runs: {statement}", counter.runs());
    }
}

/// Where PostgreSQL wants every row, every row comes, once.
#[test]
fn every_place_of_a_call_gives_all_rows() {
    let (mut session, counter) = (Session::new(), Counter::new());
    let payloads = counting(&counter, 20);
    let call = format!("aws_lambda.invoke_many('counter', {payloads})");
    session.run(&format!(
        "CREATE VIEW answers AS SELECT * FROM {call};
         CREATE FUNCTION by_query() RETURNS SETOF bigint LANGUAGE plpgsql AS
             $$ BEGIN RETURN QUERY SELECT ordinality FROM {call}; END $$;
         CREATE FUNCTION by_sql() RETURNS SETOF bigint LANGUAGE sql AS $$ SELECT ordinality FROM {call} $$;
         CREATE TABLE kept (ordinality bigint, payload json);"
    ));
    let mut runs = 0;
    for statement in [
        "SELECT count(*) FROM CALL",
        "SELECT count(*) FROM answers",
        "SELECT count(*) FROM by_query()",
        "SELECT count(*) FROM by_sql()",
        "SELECT count(*) FROM CALL WITH ORDINALITY",
        "SELECT count(*) FROM ROWS FROM (CALL, generate_series(1, 2))",
        "SELECT count(*) FROM (SELECT (CALL).ordinality) AS list",
        "SELECT count(renamed.a) FROM CALL AS renamed(a) WHERE renamed IS NOT NULL OR a > 0",
        "WITH kept_rows AS (INSERT INTO kept SELECT ordinality, payload FROM CALL RETURNING 1) SELECT count(*) FROM kept_rows",
        "WITH changed AS (UPDATE kept SET payload = new.payload FROM CALL AS new
             WHERE new.ordinality = kept.ordinality RETURNING 1) SELECT count(*) FROM changed",
        "SELECT count(*) FROM generate_series(1, 1) n, LATERAL CALL ORDER BY 1",
    ] {
        let statement = statement.replace("CALL", &call);
        assert_eq!(session.text(&statement), "20", "{statement}");
        runs += 20;
        assert_eq!(counter.runs(), runs, "{statement}");
    }
}

/// Rows that are asked for again are not computed again, as with every function in FROM; those of
/// changed arguments are, also when an earlier row had the same.
#[test]
fn a_lateral_call_runs_when_its_arguments_change() {
    let (mut session, counter) = (Session::new(), Counter::new());
    let constant = format!("aws_lambda.invoke_many('counter', {})", counting(&counter, 2));
    session.run("SET enable_material = off; SET enable_hashjoin = off; SET enable_mergejoin = off");
    let count = |sql: &str| sql.replace("CONSTANT", &constant);
    assert_eq!(
        session.text(&count("SELECT count(*) FROM generate_series(1, 5) n, CONSTANT")),
        "10"
    );
    assert_eq!(counter.runs(), 2);
    let correlated = "SELECT string_agg(c::text, ',') FROM generate_series(1, 3) n,
        LATERAL (SELECT count(*) AS c FROM CONSTANT WHERE ordinality >= n) AS counted";
    assert_eq!(session.text(&count(correlated)), "2,1,0");
    assert_eq!(counter.runs(), 4);
    let dependent = format!(
        "SELECT count(*) FROM (SELECT n % 2 AS same FROM generate_series(1, 40) n) AS outer_rows,
         LATERAL aws_lambda.invoke_many('counter',
             ARRAY[jsonb_build_object('file', '{}', 'same', same)]::jsonb[])",
        counter.path()
    );
    assert_eq!(session.text(&dependent), "40");
    assert_eq!(counter.runs(), 44, "PostgreSQL kept rows of equal arguments");
}

/// Cursors: forward, backward, beyond the transaction, beyond a savepoint.
#[test]
fn cursors_fetch_in_every_way() {
    let mut session = Session::new();
    let query = "SELECT ordinality FROM aws_lambda.invoke_query('echo', 'SELECT n FROM generate_series(1, 50) n')";
    let fetched = |session: &mut Session, sql: &str| {
        let rows = session.rows(sql).into_iter().flatten().flatten();
        rows.collect::<Vec<_>>().join(",")
    };
    session.run(&format!("BEGIN; DECLARE c SCROLL CURSOR FOR {query}"));
    assert_eq!(fetched(&mut session, "FETCH 4 FROM c"), "1,2,3,4");
    assert_eq!(fetched(&mut session, "FETCH BACKWARD 2 FROM c"), "3,2");
    assert_eq!(fetched(&mut session, "FETCH ABSOLUTE 50 FROM c"), "50");
    assert_eq!(fetched(&mut session, "FETCH ABSOLUTE 1 FROM c"), "1");
    session.run("COMMIT");
    session.run(&format!("BEGIN; DECLARE c CURSOR WITH HOLD FOR {query}"));
    assert_eq!(fetched(&mut session, "FETCH 2 FROM c"), "1,2");
    session.run("COMMIT");
    assert_eq!(fetched(&mut session, "FETCH 2 FROM c"), "3,4");
    session.run("CLOSE c");
    session.run(&format!("BEGIN; DECLARE c CURSOR FOR {query}; SAVEPOINT s"));
    assert_eq!(fetched(&mut session, "FETCH 2 FROM c"), "1,2");
    session.run("ROLLBACK TO s");
    assert_eq!(fetched(&mut session, "FETCH 2 FROM c"), "3,4");
    session.run("RELEASE s");
    assert_eq!(fetched(&mut session, "FETCH 2 FROM c"), "5,6");
    session.run("ROLLBACK");
    session.assert_usable();
}

/// PL/pgSQL's loops leave early; several at once and one inside another do not disturb each other,
/// nor does `invoke` between their rows.
#[test]
fn calls_inside_calls_keep_apart() {
    let mut session = Session::new();
    session.run(
        "DO $$
        DECLARE a record; b record; c record; seen int := 0;
        BEGIN
            FOR a IN SELECT * FROM aws_lambda.invoke_query('echo', 'SELECT n FROM generate_series(1, 30) n',
                    max_concurrency => 2) LOOP
                FOR b IN SELECT * FROM aws_lambda.invoke_many('echo', ARRAY[a.payload, a.payload, a.payload]) LOOP
                    SELECT * INTO c FROM aws_lambda.invoke('echo', b.payload);
                    ASSERT c.payload::text = a.ordinality::text, c.payload::text;
                    seen := seen + 1;
                    EXIT WHEN b.ordinality = 2;
                END LOOP;
                EXIT WHEN a.ordinality = 5;
            END LOOP;
            ASSERT seen = 10, seen;
        END $$",
    );
    let nested = "SELECT string_agg(payload::text, ',') FROM aws_lambda.invoke_query('echo',
        'SELECT payload FROM aws_lambda.invoke_query(''echo'', ''SELECT n FROM generate_series(1, 4) n'')')";
    assert_eq!(session.text(nested), "1,2,3,4");
}

/// Past the custom plans, and with a plan that is made anew because the search path changed.
#[test]
fn prepared_statements_read_their_arguments_each_time() {
    let mut session = Session::new();
    session.run("PREPARE p(json[]) AS SELECT string_agg(payload::text, '') FROM aws_lambda.invoke_many('echo', $1)");
    for round in 1..=8 {
        let sql = format!("EXECUTE p('{{{round},{round}}}')");
        assert_eq!(session.text(&sql), format!("{round}{round}"));
    }
}
