use std::process::Command;

use e2e::wait_until;

use crate::session_with;
use crate::support::{Counter, Session, cluster, role};

/// Statements of a user of 1.0: stored ARNs in every kind of place, and calls from every kind of
/// object. `ROLE` may call, `FILE` is where the function `counter` counts.
const LIFE_WITH_1_0: &str = r#"
GRANT USAGE ON SCHEMA aws_lambda TO ROLE;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO ROLE;

CREATE DOMAIN one_of_ours AS aws_commons._lambda_function_arn_1
    CHECK ((VALUE).function_name <> 'forbidden');
CREATE TYPE step AS (number int, target aws_commons._lambda_function_arn_1);
CREATE TABLE functions (
    id int PRIMARY KEY,
    arn aws_commons._lambda_function_arn_1 NOT NULL
        DEFAULT aws_commons.create_lambda_function_arn('echo', 'us-east-1'),
    others aws_commons._lambda_function_arn_1[],
    ours one_of_ours,
    step step,
    made aws_commons._lambda_function_arn_1 GENERATED ALWAYS AS
        (aws_commons.create_lambda_function_arn('echo', 'region-' || id)) STORED);
INSERT INTO functions (id) VALUES (1);
INSERT INTO functions VALUES
    (2, aws_commons.create_lambda_function_arn('arn:aws:lambda:us-east-1:000000000000:function:echo'),
     ARRAY[('a', NULL), ('b', 'us-east-1')]::aws_commons._lambda_function_arn_1[],
     ('echo', 'us-east-1'), ROW(7, ('echo', 'us-east-1'))),
    (3, ('odd, "name" (\)', ''), '{}', NULL, ROW(NULL, NULL));
CREATE INDEX by_arn ON functions (arn);

CREATE VIEW answers AS SELECT id, i.* FROM functions, LATERAL aws_lambda.invoke(arn, '{"n": 1.10}'::json) i
    WHERE id < 3;
CREATE VIEW printed AS SELECT * FROM aws_lambda.invoke('(echo,us-east-1)', '7'::jsonb, 'RequestResponse', 'None', NULL, '$LATEST');
CREATE MATERIALIZED VIEW stored_answer AS SELECT payload FROM aws_lambda.invoke('echo', '8'::json);
CREATE FUNCTION ask(question json) RETURNS json LANGUAGE sql
    AS $$ SELECT payload FROM aws_lambda.invoke('echo', $1) $$;
CREATE FUNCTION notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM * FROM aws_lambda.invoke(aws_commons.create_lambda_function_arn('counter', 'us-east-1'),
        json_build_object('file', 'FILE')::json, 'Event');
    RETURN new;
END $$;
CREATE TABLE orders (id int);
CREATE TRIGGER on_order AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION notify();
GRANT ALL ON ALL TABLES IN SCHEMA public TO ROLE;
"#;

/// Everything that is stored in the table of [`LIFE_WITH_1_0`].
pub const STORED: &str = "SELECT string_agg(f::text, e'\\n' ORDER BY id) FROM functions f";
const DEFINED: &str = "SELECT string_agg(d, e'\\n' ORDER BY d) FROM (
    SELECT pg_get_viewdef(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')
    UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace) x (d)";

/// Makes all of [`LIFE_WITH_1_0`].
pub fn live_with_1_0(session: &mut Session, caller: &str, counter: &Counter) {
    session.run(&LIFE_WITH_1_0.replace("ROLE", caller).replace("FILE", &counter.path()));
}

/// The session of a superuser who has lived with 1.0, his caller, and where calls are counted.
fn life_with_1_0(name: &str) -> (Session, String, Counter) {
    let mut session = session_with("aws_lambda", "1.0");
    let (caller, counter) = (role(cluster(), name), Counter::new());
    live_with_1_0(&mut session, &caller, &counter);
    (session, caller, counter)
}

