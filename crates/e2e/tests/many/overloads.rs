use crate::support::{Row, Session, cluster, role};

fn lines(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let values = row.iter().map(|value| value.as_deref().unwrap_or("NULL"));
        values.collect::<Vec<_>>().join(" | ")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Names, types, order and defaults of the arguments, and the columns.
#[test]
fn they_have_the_documented_signatures() {
    let rows = Session::new().rows(
        "SELECT proname, pg_get_function_arguments(oid), pg_get_function_result(oid) FROM pg_proc
         WHERE pronamespace = 'aws_lambda'::regnamespace AND proretset AND proname LIKE 'invoke%'
         ORDER BY 1, pg_get_function_arguments(oid) COLLATE \"C\"",
    );
    let signature = |name: &str, first: &str, second: &str, json: &str| {
        let region = if first == "text" { "region text DEFAULT NULL::text, " } else { "" };
        format!(
            "{name} | function_name {first}, {second}, {region}\
             invocation_type text DEFAULT 'RequestResponse'::text, log_type text DEFAULT 'None'::text, \
             context {json} DEFAULT NULL::{json}, qualifier character varying DEFAULT NULL::character varying, \
             max_concurrency integer DEFAULT 16, batch_size integer DEFAULT 1, \
             max_batch_bytes integer DEFAULT NULL::integer, batch_format text DEFAULT 'array'::text, \
             on_error text DEFAULT 'raise'::text, ordered boolean DEFAULT true | \
             TABLE(ordinality bigint, request {json}, status_code integer, payload {json}, \
             executed_version text, log_result text, error jsonb)"
        )
    };
    let mut expected = Vec::new();
    for (name, kinds) in [
        ("invoke_many", &[("payloads json[]", "json"), ("payloads jsonb[]", "jsonb")][..]),
        ("invoke_query", &[("query text", "json")]),
        ("invoke_query_jsonb", &[("query text", "jsonb")]),
    ] {
        for first in ["aws_commons._lambda_function_arn_1", "text"] {
            expected
                .extend(kinds.iter().map(|(second, json)| signature(name, first, second, json)));
        }
    }
    assert_eq!(lines(&rows), expected.join("\n"));
}

/// Every overload gives each row its payload, request and number; json travels byte for byte.
#[test]
fn each_overload_gives_its_rows() {
    let mut session = Session::new();
    let text = "'echo'";
    let arn = "aws_commons.create_lambda_function_arn('echo', 'us-east-1')";
    for function in [text, arn, "'(echo,us-east-1)'"] {
        let sql = format!(
            r#"SELECT * FROM aws_lambda.invoke_many({function}, ARRAY['{{"b": 1.10, "a": 1, "a": 2}}', '"x"']::json[])"#
        );
        assert_eq!(
            lines(&session.rows(&sql)),
            "1 | {\"b\": 1.10, \"a\": 1, \"a\": 2} | 200 | {\"b\": 1.10, \"a\": 1, \"a\": 2} | $LATEST | NULL | NULL\n\
             2 | \"x\" | 200 | \"x\" | $LATEST | NULL | NULL"
        );
        let sql = format!(
            r#"SELECT * FROM aws_lambda.invoke_many({function}, ARRAY['{{"b":1.10,"a":1,"a":2}}']::jsonb[])"#
        );
        assert_eq!(
            lines(&session.rows(&sql)),
            "1 | {\"a\": 2, \"b\": 1.10} | 200 | {\"a\": 2, \"b\": 1.10} | $LATEST | NULL | NULL"
        );
        for (name, found) in
            [("invoke_query", "1 | [1,2] | [1,2]"), ("invoke_query_jsonb", "1 | [1, 2] | [1, 2]")]
        {
            let sql = format!(
                "SELECT ordinality, request, payload FROM aws_lambda.{name}({function}, 'SELECT ARRAY[1, 2]')"
            );
            assert_eq!(lines(&session.rows(&sql)), found);
        }
    }
}

/// The options of `invoke`: type, log, context, qualifier, by position and by name, and AWS's
/// printed idiom with the invocation type in the region's place.
#[test]
fn the_options_of_invoke_hold() {
    let mut session = Session::new();
    let statuses = |session: &mut Session, call: &str| {
        let sql = format!(
            "SELECT status_code, payload, executed_version FROM aws_lambda.invoke_many({call})"
        );
        lines(&session.rows(&sql))
    };
    let payloads = "ARRAY['1', '2']::json[]";
    let event = "202 | NULL | NULL\n202 | NULL | NULL";
    assert_eq!(statuses(&mut session, &format!("'(echo,us-east-1)', {payloads}, 'Event'")), event);
    assert_eq!(statuses(&mut session, &format!("'echo', {payloads}, NULL, 'Event', NULL")), event);
    let arn = "aws_commons.create_lambda_function_arn('echo')";
    assert_eq!(statuses(&mut session, &format!("{arn}, {payloads}, 'Event'")), event);
    assert_eq!(
        statuses(&mut session, &format!("'echo', {payloads}, invocation_type => 'DryRun'")),
        "204 | NULL | NULL\n204 | NULL | NULL"
    );
    let sql = "SELECT payload::jsonb->'client_context'->'custom', log_result IS NOT NULL,
            payload::jsonb->>'invoked_function_arn'
        FROM aws_lambda.invoke_many('inspect', ARRAY['1']::json[], log_type => 'Tail',
            context => '{\"custom\": {\"a\": 1}}'::json, qualifier => '$LATEST')";
    assert_eq!(
        lines(&session.rows(sql)),
        "{\"a\": 1} | t | arn:aws:lambda:us-east-1:000000000000:function:inspect:$LATEST"
    );
}

/// What has no payload makes no call; NULL among payloads has no body, as with `invoke`.
#[test]
fn arrays_of_every_kind_are_read() {
    let mut session = Session::new();
    let mut requests = |array: &str| {
        let sql = format!(
            "SELECT ordinality, request, payload FROM aws_lambda.invoke_many('echo', {array})"
        );
        lines(&session.rows(&sql))
    };
    assert_eq!(requests("NULL::json[]"), "");
    assert_eq!(requests("'{}'::jsonb[]"), "");
    assert_eq!(requests("(SELECT array_agg(to_json(n)) FROM generate_series(1, 0) n)"), "");
    assert_eq!(requests("ARRAY[NULL]::json[]"), "1 | NULL | {}");
    assert_eq!(
        requests("ARRAY[ARRAY['1', '2'], ARRAY['3', '4']]::json[]"),
        "1 | 1 | 1\n2 | 2 | 2\n3 | 3 | 3\n4 | 4 | 4"
    );
    assert_eq!(requests("'[5:6]={7,8}'::json[]"), "1 | 7 | 7\n2 | 8 | 8");
}

/// A value that breaks a rule is refused with the rule, before anything is sent.
#[test]
fn arguments_that_break_a_rule_are_refused() {
    let mut session = Session::new();
    // Nobody listens there: a call would fail differently.
    session.go_to("http://127.0.0.1:1");
    let mut refused = |arguments: &str, code: &str, message: &str, detail: &str| {
        for call in
            ["invoke_many('echo', ARRAY['1']::json[], ", "invoke_query('echo', 'SELECT 1', "]
        {
            let failure = session.fail(&format!("SELECT * FROM aws_lambda.{call}{arguments})"));
            assert_eq!(
                (failure.code.as_str(), failure.message.as_str()),
                (code, message),
                "{arguments}"
            );
            assert_eq!(failure.detail, detail);
        }
    };
    let invalid = |name: &str| format!("invalid value for argument \"{name}\"");
    for (name, most) in
        [("max_concurrency", 1000), ("batch_size", 100_000), ("max_batch_bytes", 6_291_456)]
    {
        for value in [0, -1, most + 1] {
            let detail = format!("\"{value}\" is not between 1 and {most}.");
            refused(&format!("{name} => {value}"), "22023", &invalid(name), &detail);
        }
    }
    refused(
        "invocation_type => 'Event', max_batch_bytes => 1048577",
        "22023",
        &invalid("max_batch_bytes"),
        "\"1048577\" is not between 1 and 1048576.",
    );
    refused(
        "batch_format => 'Array'",
        "22023",
        &invalid("batch_format"),
        "\"Array\" is not a format.",
    );
    refused(
        "on_error => 'ignore'",
        "22023",
        &invalid("on_error"),
        "\"ignore\" is not what can be done on an error.",
    );
    refused(
        "invocation_type => 'event'",
        "22023",
        &invalid("invocation_type"),
        "\"event\" is not an invocation type.",
    );
    refused(
        "region => 'mars'",
        "22023",
        &invalid("region"),
        "\"mars\" is not the name of an AWS Region.",
    );
    let failure =
        session.fail("SELECT * FROM aws_lambda.invoke_many(NULL::text, ARRAY['1']::json[])");
    assert_eq!(
        (failure.code.as_str(), failure.message.as_str()),
        ("22004", "argument \"function_name\" must not be null")
    );
    let failure = session.fail("SELECT * FROM aws_lambda.invoke_query('echo', NULL)");
    assert_eq!(
        (failure.code.as_str(), failure.message.as_str()),
        ("22004", "argument \"query\" must not be null")
    );
}

/// NULL means an option's default.
#[test]
fn null_options_mean_the_defaults() {
    let sql = "SELECT count(*), count(DISTINCT payload::text) FROM aws_lambda.invoke_many(
        'echo', ARRAY['1', '2', '3']::json[], NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)";
    assert_eq!(lines(&Session::new().rows(sql)), "3 | 3");
}

