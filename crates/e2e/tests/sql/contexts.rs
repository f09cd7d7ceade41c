//! Where else in SQL a call can stand: triggers, views, functions, tables made of answers.

use std::io::Read as _;

use crate::support::{Counter, Session, cluster, database, role};

/// The wild's commonest call: an event from a row trigger, one for each row.
#[test]
fn a_row_trigger_calls_the_function_for_each_row() {
    let (mut session, counter) = (Session::new(), Counter::new());
    session.run(&format!(
        "CREATE TABLE orders (id int, note text);
         CREATE FUNCTION notify_lambda() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM * FROM aws_lambda.invoke(aws_commons.create_lambda_function_arn('counter', 'us-east-1'),
                 json_build_object('file', '{file}', 'id', NEW.id, 'note', NEW.note)::json, 'RequestResponse');
             PERFORM * FROM aws_lambda.invoke(aws_commons.create_lambda_function_arn('echo', 'us-east-1'),
                 json_build_object('id', NEW.id, 'note', NEW.note)::json, 'Event');
             RETURN NEW;
         END $$;
         CREATE TRIGGER orders_lambda AFTER INSERT OR UPDATE ON orders
             FOR EACH ROW EXECUTE FUNCTION notify_lambda();
         INSERT INTO orders SELECT n, 'note ' || n FROM generate_series(1, 3) n;
         UPDATE orders SET note = note || '!' WHERE id < 3;",
        file = counter.path()
    ));
    assert_eq!(counter.runs(), 5);
    // A function that fails takes the statement with it.
    session.run(
        "ALTER FUNCTION notify_lambda() SET aws_lambda.endpoint_override = 'http://127.0.0.1:1'",
    );
    assert_eq!(session.fail("INSERT INTO orders VALUES (9, 'lost')").message, "invoke API failed");
    assert_eq!(session.text("SELECT count(*) FROM orders"), "3");
}