/// What every object of [`LIFE_WITH_1_0`] answers.
#[track_caller]
pub fn assert_alive(session: &mut Session, counter: &Counter) {
    let rows = session.rows(
        "SELECT id::text, payload::text, status_code::text FROM answers
         UNION ALL SELECT 'printed', payload::text, executed_version FROM printed
         UNION ALL SELECT 'stored', payload::text, NULL FROM stored_answer
         UNION ALL SELECT 'asked', ask('{\"a\":1, \"a\":2}')::text, NULL
         UNION ALL SELECT 'ours', (ours).function_name, ((step).target).region FROM functions WHERE id = 2
         UNION ALL SELECT 'index', id::text, NULL FROM functions WHERE arn = ('echo', 'us-east-1')::aws_commons._lambda_function_arn_1",
    );
    let rows: Vec<String> = rows
        .into_iter()
        .map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" | "))
        .collect();
    let expected = [
        "1 | {\"n\": 1.10} | 200",
        "2 | {\"n\": 1.10} | 200",
        "printed | 7 | $LATEST",
        "stored | 8",
        "asked | {\"a\":1, \"a\":2}",
        "ours | echo | us-east-1",
        "index | 1",
    ];
    assert_eq!(rows, expected);
    let runs = counter.runs();
    session.run("INSERT INTO orders VALUES (1), (2)");
    wait_until("the trigger's events ran", || counter.runs() == runs + 2);
}

/// A server whose library is newer than its databases' scripts: all of 1.0 works, and nothing of
/// 1.1 is there.
#[test]
fn the_library_serves_the_scripts_of_1_0() {
    let (mut session, caller, counter) = life_with_1_0("old_script");
    assert_alive(&mut session, &counter);
    session.assert_usable();
    let arn = "aws_commons.create_lambda_function_arn('echo', 'us-east-1')";
    for call in [
        format!("{arn}, '1'::json"),
        format!("{arn}, '1'::jsonb"),
        "'echo', '1'::json".to_owned(),
        "'echo', '1'::jsonb".to_owned(),
        "'(echo,us-east-1)', '1'::json, 'RequestResponse', 'None', NULL, '$LATEST'".to_owned(),
        "'(echo,us-east-1)', '1'::jsonb, 'RequestResponse', 'None', NULL, '$LATEST'".to_owned(),
    ] {
        let answer =
            session.row(&format!("SELECT status_code, payload FROM aws_lambda.invoke({call})"));
        assert_eq!(answer, ["200", "1"].map(|value| Some(value.to_owned())), "{call}");
    }
    let failure = session.fail("SELECT * FROM aws_lambda.invoke('no-such-function', '1'::json)");
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("38000", "invoke API failed"));
    assert_eq!(
        session.fail("SELECT * FROM aws_lambda.invoke_many('echo', '{1}'::json[])").code,
        "42883"
    );
    assert_eq!(session.fail("SELECT * FROM aws_lambda.stat_invocations").code, "42P01");
    let database = session.text("SELECT current_database()");
    assert_alive(&mut Session::open_as(&caller, cluster(), &database), &counter);
    session.run(&format!("DROP OWNED BY {caller}; DROP ROLE {caller}"));
}

/// Values, definitions, rights, open sessions and their prepared statements.
#[test]
fn what_was_made_on_1_0_is_there_and_works_after_the_update() {
    let (mut session, caller, counter) = life_with_1_0("updated");
    let database = session.text("SELECT current_database()");
    let mut user = Session::open_as(&caller, cluster(), &database);
    user.run("PREPARE prepared AS SELECT payload FROM aws_lambda.invoke('echo', '5'::json)");
    assert_eq!(user.text("EXECUTE prepared"), "5");
    let before = [STORED, DEFINED].map(|sql| session.text(sql));

    session.run("ALTER EXTENSION aws_lambda UPDATE");
    assert_eq!(
        session.text("SELECT extversion FROM pg_extension WHERE extname = 'aws_lambda'"),
        "1.1"
    );
    assert_eq!([STORED, DEFINED].map(|sql| session.text(sql)), before);
    for session in [&mut session, &mut user] {
        assert_alive(session, &counter);
        session.assert_usable();
    }
    assert_eq!(user.text("EXECUTE prepared"), "5");

    // The grants of 1.0 do not reach what is new, until they are made again.
    let many = "SELECT string_agg(payload::text, ',') FROM aws_lambda.invoke_many('echo', '{1,2}'::json[])";
    let failure = user.fail(many);
    assert_eq!(failure.message, "permission denied for function invoke_many");
    session.run(&format!("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO {caller}"));
    assert_eq!(user.text(many), "1,2");
    let views = "SELECT has_table_privilege('aws_lambda.stat_invocations', 'SELECT')";
    assert_eq!(user.text(views), "t");
    session.run(&format!("DROP OWNED BY {caller}; DROP ROLE {caller}"));
}