/// No call shape that names a payload's type is ambiguous.
#[test]
fn no_call_is_ambiguous() {
    let mut session = Session::new();
    let arn = "aws_commons.create_lambda_function_arn('echo')";
    for function in ["'echo'", "'echo'::text", "'echo'::varchar", arn] {
        for call in [
            format!("invoke_many({function}, ARRAY['1']::json[])"),
            format!("invoke_many({function}, ARRAY['1']::jsonb[])"),
            format!("invoke_many({function}, ARRAY[to_json(1)], batch_size => 2)"),
            format!("invoke_many({function}, '{{1}}'::jsonb[], context => '{{}}')"),
            format!(
                "invoke_many(function_name => {function}, payloads => ARRAY[to_jsonb(1)], ordered => false)"
            ),
            format!("invoke_query({function}, 'SELECT 1')"),
            format!("invoke_query({function}, 'SELECT 1', context => '{{}}')"),
            format!("invoke_query({function}, 'SELECT 1'::varchar, on_error => 'return')"),
            format!("invoke_query_jsonb({function}, query => 'SELECT 1', context => '{{}}')"),
        ] {
            assert_eq!(
                session.text(&format!("SELECT count(*) FROM aws_lambda.{call}")),
                "1",
                "{call}"
            );
        }
    }
    // As with `invoke`: which of the two types is meant cannot be known.
    assert_eq!(session.fail("SELECT * FROM aws_lambda.invoke_many('echo', '{1}')").code, "42725");
}

