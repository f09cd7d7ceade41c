use crate::support::{Failure, Session};

/// What a query in `invoke_query` and the same in `query_to_xml` fail with.
#[track_caller]
fn fails_alike(session: &mut Session, query: &str) -> Failure {
    let quoted = query.replace('\'', "''");
    let ours = session.fail(&format!("SELECT * FROM aws_lambda.invoke_query('echo', '{quoted}')"));
    let theirs = session.fail(&format!("SELECT query_to_xml('{quoted}', true, false, '')"));
    assert_eq!((&ours.code, &ours.message), (&theirs.code, &theirs.message), "{query}");
    ours
}

/// What is no query, or changes something, is refused as `query_to_xml` refuses it, and changes
/// nothing.
#[test]
fn what_is_not_allowed_is_refused_as_by_query_to_xml() {
    let mut session = Session::new();
    session.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
    for query in [
        "INSERT INTO t VALUES (2)",
        "INSERT INTO t VALUES (2) RETURNING a",
        "WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x",
        "SELECT * FROM t FOR UPDATE",
        "SELECT 1 AS a INTO u",
        "CREATE TABLE u (a int)",
        "SELECT 1; DELETE FROM t",
        "DELETE FROM t; SELECT 1",
        "TRUNCATE t",
        "COMMIT",
        "ROLLBACK; SELECT 1",
        "BEGIN",
        "COPY t TO STDOUT",
        "SHOW work_mem",
        "EXPLAIN SELECT 1",
        "SELECT FORM t",
        "SELECT 'open",
        "SELECT $1",
        "SELECT missing()",
        "SELECT 1/0",
        "",
        " -- nothing\n",
    ] {
        fails_alike(&mut session, query);
        assert_eq!(session.text("SELECT sum(a) FROM t"), "1", "{query}");
    }
    session.assert_usable();
}

/// Of several statements the last one's rows count, with the search path that the others set.
#[test]
fn the_last_of_several_statements_gives_the_rows() {
    let mut session = Session::new();
    session.run("CREATE SCHEMA other; CREATE TABLE other.only_there AS SELECT 7 AS a");
    let sql = "SELECT payload FROM aws_lambda.invoke_query('echo',
        'SELECT 1; SELECT set_config(''search_path'', ''other'', true); SELECT a FROM only_there; -- done')";
    assert_eq!(session.text(sql), "7");
}

/// One column is the payload, as `to_json` writes it; several are a row.
#[test]
fn rows_become_json_as_by_to_json() {
    let mut session = Session::new();
    session.run("CREATE TYPE pair AS (x int, y text)");
    for query in [
        "SELECT 1",
        "SELECT 'a\"b'::text",
        "SELECT ARRAY[1, 2]",
        "SELECT DATE '2026-11-21'",
        "SELECT ROW(1, 'z')::pair",
        "SELECT '{\"b\": 1.10, \"b\": 2}'::json",
        "SELECT '{\"b\":1.10,\"a\":2}'::jsonb",
        "SELECT true",
        "VALUES (1.50)",
    ] {
        let expected = session.text(&format!("SELECT to_json(q.v) FROM ({query}) AS q(v)"));
        let quoted = query.replace('\'', "''");
        let call = format!("SELECT request FROM aws_lambda.invoke_query('echo', '{quoted}')");
        assert_eq!(session.text(&call), expected, "{query}");
        let expected = session.text(&format!("SELECT to_jsonb(q.v) FROM ({query}) AS q(v)"));
        let call = format!("SELECT request FROM aws_lambda.invoke_query_jsonb('echo', '{quoted}')");
        assert_eq!(session.text(&call), expected, "{query}");
    }
    let several = "SELECT string_agg(request::text, ' ') FROM aws_lambda.invoke_query('echo',
        'SELECT n AS a, NULL AS \"B c\" FROM generate_series(1, 2) n ORDER BY n DESC')";
    assert_eq!(session.text(several), r#"{"a":2,"B c":null} {"a":1,"B c":null}"#);
    let null = "SELECT request IS NULL AND payload::text = '{}' FROM aws_lambda.invoke_query('echo', 'SELECT NULL::int')";
    assert_eq!(session.text(null), "t");
}

