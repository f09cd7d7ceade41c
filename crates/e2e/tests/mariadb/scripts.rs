//! `install.sql`, `uninstall.sql` and `grants.sql`, as users run them.

use std::fs;
use std::process::Stdio;

use e2e::{MariaDb, wait_until};

use crate::support::{SqlError, brands, client, error, parse_error, playground, value};

const FUNCTIONS: [&str; 5] =
    ["awslambda_fn", "awslambda_fn_async", "lambda_async", "lambda_invoke", "lambda_sync"];

const SLEEP: &str =
    r#"SELECT lambda_invoke('sleeps', '{"seconds": 2}', '{"request_timeout_ms": 60000}');"#;

/// Runs a script of the library as `mariadb < SCRIPT` does.
fn run_script(server: &MariaDb, name: &str) {
    let folder = playground().workspace().root.join("crates/lambda_udf/sql");
    let output = server.client().run(&fs::read_to_string(folder.join(name)).unwrap()).unwrap();
    assert_eq!(output.stdout_if_ok().unwrap(), "", "{name} prints nothing");
}

fn declared(server: &MariaDb) -> String {
    value(server, "SELECT name FROM mysql.func WHERE dl = 'lambda_udf.so' ORDER BY name;")
}

/// The scripts can be run again, in every state; a session that uses the functions meanwhile is
/// not hurt, and the library is usable again after it was uninstalled.
#[test]
fn install_and_uninstall() {
    for brand in brands() {
        let server = playground().new_mariadb(brand, |config| config).unwrap();
        assert_eq!(declared(&server), FUNCTIONS.join("\n"));
        assert_eq!(value(&server, "SELECT lambda_sync('echo', '1');"), "1");
        let busy = client(&server)
            .arg(format!("--execute={SLEEP}"))
            .into_command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_until("the session calls", || {
            let find = "SELECT count(*) FROM information_schema.processlist
                WHERE info LIKE 'SELECT lambda_invoke(%' AND id <> connection_id();";
            value(&server, find) == "1"
        });
        for script in ["install.sql", "uninstall.sql", "uninstall.sql"] {
            run_script(&server, script);
            let expected =
                if script == "install.sql" { FUNCTIONS.join("\n") } else { String::new() };
            assert_eq!(declared(&server), expected);
        }
        let output = busy.wait_with_output().unwrap();
        assert!(output.status.success(), "{brand:?}: {}", String::from_utf8_lossy(&output.stderr));
        let error = error(&server, "SELECT lambda_sync('echo', '1');");
        assert!([1046, 1305].contains(&error.number), "{error:?}");
        run_script(&server, "install.sql");
        assert_eq!(value(&server, "SELECT lambda_sync('echo', '1');"), "1");
    }
}

/// Declared functions survive a restart; the library starts anew.
#[test]
fn a_restart() {
    for brand in brands() {
        let mut server = playground().new_mariadb(brand, |config| config).unwrap();
        assert_eq!(value(&server, "SELECT lambda_sync('echo', '1');"), "1");
        server.restart().unwrap();
        assert_eq!(value(&server, "SELECT lambda_sync('echo', '2');"), "2");
    }
}

/// The pattern for grants: the role runs the procedure and nothing else, and whoever lacks it does
/// not. That a function itself can be called by everybody is the servers' rule, and said so.
#[test]
fn grants() {
    for brand in brands() {
        let server = playground().new_mariadb(brand, |config| config).unwrap();
        for _ in 0..2 {
            run_script(&server, "grants.sql");
        }
        value(
            &server,
            "CREATE USER app@localhost; CREATE USER other@localhost;
             GRANT sqlambda_lambdaTest TO app@localhost;",
        );
        let as_user = |user: &str, sql: &str| -> Result<String, SqlError> {
            let output = client(&server).user(user).run(sql).unwrap();
            if output.status.success() {
                Ok(output.stdout)
            } else {
                Err(parse_error(&output.stderr))
            }
        };
        let call = "CALL sqlambda.lambdaTest('{\"name\": \"bob\"}');";
        let with_role = format!("SET ROLE sqlambda_lambdaTest; {call}");
        let answer = "{\"Status\": \"OK\", \"name\": \"bob\"}\n";
        assert_eq!(as_user("app", &with_role).unwrap(), answer);
        assert_eq!(as_user("other", call).unwrap_err().number, 1370);
        let refused = as_user("other", "SET ROLE sqlambda_lambdaTest;").unwrap_err().number;
        assert!([1959, 3530].contains(&refused), "{refused}");
        let direct = as_user("other", "SELECT lambda_sync('lambdaTest', '{\"name\": \"bob\"}');");
        assert_eq!(direct.unwrap(), answer);
        // Only an administrator declares functions.
        let declare = "CREATE FUNCTION lambda_other RETURNS STRING SONAME 'lambda_udf.so';";
        let refused = as_user("other", declare).unwrap_err().number;
        assert!([1044, 1142].contains(&refused), "{refused}");
    }
}