/// The documented grants suffice, and without them nobody calls, planned or not.
#[test]
fn only_who_was_granted_may_call() {
    let mut session = Session::new();
    let database = session.text("SELECT current_database()");
    let name = role(cluster(), "many_calls");
    let mut user = Session::open_as(&name, cluster(), &database);
    let calls = [
        "aws_lambda.invoke_many('echo', ARRAY['1']::json[])",
        "aws_lambda.invoke_query('echo', 'SELECT 1')",
        "aws_lambda.invoke_query_jsonb('echo', 'SELECT 1')",
    ];
    for call in calls {
        let failure = user.fail(&format!("SELECT * FROM {call}"));
        assert_eq!(
            (failure.code.as_str(), failure.message.as_str()),
            ("42501", "permission denied for schema aws_lambda")
        );
    }
    session.run(&format!("GRANT USAGE ON SCHEMA aws_lambda TO {name}"));
    for call in calls {
        for sql in [format!("SELECT * FROM {call}"), format!("SELECT {call}")] {
            let failure = user.fail(&sql);
            assert_eq!(failure.code, "42501");
            assert!(
                failure.message.starts_with("permission denied for function invoke_"),
                "{failure:?}"
            );
        }
    }
    session.run(&format!("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO {name}"));
    for call in calls {
        assert_eq!(user.text(&format!("SELECT count(*) FROM {call}")), "1");
    }
}