/// Rows of several columns are rows whichever node of the plan they come from.
#[test]
fn whole_rows_come_from_every_kind_of_plan() {
    let mut session = Session::new();
    for definition in [
        "CREATE TABLE parent (gone int, a int, b text)",
        "ALTER TABLE parent DROP COLUMN gone",
        "CREATE TABLE child (b text, c int, a int)",
        "ALTER TABLE child INHERIT parent",
        "INSERT INTO parent VALUES (1, 'one'), (3, NULL)",
        "INSERT INTO child VALUES ('two', 9, 2)",
    ] {
        session.run(definition);
    }
    for query in [
        "SELECT 1 AS a, 2 AS b UNION ALL SELECT 3, 4",
        "SELECT 1 AS a, 'x' AS b UNION SELECT 1, 'x'",
        "SELECT a, b FROM parent EXCEPT SELECT 3, NULL ORDER BY a",
        "VALUES (1, 'x'), (2, NULL)",
        "SELECT * FROM parent",
        "TABLE ONLY parent",
        "SELECT * FROM parent ORDER BY a LIMIT 2",
        "SELECT a, count(*) FROM parent GROUP BY a ORDER BY a",
        "SELECT p.*, q.b AS d FROM parent p JOIN child q USING (a)",
        "WITH RECURSIVE r AS (SELECT 1 AS a, 0 AS b UNION ALL SELECT a + 1, a FROM r WHERE a < 3)
         SELECT * FROM r",
        "SELECT n AS a, n AS b FROM ROWS FROM (generate_series(1, 3), generate_series(1, 2)) AS t (n, m)",
    ] {
        let expected =
            session.text(&format!("SELECT string_agg(to_json(q)::text, ' ') FROM ({query}) AS q"));
        let quoted = query.replace('\'', "''");
        let call = format!(
            "SELECT string_agg(request::text, ' ') FROM aws_lambda.invoke_query('echo', '{quoted}')"
        );
        assert_eq!(session.text(&call), expected, "{query}");
    }
}

/// The query reads no further than it may send.
#[test]
fn the_query_is_read_as_far_as_calls_are_made() {
    let mut session = Session::new();
    session.run("CREATE SEQUENCE reads");
    let query = "'SELECT nextval(''reads'') FROM generate_series(1, 1000)'";
    let limited = format!(
        "SELECT * FROM aws_lambda.invoke_query('echo', {query}, max_concurrency => 4, batch_size => 3) LIMIT 4"
    );
    assert_eq!(session.rows(&limited).len(), 4);
    let read: u32 = session.text("SELECT last_value FROM reads").parse().unwrap();
    assert!((4..=18).contains(&read), "{read}");
}

/// It sees what the statement around it sees, with the rights of who calls.
#[test]
fn the_query_has_the_snapshot_and_the_rights_of_its_caller() {
    let mut session = Session::new();
    session.run("CREATE TABLE seen (n int); INSERT INTO seen SELECT generate_series(1, 5)");
    session.run(
        "BEGIN; DECLARE c CURSOR FOR SELECT payload FROM aws_lambda.invoke_query('echo', 'TABLE seen', max_concurrency => 1);
         FETCH 1 FROM c; INSERT INTO seen VALUES (6); DELETE FROM seen WHERE n = 5",
    );
    assert_eq!(
        session.rows("FETCH ALL FROM c").len(),
        4,
        "the cursor's rows are those of its beginning"
    );
    session.run("COMMIT");
    let database = session.text("SELECT current_database()");
    let name = crate::support::role(crate::support::cluster(), "asks");
    session.run(&format!(
        "GRANT USAGE ON SCHEMA aws_lambda TO {name}; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO {name};
         CREATE FUNCTION definer() RETURNS SETOF json LANGUAGE sql SECURITY DEFINER AS
             $$ SELECT payload FROM aws_lambda.invoke_query('echo', 'SELECT count(*) FROM seen') $$"
    ));
    let mut user = Session::open_as(&name, crate::support::cluster(), &database);
    assert_eq!(fails_alike(&mut user, "TABLE seen").message, "permission denied for table seen");
    assert_eq!(user.text("SELECT definer()"), "5");
}
