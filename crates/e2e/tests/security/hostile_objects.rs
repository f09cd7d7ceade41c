use e2e::{Cluster, ClusterConfig};

use crate::support::{Session, cluster, patient, playground, role};

/// Objects of a role without rights, named like everything that scripts, views and functions of the
/// extensions refer to. Whichever of them is ever looked up, leaves a trace in `caught`.
const TRAPS: &str = r#"
CREATE SCHEMA traps;
CREATE TABLE traps.caught (what text);
GRANT ALL ON SCHEMA traps TO PUBLIC;
GRANT ALL ON traps.caught TO PUBLIC;
CREATE FUNCTION traps.spring(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO traps.caught VALUES (what);
    RETURN true;
END $$;
CREATE FUNCTION traps.same(oid, oid) RETURNS boolean LANGUAGE sql AS $$ SELECT traps.spring('=') $$;
CREATE OPERATOR traps.= (FUNCTION = traps.same, LEFTARG = oid, RIGHTARG = oid);
CREATE FUNCTION traps."substring"(text, text) RETURNS text LANGUAGE sql AS $$ SELECT traps.spring('substring')::text $$;
CREATE FUNCTION traps."coalesce"(text, text) RETURNS text LANGUAGE sql AS $$ SELECT traps.spring('coalesce')::text $$;
CREATE VIEW traps.pg_database AS SELECT 0::oid AS oid, traps.spring('pg_database')::text::name AS datname;
CREATE VIEW traps.pg_roles AS SELECT 0::oid AS oid, traps.spring('pg_roles')::text::name AS rolname;
CREATE DOMAIN traps.text AS pg_catalog.text CHECK (traps.spring('text'));
CREATE DOMAIN traps.int4 AS pg_catalog.int4 CHECK (traps.spring('int4'));
CREATE DOMAIN traps.json AS pg_catalog.json CHECK (traps.spring('json'));
CREATE DOMAIN traps.jsonb AS pg_catalog.jsonb CHECK (traps.spring('jsonb'));
CREATE TYPE traps._lambda_function_arn_1 AS (function_name pg_catalog.text, region pg_catalog.text);
CREATE FUNCTION traps.invoke(pg_catalog.text, pg_catalog.json) RETURNS boolean LANGUAGE sql AS $$ SELECT traps.spring('invoke') $$;
"#;

/// Ways to have the traps found before PostgreSQL's own names.
const PATHS: [&str; 2] = ["traps, pg_catalog", "traps, pg_catalog, aws_lambda, aws_commons"];

/// A superuser's session in a database with the traps.
fn trapped() -> Session {
    trapped_in(cluster())
}

fn trapped_in(cluster: &Cluster) -> Session {
    let database = cluster.create_plain_database().unwrap();
    let mut session = Session::open(cluster, &patient(cluster, database));
    session.run(TRAPS);
    session
}

/// A server on which the statistics' functions show rows, whatever its major.
fn counting_cluster() -> Cluster {
    let preload = |it: ClusterConfig| it.setting("shared_preload_libraries", "aws_lambda");
    playground().new_cluster(preload).unwrap()
}

#[track_caller]
fn assert_nothing_caught(session: &mut Session) {
    assert_eq!(session.text("SELECT pg_catalog.count(*) FROM traps.caught"), "0");
}

/// A superuser whose search_path leads through another's schema creates and updates the extensions:
/// their objects refer to PostgreSQL's and their own.
#[test]
fn scripts_refer_to_nothing_that_a_search_path_can_change() {
    for path in PATHS {
        let mut session = trapped();
        session.run(&format!("SET search_path = {path}"));
        session.run("CREATE EXTENSION aws_lambda VERSION '1.0' SCHEMA traps CASCADE");
        session.run("ALTER EXTENSION aws_lambda UPDATE");
        session.run("CREATE EXTENSION awslambda_fn SCHEMA traps");
        session.run("RESET search_path");
        let foreign = session.rows(
            "SELECT pg_describe_object(d.classid, d.objid, d.objsubid),
                 pg_describe_object(refclassid, refobjid, refobjsubid)
             FROM pg_depend d
             LEFT JOIN pg_proc p ON refclassid = 'pg_proc'::regclass AND refobjid = p.oid
             LEFT JOIN pg_type t ON refclassid = 'pg_type'::regclass AND refobjid = t.oid
             LEFT JOIN pg_class c ON refclassid = 'pg_class'::regclass AND refobjid = c.oid
             LEFT JOIN pg_operator o ON refclassid = 'pg_operator'::regclass AND refobjid = o.oid
             WHERE pg_describe_object(d.classid, d.objid, d.objsubid) ~ 'aws_lambda|aws_commons'
                 AND 'traps'::regnamespace::oid = ANY
                     (ARRAY[p.pronamespace, t.typnamespace, c.relnamespace, o.oprnamespace])",
        );
        assert!(foreign.is_empty(), "{path}: {foreign:?}");
        assert_nothing_caught(&mut session);
    }
}

/// Every function and view, called by a superuser whose search_path leads through another's schema.
#[test]
fn functions_call_nothing_that_a_search_path_can_change() {
    let cluster = counting_cluster();
    for path in PATHS {
        let mut session = trapped_in(&cluster);
        session.run("CREATE EXTENSION awslambda_fn SCHEMA public CASCADE");
        session.run(&format!("SET search_path = {path}"));
        let answer = "'{\"a\": 1.10}'::pg_catalog.json";
        for call in [
            format!("aws_lambda.invoke('echo', {answer})"),
            format!(
                "aws_lambda.invoke(aws_commons.create_lambda_function_arn('echo', 'us-east-1'), {answer})"
            ),
            format!("aws_lambda.invoke_many('echo', ARRAY[{answer}])"),
            "aws_lambda.invoke_query('echo', 'VALUES (1)')".to_owned(),
            "aws_lambda.stat_invocations".to_owned(),
            "aws_lambda.stat_activity".to_owned(),
            "public.awslambda_fn('echo'::pg_catalog.text, '1'::pg_catalog.text)".to_owned(),
            "public.awslambda_fn_async('echo'::pg_catalog.text, '1'::pg_catalog.text)".to_owned(),
            "aws_commons.create_s3_uri('b', 'p', 'r')".to_owned(),
            "aws_commons.create_aws_credentials('a', 's', 't')".to_owned(),
        ] {
            session.run(&format!("SELECT * FROM {call}"));
        }
        let failure = session.fail("SELECT public.awslambda_fn('no-such', '1')");
        assert_eq!(failure.code, "38000");
        assert_nothing_caught(&mut session);
    }
}

/// Temporary objects come first in every search_path that does not say otherwise.
#[test]
fn temporary_objects_capture_nothing() {
    let cluster = counting_cluster();
    let mut session = trapped_in(&cluster);
    session.run("CREATE EXTENSION awslambda_fn SCHEMA public CASCADE");
    session.run(
        "CREATE TEMP VIEW pg_database AS SELECT * FROM traps.pg_database;
         CREATE TEMP VIEW pg_roles AS SELECT * FROM traps.pg_roles;
         CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (traps.spring('text'));
         CREATE DOMAIN pg_temp.json AS pg_catalog.json CHECK (traps.spring('json'));",
    );
    session.run(
        "SELECT * FROM aws_lambda.stat_invocations;
         SELECT * FROM aws_lambda.stat_activity;
         SELECT public.awslambda_fn('echo', '1'::pg_catalog.text);
         SELECT aws_commons.create_lambda_function_arn('f', 'r');",
    );
    assert_nothing_caught(&mut session);
}

/// Whoever has the schema before the extension would own what is in it.
#[test]
fn a_schema_that_is_there_is_not_taken_over() {
    for (extension, schema) in [("aws_lambda", "aws_lambda"), ("aws_lambda", "aws_commons")] {
        let mut session = trapped();
        let squatter = role(cluster(), &format!("squatter_{schema}"));
        session.run(&format!("CREATE SCHEMA {schema} AUTHORIZATION {squatter}"));
        let failure = session.fail(&format!("CREATE EXTENSION {extension} CASCADE"));
        assert_eq!(failure.code, "42P06", "{failure:?}");
        session.run(&format!("DROP SCHEMA {schema}; DROP ROLE {squatter}"));
    }
}

/// Nothing runs with other rights than its caller's, and nothing is open to all that calls out.
#[test]
fn no_function_lends_rights_and_only_superusers_create_the_extensions() {
    let mut session = trapped();
    session.run("CREATE EXTENSION awslambda_fn SCHEMA public CASCADE");
    let members =
        "FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
        JOIN pg_extension e ON e.oid = d.refobjid AND d.deptype = 'e' AND e.extname LIKE 'aws%'";
    assert_eq!(
        session.text(&format!("SELECT count(*) {members} WHERE prosecdef OR proleakproof")),
        "0"
    );
    let open = session.rows(&format!(
        "SELECT DISTINCT proname {members} WHERE has_function_privilege('public', p.oid, 'EXECUTE') ORDER BY 1"
    ));
    let open: Vec<_> = open.into_iter().flatten().flatten().collect();
    let helpers = ["create_aws_credentials", "create_lambda_function_arn", "create_s3_uri"];
    let views = ["stat_activity", "stat_invocations"];
    assert_eq!(open, [&helpers[..], &views[..]].concat());
    let trusted = "SELECT count(*) FROM pg_available_extension_versions
        WHERE name LIKE 'aws%' AND (trusted OR NOT superuser)";
    assert_eq!(session.text(trusted), "0");
    // The rights to make objects in the schemas, and so overloads that would be preferred.
    let makers = "SELECT count(*) FROM pg_namespace n, aclexplode(nspacl) a
        WHERE nspname IN ('aws_lambda', 'aws_commons') AND privilege_type = 'CREATE' AND grantee <> nspowner";
    assert_eq!(session.text(makers), "0");
}