/// Calls inside other objects: views, SQL functions, tables made of answers, columns as arguments,
/// and a wrapper that lends its owner's right.
#[test]
fn calls_inside_other_objects() {
    let mut session = Session::new();
    session.run(
        r#"CREATE VIEW answers AS SELECT payload FROM aws_lambda.invoke('echo', '{"v": 1}'::json);
        CREATE FUNCTION ask(event jsonb) RETURNS jsonb LANGUAGE sql
            AS $$ SELECT payload FROM aws_lambda.invoke('echo', event) $$;
        CREATE TABLE functions (arn aws_commons._lambda_function_arn_1, event json);
        INSERT INTO functions VALUES (aws_commons.create_lambda_function_arn('echo'), '{"t": 1}'),
            (('echo', 'us-east-1'), '{"t": 2}');
        CREATE TABLE kept AS SELECT i.* FROM functions, LATERAL aws_lambda.invoke(arn, event) i;
        CREATE FUNCTION lend(event json) RETURNS json LANGUAGE sql SECURITY DEFINER
            AS $$ SELECT payload FROM aws_lambda.invoke('echo', event) $$;"#,
    );
    assert_eq!(session.text("SELECT payload FROM answers"), r#"{"v": 1}"#);
    assert_eq!(session.text(r#"SELECT ask('{"q": 1}')"#), r#"{"q": 1}"#);
    let kept =
        session.rows("SELECT status_code, payload->>'t', executed_version, log_result FROM kept");
    assert_eq!(kept.iter().map(|row| row[1].as_deref().unwrap()).collect::<String>(), "12");
    let shared = database();
    let mut owner = Session::open(cluster(), &shared);
    owner.run(
        "CREATE FUNCTION lend(event json) RETURNS json LANGUAGE sql SECURITY DEFINER
            AS $$ SELECT payload FROM aws_lambda.invoke('echo', event) $$;",
    );
    let user = role(cluster(), "borrower");
    let mut borrower = Session::open_as(&user, cluster(), &shared);
    assert_eq!(borrower.text("SELECT lend('[3]')"), "[3]");
    let refused = borrower.fail("SELECT * FROM aws_lambda.invoke('echo', '[3]'::json)");
    assert_eq!(refused.message, "permission denied for schema aws_lambda");
    cluster().query("postgres", &format!("DROP ROLE {user};")).unwrap();
}

/// A deferred constraint trigger calls at COMMIT, and its failure rolls the transaction back.
#[test]
fn a_deferred_trigger_calls_at_commit() {
    let (mut session, counter) = (Session::new(), Counter::new());
    session.run(&format!(
        "CREATE TABLE orders (id int, call text);
         CREATE FUNCTION notify_lambda() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM {call};
             PERFORM aws_lambda.invoke(NEW.call, '1'::json);
             RETURN NULL;
         END $$;
         CREATE CONSTRAINT TRIGGER late AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION notify_lambda();
         BEGIN; INSERT INTO orders VALUES (1, 'echo'), (2, 'echo');",
        call = counter.call("")
    ));
    assert_eq!(counter.runs(), 0);
    session.run("COMMIT");
    assert_eq!(counter.runs(), 2);
    session.run("BEGIN; INSERT INTO orders VALUES (3, 'raises')");
    assert_eq!(session.fail("COMMIT").message, "lambda invocation failed");
    assert_eq!(session.text("SELECT count(*) FROM orders"), "2");
    session.assert_usable();
}

/// Set-returning functions, COPY, a materialised view, an UPDATE's sub-select, savepoints.
#[test]
fn calls_in_other_statements() {
    let mut session = Session::new();
    session.run(
        r#"CREATE FUNCTION ask_all(events json[]) RETURNS SETOF json LANGUAGE plpgsql AS $$
        DECLARE event json;
        BEGIN
            FOREACH event IN ARRAY events LOOP
                RETURN QUERY SELECT payload FROM aws_lambda.invoke('echo', event);
            END LOOP;
        END $$;
        CREATE MATERIALIZED VIEW kept AS SELECT payload FROM aws_lambda.invoke('echo', '[1]'::jsonb);
        REFRESH MATERIALIZED VIEW kept;
        CREATE TABLE events (id int, event json, answer json);
        INSERT INTO events SELECT n, to_json(n) FROM generate_series(1, 3) n;
        UPDATE events SET answer = (SELECT payload FROM aws_lambda.invoke('echo', event));"#,
    );
    let all = session.rows("SELECT * FROM ask_all(ARRAY['1', '{}', 'null']::json[])");
    assert_eq!(all, ["1", "{}", "null"].map(|text| vec![Some(text.to_owned())]));
    assert_eq!(session.text("SELECT payload FROM kept"), "[1]");
    let equal = "SELECT bool_and(answer::text = event::text) FROM events";
    assert_eq!(session.text(equal), "t");
    let mut copied = String::new();
    let copy = "COPY (SELECT status_code, payload FROM aws_lambda.invoke('echo', '\"x\"'::json)) TO STDOUT";
    session.client.copy_out(copy).unwrap().read_to_string(&mut copied).unwrap();
    assert_eq!(copied, "200\t\"x\"\n");
    session.run("BEGIN; SAVEPOINT before");
    assert_eq!(session.fail("SELECT aws_lambda.invoke('raises', '1'::json)").code, "38000");
    session.run("ROLLBACK TO before");
    session.assert_usable();
    session.run("COMMIT");
}

/// Arguments out of tables: short, compressed, and stored out of line.
#[test]
fn stored_arguments_arrive_whole() {
    let mut session = Session::new();
    session.run(
        r#"CREATE TABLE stored (id int, name text, arn aws_commons._lambda_function_arn_1, plain json, binary_form jsonb);
        ALTER TABLE stored ALTER plain SET STORAGE EXTERNAL;
        INSERT INTO stored
            SELECT n, 'echo', aws_commons.create_lambda_function_arn('echo', 'us-east-1'), document::json, document::jsonb
            FROM (VALUES (1, '{"n": 1}'), (2, to_json(repeat('compresses well ', 50000))::text),
                (3, (SELECT json_agg(md5(n::text))::text FROM generate_series(1, 20000) n))) v(n, document);"#,
    );
    let same = session.rows(
        "SELECT plain::text = a.payload::text, binary_form = b.payload, binary_form = c.payload
         FROM stored, LATERAL aws_lambda.invoke(name, plain) a, LATERAL aws_lambda.invoke(name, binary_form) b,
             LATERAL aws_lambda.invoke(arn, binary_form) c ORDER BY id",
    );
    assert_eq!(same, vec![vec![Some("t".to_owned()); 3]; 3]);
    let large = "SELECT pg_column_size(plain) > 500000 AND pg_column_size(binary_form) > 500000 FROM stored WHERE id = 3";
    assert_eq!(session.text(large), "t");
}
