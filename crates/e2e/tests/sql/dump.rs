//! `pg_dump` and `pg_restore` carry over what users made of the extensions.

use std::process::Command;

use crate::support::{Session, cluster, database, role};

/// Runs a client program of the server's own version; its standard output.
#[track_caller]
fn client(program: &str, arguments: &[&str]) -> String {
    let cluster = cluster();
    let mut command = Command::new(cluster.install().program(program));
    command
        .env_clear()
        .env("PGHOST", cluster.socket_folder())
        .env("PGPORT", cluster.port().to_string())
        .env("PGUSER", "postgres")
        .args(arguments);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Stored functions, grants, views and triggers on them, and settings survive a dump in both
/// formats and work in the new database.
#[test]
fn grants_and_stored_arns_survive_dump_and_restore() {
    let source = database();
    let user = role(cluster(), "dumped");
    let mut session = Session::open(cluster(), &source);
    session.run(&format!(
        "GRANT USAGE ON SCHEMA aws_lambda TO {user};
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO {user};
         CREATE TABLE functions (id int PRIMARY KEY, arn aws_commons._lambda_function_arn_1 NOT NULL);
         INSERT INTO functions VALUES (1, aws_commons.create_lambda_function_arn('echo', 'us-east-1')),
             (2, aws_commons.create_lambda_function_arn('arn:aws:lambda:us-east-1:000000000000:function:echo')),
             (3, ('odd, \"name\" (\\)', ''));
         CREATE VIEW answers AS SELECT id, i.* FROM functions, LATERAL aws_lambda.invoke(arn, '{{\"n\": 1.10}}'::json) i
             WHERE id < 3;
         CREATE VIEW printed AS SELECT * FROM aws_lambda.invoke('(echo,us-east-1)', '7'::jsonb,
             'RequestResponse', 'None', NULL, '$LATEST');
         CREATE VIEW plain AS SELECT * FROM aws_lambda.invoke('echo', '8'::json, log_type => 'None');
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user};"
    ));
    let definitions =
        "SELECT string_agg(pg_get_viewdef(c.oid), '' ORDER BY relname) FROM pg_class c
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'";
    let (stored, views) =
        ("SELECT string_agg(arn::text, ' ' ORDER BY id) FROM functions", session.text(definitions));
    let before = session.text(stored);

    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive").to_str().unwrap().to_owned();
    let script = folder.path().join("script.sql").to_str().unwrap().to_owned();
    client("pg_dump", &["--format=custom", "--file", &archive, &source]);
    let text = client("pg_dump", &[&source]);
    // What an extension owns is not dumped, but the rights that users were given are.
    assert!(
        text.contains("CREATE EXTENSION IF NOT EXISTS aws_commons WITH SCHEMA public;"),
        "{text}"
    );
    assert!(
        text.contains("CREATE EXTENSION IF NOT EXISTS aws_lambda WITH SCHEMA public;"),
        "{text}"
    );
    assert!(!text.contains("CREATE SCHEMA aws") && !text.contains("CREATE TYPE aws"), "{text}");
    assert!(!text.contains("CREATE FUNCTION aws"), "{text}");
    assert_eq!(text.matches("ON FUNCTION aws_lambda.invoke(").count(), 6, "{text}");
    std::fs::write(&script, text).unwrap();

    for restore in ["pg_restore", "psql"] {
        let target = cluster().create_plain_database().unwrap();
        if restore == "psql" {
            client("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &target, "-f", &script]);
        } else {
            client("pg_restore", &["--exit-on-error", "--dbname", &target, &archive]);
        }
        crate::support::patient(cluster(), target.clone());
        let mut session = Session::open_as(&user, cluster(), &target);
        assert_eq!(session.text(stored), before, "{restore}");
        assert_eq!(session.text(definitions), views, "{restore}");
        let answers = session.rows(
            "SELECT payload FROM answers UNION ALL SELECT payload::json FROM printed
            UNION ALL SELECT payload FROM plain",
        );
        let expected =
            ["{\"n\": 1.10}", "{\"n\": 1.10}", "7", "8"].map(|text| vec![Some(text.to_owned())]);
        assert_eq!(answers, expected, "{restore}");
        drop(session);
        cluster().query("postgres", &format!("DROP DATABASE {target};")).unwrap();
    }
    session.run(&format!("DROP OWNED BY {user}; DROP ROLE {user};"));
}
