//! Every object of the two extensions, down to its last attribute, and their life from CREATE to
//! DROP.

use crate::support::{Failure, Row, Session, cluster, role};

/// Rows as lines, columns separated by ` | `.
fn lines(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let values = row.iter().map(|value| value.as_deref().unwrap_or("NULL"));
        values.collect::<Vec<_>>().join(" | ")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A session in a database without the extensions.
fn plain() -> Session {
    Session::open(cluster(), &cluster().create_plain_database().unwrap())
}

/// Version, comment, schema of the extension's row, and what each requires.
#[test]
fn the_extensions_are_described_as_on_aws() {
    let mut session = Session::new();
    let rows = session.rows(
        "SELECT extname, extversion, extnamespace::regnamespace, extrelocatable, obj_description(oid, 'pg_extension')
         FROM pg_extension WHERE extname LIKE 'aws%' ORDER BY 1",
    );
    assert_eq!(
        lines(&rows),
        "aws_commons | 1.2 | public | f | Common data types across AWS services\n\
         aws_lambda | 1.1 | public | f | AWS Lambda integration"
    );
    let rows = session.rows(
        "SELECT name, version, superuser, trusted, relocatable, schema, requires
         FROM pg_available_extension_versions WHERE name LIKE 'aws\\_%' ORDER BY 1",
    );
    assert_eq!(
        lines(&rows),
        "aws_commons | 1.2 | t | f | f | NULL | NULL\n\
         aws_lambda | 1.0 | t | f | f | NULL | {aws_commons}\n\
         aws_lambda | 1.1 | t | f | f | NULL | {aws_commons}"
    );
}

/// The six overloads: names, types, order, modes and defaults of the arguments, the results.
#[test]
fn invoke_has_the_documented_signatures() {
    let rows = Session::new().rows(
        "SELECT pg_get_function_arguments(oid), pg_get_function_result(oid) FROM pg_proc
         WHERE pronamespace = 'aws_lambda'::regnamespace AND proname = 'invoke' ORDER BY 1",
    );
    let named = |first: &str, json: &str, region: &str| {
        format!(
            "function_name {first}, payload {json}, {region}invocation_type text DEFAULT 'RequestResponse'::text, \
             log_type text DEFAULT 'None'::text, context {json} DEFAULT NULL::{json}, \
             qualifier character varying DEFAULT NULL::character varying, {} | record",
            out(json)
        )
    };
    fn out(json: &str) -> String {
        format!(
            "OUT status_code integer, OUT payload {json}, OUT executed_version text, OUT log_result text"
        )
    }
    let unnamed = |json: &str| {
        format!("unknown, {json}, unknown, unknown, unknown, unknown, {} | record", out(json))
    };
    let arn = "aws_commons._lambda_function_arn_1";
    let region = "region text DEFAULT NULL::text, ";
    let expected = [
        named(arn, "json", ""),
        named(arn, "jsonb", ""),
        named("text", "json", region),
        named("text", "jsonb", region),
        unnamed("json"),
        unnamed("jsonb"),
    ];
    assert_eq!(lines(&rows), expected.join("\n"));
}

/// Language, volatility, parallelism, strictness, cost, rows and rights of every function.
#[test]
fn every_function_has_its_attributes() {
    let mut session = Session::new();
    let sql =
        "SELECT count(*), l.lanname, provolatile, proparallel, proisstrict, procost, proretset,
            prosecdef, proleakproof, proconfig, proacl
        FROM pg_proc p JOIN pg_language l ON l.oid = prolang
        WHERE pronamespace = 'SCHEMA'::regnamespace GROUP BY 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 ORDER BY procost DESC, proretset, provolatile";
    assert_eq!(
        lines(&session.rows(&sql.replace("SCHEMA", "aws_lambda"))),
        "6 | c | v | r | f | 5000 | f | f | f | NULL | {postgres=X/postgres}\n\
         8 | c | v | r | f | 5000 | t | f | f | NULL | {postgres=X/postgres}\n\
         1 | c | i | s | t | 1 | f | f | f | NULL | {postgres=X/postgres}\n\
         1 | c | v | s | t | 1 | f | f | f | NULL | {postgres=X/postgres}\n\
         2 | c | v | s | t | 1 | t | f | f | NULL | {postgres=X/postgres,=X/postgres}"
    );
    assert_eq!(
        lines(&session.rows(&sql.replace("SCHEMA", "aws_commons"))),
        "3 | sql | i | s | f | 100 | f | f | f | {\"search_path=pg_catalog, pg_temp\"} | NULL"
    );
}

/// The helpers of `aws_commons` and the types that user tables store.
#[test]
fn aws_commons_has_the_documented_types_and_helpers() {
    let mut session = Session::new();
    let rows = session.rows(
        "SELECT proname, pg_get_function_arguments(oid), pg_get_function_result(oid) FROM pg_proc
         WHERE pronamespace = 'aws_commons'::regnamespace ORDER BY 1",
    );
    assert_eq!(
        lines(&rows),
        "create_aws_credentials | access_key text, secret_key text, session_token text | aws_commons._aws_credentials_1\n\
         create_lambda_function_arn | function_name text, region text DEFAULT NULL::text | aws_commons._lambda_function_arn_1\n\
         create_s3_uri | bucket text, file_path text, region text | aws_commons._s3_uri_1"
    );
    let rows = session.rows(
        "SELECT t.typname, string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
         FROM pg_type t JOIN pg_attribute ON attrelid = typrelid
         WHERE typnamespace = 'aws_commons'::regnamespace AND typrelid <> 0 GROUP BY 1 ORDER BY 1",
    );
    assert_eq!(
        lines(&rows),
        "_aws_credentials_1 | access_key text, secret_key text, session_token text\n\
         _lambda_function_arn_1 | function_name text, region text\n\
         _s3_uri_1 | bucket text, file_path text, region text"
    );
    let rows = session.rows(
        "SELECT aws_commons.create_lambda_function_arn('f', 'us-east-1'), aws_commons.create_lambda_function_arn('f'),
             aws_commons.create_lambda_function_arn(NULL), aws_commons.create_s3_uri('b', 'a path', 'us-east-1'),
             aws_commons.create_aws_credentials('a', 's', ''),
             (aws_commons.create_lambda_function_arn(region => 'r', function_name => 'f')).region",
    );
    assert_eq!(
        lines(&rows),
        r#"(f,us-east-1) | (f,) | (,) | (b,"a path",us-east-1) | (a,s,"") | r"#
    );
}

/// PUBLIC may use `aws_commons`, and nothing of `aws_lambda`; the owner may do everything.
#[test]
fn public_has_the_helpers_and_no_calls() {
    let mut session = Session::new();
    let rows = session
        .rows("SELECT nspname, nspacl FROM pg_namespace WHERE nspname LIKE 'aws%' ORDER BY 1");
    assert_eq!(
        lines(&rows),
        "aws_commons | {postgres=UC/postgres,=U/postgres}\naws_lambda | {postgres=UC/postgres,pg_read_all_stats=U/postgres}"
    );
    let database = session.text("SELECT current_database()");
    let nobody = role(cluster(), "nobody_special");
    let mut user = Session::open_as(&nobody, cluster(), &database);
    let made = user.text("SELECT aws_commons.create_lambda_function_arn('f')::text
        || aws_commons.create_s3_uri('b', 'p', 'r') || aws_commons.create_aws_credentials('a', 'b', 'c')");
    assert_eq!(made, "(f,)(b,p,r)(a,b,c)");
    user.run("CREATE TEMP TABLE mine (arn aws_commons._lambda_function_arn_1)");
    let rights = session.row(&format!(
        "SELECT has_schema_privilege('{nobody}', 'aws_lambda', 'USAGE'),
             count(*) FILTER (WHERE has_function_privilege('{nobody}', oid, 'EXECUTE'))
         FROM pg_proc WHERE pronamespace = 'aws_lambda'::regnamespace AND proname = 'invoke'"
    ));
    assert_eq!(lines(&[rights]), "f | 0");
    let denied = |what: &str| Failure::of("42501", what, "", "");
    let call = "SELECT * FROM aws_lambda.invoke('echo', '1'::json)";
    assert_eq!(user.fail(call), denied("permission denied for schema aws_lambda"));
    for view in ["stat_invocations", "stat_activity"] {
        let rows = format!("SELECT * FROM aws_lambda.{view}");
        assert_eq!(user.fail(&rows), denied("permission denied for schema aws_lambda"));
    }
    // A session's own tables go a moment after it.
    user.run("DROP TABLE mine");
    drop(user);
    cluster().query("postgres", &format!("DROP ROLE {nobody};")).unwrap();
}

/// Only a superuser creates them.
#[test]
fn an_ordinary_user_cannot_create_them() {
    let mut session = plain();
    let database = session.text("SELECT current_database()");
    let owner = role(cluster(), "database_owner");
    session.run(&format!("ALTER DATABASE {database} OWNER TO {owner}"));
    let failure =
        Session::open_as(&owner, cluster(), &database).fail("CREATE EXTENSION aws_commons");
    let hint = "Must be superuser to create this extension.";
    let message = "permission denied to create extension \"aws_commons\"";
    assert_eq!(failure, Failure::of("42501", message, "", hint));
    session.run(&format!("ALTER DATABASE {database} OWNER TO postgres; DROP ROLE {owner}"));
}

/// The statements of Amazon's own dumps, which name a schema for the extension's row, and any
/// other schema; without CASCADE the required extension must be there.
#[test]
fn they_are_created_in_any_schema() {
    let mut session = plain();
    let failure = session.fail("CREATE EXTENSION aws_lambda");
    assert_eq!(failure.message, "required extension \"aws_commons\" is not installed");
    session.run(
        "CREATE EXTENSION IF NOT EXISTS aws_commons WITH SCHEMA public;
         COMMENT ON EXTENSION aws_commons IS 'Common data types across AWS services';
         CREATE EXTENSION IF NOT EXISTS aws_lambda WITH SCHEMA public;
         COMMENT ON EXTENSION aws_lambda IS 'AWS Lambda integration';
         CREATE EXTENSION IF NOT EXISTS aws_lambda CASCADE;",
    );
    session.run("DROP EXTENSION aws_lambda, aws_commons; CREATE SCHEMA \"Ext 1\";");
    session.run("CREATE EXTENSION aws_lambda WITH SCHEMA \"Ext 1\" VERSION '1.0' CASCADE");
    let rows = session.rows("SELECT extname, extnamespace::regnamespace FROM pg_extension WHERE extname LIKE 'aws%' ORDER BY 1");
    assert_eq!(lines(&rows), "aws_commons | \"Ext 1\"\naws_lambda | \"Ext 1\"");
    assert_eq!(
        session.text("SELECT status_code FROM aws_lambda.invoke('echo', '1'::json, 'Event')"),
        "202"
    );
    // The schemas are theirs: one that is there already is not taken over.
    session.run("DROP EXTENSION aws_lambda; CREATE SCHEMA aws_lambda");
    assert_eq!(session.fail("CREATE EXTENSION aws_lambda").code, "42P06");
}

/// DROP EXTENSION takes everything along and nothing else, CASCADE also what depends on it;
/// afterwards they can be created again, in the same session too.
#[test]
fn they_are_dropped_and_created_again() {
    let mut session = Session::new();
    session.assert_usable();
    session.run(
        "CREATE VIEW answers AS SELECT * FROM aws_lambda.invoke('echo', '1'::json);
         CREATE TABLE functions (id int, arn aws_commons._lambda_function_arn_1);
         CREATE FUNCTION late() RETURNS int LANGUAGE plpgsql AS $$
             BEGIN RETURN (aws_lambda.invoke('echo', '1'::json)).status_code; END $$;",
    );
    assert_eq!(session.fail("DROP EXTENSION aws_lambda").code, "2BP01");
    assert_eq!(session.fail("DROP EXTENSION aws_commons").code, "2BP01");
    assert_eq!(session.fail("DROP SCHEMA aws_lambda CASCADE").code, "2BP01");
    session.run("DROP EXTENSION aws_lambda CASCADE");
    assert_eq!(session.fail("SELECT * FROM answers").code, "42P01");
    assert_eq!(session.fail("SELECT late()").code, "3F000");
    session.run("DROP EXTENSION aws_commons CASCADE");
    let columns = "SELECT string_agg(attname, ',') FROM pg_attribute
        WHERE attrelid = 'functions'::regclass AND attnum > 0 AND NOT attisdropped";
    assert_eq!(session.text(columns), "id");
    let left = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'aws%'";
    assert_eq!(session.text(left), "0");
    session.run("CREATE EXTENSION aws_lambda CASCADE");
    assert_eq!(session.text("SELECT late()"), "200");
    session.assert_usable();
    session.run("BEGIN; DROP EXTENSION aws_lambda; ROLLBACK");
    session.assert_usable();
}