/// A script that grants on what is there already would have PostgreSQL take the rights on it for
/// the extension's own, and pg_dump leave them out.
#[test]
fn rights_given_on_1_0_are_dumped_after_the_update() {
    let (mut session, caller, _counter) = life_with_1_0("dumped_updated");
    let database = session.text("SELECT current_database()");
    let grants = |database: &str| {
        let dump = Command::new(cluster().install().program("pg_dump"))
            .env_clear()
            .env("PGHOST", cluster().socket_folder())
            .env("PGPORT", cluster().port().to_string())
            .args(["--username", "postgres", "--schema-only", database])
            .output()
            .unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        let text = String::from_utf8(dump.stdout).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("GRANT") && line.contains(" aws_"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = grants(&database);
    assert_eq!(before.len(), 7, "USAGE and six functions: {before:#?}");
    session.run("ALTER EXTENSION aws_lambda UPDATE");
    assert_eq!(grants(&database), before);
    session.run(&format!("DROP OWNED BY {caller}; DROP ROLE {caller}"));
}

/// An update is a transaction like any other, and is the superuser's.
#[test]
fn an_update_can_be_rolled_back_and_is_for_superusers() {
    let (mut session, caller, counter) = life_with_1_0("no_superuser");
    let database = session.text("SELECT current_database()");
    let mut user = Session::open_as(&caller, cluster(), &database);
    let failure = user.fail("ALTER EXTENSION aws_lambda UPDATE");
    assert_eq!(failure.message, "must be owner of extension aws_lambda");
    session.run("BEGIN; ALTER EXTENSION aws_lambda UPDATE; SELECT 'aws_lambda.stat_activity'::regclass; ROLLBACK");
    assert_eq!(
        session.text("SELECT extversion FROM pg_extension WHERE extname = 'aws_lambda'"),
        "1.0"
    );
    assert_alive(&mut session, &counter);
    drop(user);
    session.run(&format!("DROP OWNED BY {caller}; DROP ROLE {caller}"));
}

/// Somebody who may create objects in the schema cannot have an update adopt his.
#[test]
fn an_update_takes_over_nothing_that_is_there() {
    let (mut session, caller, _counter) = life_with_1_0("intruder");
    let database = session.text("SELECT current_database()");
    session.run(&format!("GRANT CREATE ON SCHEMA aws_lambda TO {caller}"));
    let mut user = Session::open_as(&caller, cluster(), &database);
    for (make, code) in [
        ("FUNCTION aws_lambda.stat_reset() RETURNS void LANGUAGE sql AS 'SELECT'", "42723"),
        ("VIEW aws_lambda.stat_invocations AS SELECT 1", "42P07"),
    ] {
        user.run(&format!("CREATE {make}"));
        assert_eq!(session.fail("ALTER EXTENSION aws_lambda UPDATE").code, code, "{make}");
        let name = make.split([' ', '(']).take(2).collect::<Vec<_>>().join(" ");
        user.run(&format!("DROP {name}"));
    }
    session.run("ALTER EXTENSION aws_lambda UPDATE");
    drop(user);
    session.run(&format!("DROP OWNED BY {caller}; DROP ROLE {caller}"));
}
