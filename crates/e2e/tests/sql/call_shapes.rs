//! Every way to write a call in SQL and PL/pgSQL, and how often each runs the function.

use postgres::types::Type;

use crate::support::{Counter, Failure, Session};

/// What all the spellings of one call have in common: every argument arrives.
const EVERY_ARGUMENT: &str = r#"SELECT status_code, payload::jsonb->'event', payload::jsonb->'client_context',
    payload::jsonb->>'invoked_function_arn', executed_version, log_result IS NOT NULL FROM "#;

/// The text overloads, with every argument: by position, by name, in another order, mixed.
#[test]
fn the_text_overloads_take_every_argument_by_position_and_by_name() {
    let mut session = Session::new();
    for json in ["json", "jsonb"] {
        let payload = format!(r#"'{{"n": 1}}'::{json}"#);
        let context = format!(r#"'{{"custom": {{"a": 1}}, "env": {{"b": "2"}}}}'::{json}"#);
        let calls = [
            format!("'inspect', {payload}, 'us-east-1', 'RequestResponse', 'Tail', {context}, '$LATEST'"),
            format!(
                "function_name => 'inspect', payload => {payload}, region => 'us-east-1',
                 invocation_type => 'RequestResponse', log_type => 'Tail', context => {context},
                 qualifier => '$LATEST'"
            ),
            format!(
                "qualifier => '$LATEST'::varchar(128), log_type => 'Tail'::varchar, context => {context},
                 payload => {payload}, region => 'us-east-1'::text, function_name => 'inspect'::text"
            ),
            format!("'inspect'::text, {payload}, log_type => 'Tail', context => {context}, qualifier => '$LATEST'"),
            format!("'inspect', {payload}, 'us-east-1', context := {context}, log_type := 'Tail', qualifier := '$LATEST'"),
            format!("'inspect', {payload}, NULL, NULL, 'Tail', {context}, '$LATEST'"),
        ];
        assert_every_argument_arrives(&mut session, &calls);
    }
}

/// The same of the overloads that take a `_lambda_function_arn_1`, however it is made.
#[test]
fn the_composite_overloads_take_every_argument_by_position_and_by_name() {
    let mut session = Session::new();
    for json in ["json", "jsonb"] {
        let payload = format!(r#"'{{"n": 1}}'::{json}"#);
        let context = format!(r#"'{{"custom": {{"a": 1}}, "env": {{"b": "2"}}}}'::{json}"#);
        let made = "aws_commons.create_lambda_function_arn('inspect', 'us-east-1')";
        let cast = "'(inspect,us-east-1)'::aws_commons._lambda_function_arn_1";
        let row = "ROW('inspect', NULL)::aws_commons._lambda_function_arn_1";
        let calls = [
            format!("{made}, {payload}, 'RequestResponse', 'Tail', {context}, '$LATEST'"),
            format!("{cast}, {payload}, 'RequestResponse', 'Tail', {context}, '$LATEST'"),
            format!("{row}, {payload}, NULL, 'Tail', {context}, '$LATEST'"),
            format!(
                "function_name => {made}, payload => {payload}, invocation_type => 'RequestResponse',
                 log_type => 'Tail', context => {context}, qualifier => '$LATEST'"
            ),
            format!("{cast}, {payload}, qualifier => '$LATEST', log_type => 'Tail', context => {context}"),
            format!("aws_commons.create_lambda_function_arn(region => 'us-east-1', function_name => 'inspect'),
                {payload}, log_type => 'Tail', context => {context}, qualifier => '$LATEST'"),
        ];
        assert_every_argument_arrives(&mut session, &calls);
    }
}

#[track_caller]
fn assert_every_argument_arrives(session: &mut Session, calls: &[String]) {
    let expected = [
        "200",
        r#"{"n": 1}"#,
        r#"{"env": {"b": "2"}, "custom": {"a": 1}}"#,
        "arn:aws:lambda:us-east-1:000000000000:function:inspect:$LATEST",
        "$LATEST",
        "t",
    ]
    .map(|text| Some(text.to_owned()));
    for call in calls {
        assert_eq!(
            session.row(&format!("{EVERY_ARGUMENT} aws_lambda.invoke({call})")),
            expected,
            "{call}"
        );
    }
}

/// Calls that AWS's overloads leave ambiguous or without a candidate stay so, with PostgreSQL's
/// own errors.
#[test]
fn ambiguous_and_missing_calls_stay_so() {
    let mut session = Session::new();
    let mut fails = |code: &str, call: &str, types: &str, why: &str| {
        let failure = session.fail(&format!("SELECT * FROM aws_lambda.invoke({call})"));
        assert_eq!(failure.code, code, "{call}: {failure:?}");
        assert_eq!(failure.message, format!("function aws_lambda.invoke({types}) {why}"));
    };
    fails("42725", r#"'f', '{"a": 1}'"#, "unknown, unknown", "is not unique");
    fails("42725", "'f', '{}', 'us-east-1'", "unknown, unknown, unknown", "is not unique");
    fails("42725", "'f', NULL", "unknown, unknown", "is not unique");
    let six = "unknown, unknown, unknown, unknown, unknown, unknown";
    fails("42725", "'f', '{}', 'Event', 'None', NULL, '1'", six, "is not unique");
    let missing = "does not exist";
    fails("42883", "'f', '{}'::text", "unknown, text", missing);
    fails("42883", "'f', 'x'::varchar", "unknown, character varying", missing);
    fails("42883", "'f'", "unknown", missing);
    fails("42883", "", "", missing);
    fails("42883", "'f', 1", "unknown, integer", missing);
    fails("42883", "1, '{}'::json", "integer, json", missing);
    fails(
        "42883",
        "'f', '{}'::json, context => '{}'::jsonb",
        "unknown, json, context => jsonb",
        missing,
    );
    fails(
        "42883",
        "'f', '{}'::json, nonsense => 'x'",
        "unknown, json, nonsense => unknown",
        missing,
    );
    let eight = "'f', '{}'::json, NULL, NULL, NULL, NULL, NULL, NULL";
    let types = "unknown, json, unknown, unknown, unknown, unknown, unknown, unknown";
    fails("42883", eight, types, missing);
}

/// In the select list a call is one record; `(...).*` runs it once per column, as PostgreSQL
/// expands it, while FROM and a sub-select run it once.
#[test]
fn a_star_after_a_call_runs_it_once_per_column() {
    let mut session = Session::new();
    let record = session.text("SELECT aws_lambda.invoke('echo', '[1, \"x\"]'::json)");
    assert_eq!(record, r#"(200,"[1, ""x""]",$LATEST,)"#);
    let field =
        "SELECT (aws_lambda.invoke('echo', '{\"a\": {\"b\": 7}}'::json)).payload->'a'->>'b'";
    assert_eq!(session.text(field), "7");

    let counter = Counter::new();
    let call = counter.call("");
    session.run(&format!("SELECT ({call}).*"));
    assert_eq!(counter.runs(), 4);
    session.run(&format!("SELECT * FROM {call}"));
    assert_eq!(counter.runs(), 5);
    session.run(&format!(
        "WITH once AS MATERIALIZED (SELECT {call} AS answer) SELECT (answer).* FROM once"
    ));
    assert_eq!(counter.runs(), 6);
    session.run(&format!("SELECT answer.* FROM (VALUES (1)) v(x), LATERAL {call} AS answer"));
    assert_eq!(counter.runs(), 7);
}

/// A call in LATERAL runs once per row only if an argument depends on the row.
#[test]
fn a_lateral_call_with_constants_runs_once() {
    let (mut session, counter) = (Session::new(), Counter::new());
    let count = session.text(&format!(
        "SELECT count(*) FROM generate_series(1, 5) n, LATERAL {}",
        counter.call("")
    ));
    assert_eq!((count.as_str(), counter.runs()), ("5", 1));
    let sum = session.text(&format!(
        "SELECT sum((payload->>'count')::int) FROM generate_series(1, 5) n, LATERAL {}",
        counter.call(", 'row', n")
    ));
    assert_eq!((sum.as_str(), counter.runs()), ("20", 6));
    // VOLATILE: in the select list and in WHERE it is never run once for all rows.
    let list = counter.call("");
    session.run(&format!("SELECT {list} FROM generate_series(1, 3)"));
    assert_eq!(counter.runs(), 9);
    session.run(&format!("SELECT 1 FROM generate_series(1, 2) WHERE ({list}).status_code = 200"));
    assert_eq!(counter.runs(), 11);
}

/// PL/pgSQL: variables of every type, PERFORM, SELECT INTO, loops, cursors, EXECUTE ... USING.
#[test]
fn plpgsql_calls_in_every_way() {
    let mut session = Session::new();
    session.run(
        r#"DO $$
        DECLARE
            arn aws_commons._lambda_function_arn_1 := aws_commons.create_lambda_function_arn('echo');
            name text := 'echo';
            short varchar(20) := 'echo';
            event json := '{"n": 1}';
            binary_event jsonb := '{"n": 1}';
            kind text := 'RequestResponse';
            answer record;
            status int;
            body json;
            body_b jsonb;
            calls CURSOR FOR SELECT * FROM aws_lambda.invoke('echo', '{"n": 2}'::json);
            seen int := 0;
        BEGIN
            PERFORM aws_lambda.invoke(name, event);
            PERFORM * FROM aws_lambda.invoke(arn, binary_event, kind);
            SELECT * INTO answer FROM aws_lambda.invoke(short, event);
            ASSERT answer.status_code = 200 AND answer.payload->>'n' = '1', answer::text;
            SELECT status_code, payload INTO STRICT status, body FROM aws_lambda.invoke(arn, event);
            ASSERT status = 200 AND body::text = '{"n": 1}', body::text;
            SELECT payload INTO body_b FROM aws_lambda.invoke(function_name => arn, payload => binary_event);
            ASSERT body_b = binary_event;
            answer := aws_lambda.invoke(name, event, invocation_type => 'Event');
            ASSERT answer.status_code = 202 AND answer.payload IS NULL;
            body := (aws_lambda.invoke(name, event, NULL, kind)).payload;
            ASSERT body->>'n' = '1';
            FOR answer IN SELECT * FROM generate_series(1, 3) n,
                LATERAL aws_lambda.invoke(name, json_build_object('n', n)) LOOP
                seen := seen + (answer.payload->>'n')::int;
            END LOOP;
            ASSERT seen = 6;
            OPEN calls;
            FETCH calls INTO answer;
            ASSERT answer.payload->>'n' = '2';
            CLOSE calls;
            EXECUTE 'SELECT payload FROM aws_lambda.invoke($1, $2, invocation_type => $3)'
                INTO body USING name, event, kind;
            ASSERT body->>'n' = '1';
        END $$"#,
    );
}

/// A handler catches the failure by its condition, sees every field of it, and calls again.
#[test]
fn an_exception_handler_sees_every_field() {
    let mut session = Session::new();
    session.run(
        r#"CREATE TABLE seen (state text, message text, detail text, hint text, context text);
        DO $$
        DECLARE
            s seen;
            answer json;
        BEGIN
            BEGIN
                PERFORM * FROM aws_lambda.invoke('raises', '{}'::json);
                RAISE 'it did not fail';
            EXCEPTION WHEN external_routine_exception THEN
                GET STACKED DIAGNOSTICS s.state = RETURNED_SQLSTATE, s.message = MESSAGE_TEXT,
                    s.detail = PG_EXCEPTION_DETAIL, s.hint = PG_EXCEPTION_HINT,
                    s.context = PG_EXCEPTION_CONTEXT;
                INSERT INTO seen VALUES (s.*);
                SELECT payload INTO answer FROM aws_lambda.invoke('echo', '"on it goes"'::json);
            END;
            ASSERT answer::text = '"on it goes"';
        END $$"#,
    );
    let seen = session.row("SELECT state, message, left(detail, 44), hint LIKE '%Request id: %', context LIKE 'SQL statement%' FROM seen");
    let expected = [
        "38000",
        "lambda invocation failed",
        r#""raises" returned error "Unhandled", details"#,
        "t",
        "t",
    ];
    assert_eq!(seen, expected.map(|text| Some(text.to_owned())));
}

/// Prepared by SQL, with types, and executed over and over, past the custom plans.
#[test]
fn prepared_statements_call() {
    let mut session = Session::new();
    session.run(
        "PREPARE by_text(text, json) AS SELECT payload->>'n' FROM aws_lambda.invoke($1, $2);
         PREPARE by_arn(aws_commons._lambda_function_arn_1, jsonb, text) AS
             SELECT status_code FROM aws_lambda.invoke($1, $2, $3);",
    );
    for n in 1..=7 {
        assert_eq!(
            session.text(&format!("EXECUTE by_text('echo', '{{\"n\": {n}}}')")),
            n.to_string()
        );
        assert_eq!(session.text("EXECUTE by_arn('(echo,us-east-1)', '{}', 'Event')"), "202");
    }
}

/// By the extended protocol: the types that the server infers, and calls with bound values.
#[test]
fn parameters_of_the_extended_protocol_call() {
    let mut session = Session::new();
    let client = &mut session.client;
    let sql = "SELECT status_code, payload::text, executed_version, log_result IS NULL
        FROM aws_lambda.invoke($1, $2::text::json, $3, $4, qualifier => $5)";
    let statement = client.prepare(sql).unwrap();
    let types = [Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT, Type::VARCHAR];
    assert_eq!(statement.params(), types);
    let (none, payload) = (None::<&str>, "[1.10, {}]");
    for _ in 0..3 {
        let row = client.query_one(&statement, &[&"echo", &payload, &none, &none, &none]).unwrap();
        assert_eq!(row.get::<_, i32>(0), 200);
        assert_eq!((row.get::<_, &str>(1), row.get::<_, &str>(2)), (payload, "$LATEST"));
        assert!(row.get::<_, bool>(3));
        let region = Some("us-east-1");
        let row = client.query_one(&statement, &[&"echo", &payload, &region, &"Event", &"$LATEST"]);
        assert_eq!(row.unwrap().get::<_, i32>(0), 202);
    }
    let composite = "SELECT status_code FROM aws_lambda.invoke(
        aws_commons.create_lambda_function_arn($1, $2), $3::text::jsonb, $4)";
    let row = client.query_one(composite, &[&"echo", &"us-east-1", &"{}", &"DryRun"]).unwrap();
    assert_eq!(row.get::<_, i32>(0), 204);
    let open = client.prepare("SELECT * FROM aws_lambda.invoke($1, $2)").unwrap_err();
    assert_eq!(Failure::from(open).code, "42725");
}
