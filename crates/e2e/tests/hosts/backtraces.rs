use e2e::Cluster;

use crate::support::playground;

/// Statements that fail in every layer: our checks, the client, the function, PostgreSQL beneath us.
const FAILING: &str = r#"
    SELECT aws_lambda.invoke('', '{}'::json);
    SELECT aws_lambda.invoke('echo', '{}'::json, 'us-east-1', 'Sometimes');
    SELECT aws_lambda.invoke('raises', '{}'::json);
    SELECT aws_lambda.invoke('missing', '{}'::json);
    SELECT aws_lambda.invoke('returns-not-json', '{}'::json);
    SET statement_timeout = 200;
    SELECT aws_lambda.invoke('sleeps', '{"seconds": 60}'::json);
    SELECT * FROM aws_lambda.invoke_many('sleeps', ARRAY['{"seconds": 60}']::json[]);
    SET statement_timeout = 0;
    SELECT * FROM aws_lambda.invoke_query('echo', 'SELECT 1 / 0');
    SELECT * FROM aws_lambda.invoke_query('echo', 'SELECT nothing FROM nowhere');
    SELECT * FROM aws_lambda.invoke_query('echo', 'not a query');
    SELECT * FROM aws_lambda.invoke_many('raises', ARRAY['1', '2']::json[]);
    SELECT * FROM aws_lambda.invoke_many('echo', ARRAY['1']::json[], max_in_flight => 0);
    DO $$ BEGIN PERFORM aws_lambda.invoke('raises', '{}'::json); END $$;
    CREATE FUNCTION bad(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1 / n; END $$;
    SELECT * FROM aws_lambda.invoke_query('echo', 'SELECT bad(0)');
    SET aws_lambda.endpoint_override = 'http://127.0.0.1:1';
    SELECT aws_lambda.invoke('echo', '{}'::json);
    SET aws_lambda.endpoint_override = 'nonsense';
    SELECT aws_lambda.stat_reset('x');
"#;

/// What a Rust backtrace, or a path of the machine that built the library, looks like.
const TRACES: [&str; 7] = [
    "stack backtrace",
    "Stack backtrace",
    "/rustc/",
    "/registry/src/",
    "core::ops",
    "std::panic",
    "   0: ",
];

fn all_that_fails(cluster: &Cluster) -> String {
    let database = cluster.create_database().unwrap();
    let psql = cluster.psql().database(&database).variable("VERBOSITY", "verbose");
    let output = psql.run(FAILING).unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stderr
}

/// With backtraces asked for in the server's environment, no client and no log gets one.
#[test]
fn no_backtrace_reaches_a_client() {
    for value in ["1", "full"] {
        let cluster = playground()
            .new_cluster(|config| {
                config.env("RUST_BACKTRACE", value).env("RUST_LIB_BACKTRACE", value)
            })
            .unwrap();
        let said = all_that_fails(&cluster);
        assert!(said.matches("ERROR:  ").count() >= 15, "{said}");
        let log = cluster.log_text().unwrap();
        for trace in TRACES {
            assert!(!said.contains(trace), "{trace}\n{said}");
            assert!(!log.contains(trace), "{trace}\n{log}");
        }
    }
}
