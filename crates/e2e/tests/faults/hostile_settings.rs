//! Whatever a setting is set to, no request goes where the superuser did not send it.

use crate::hostile_values::{REGIONS, recorder};
use crate::support::{Failure, Session};

/// Settings are checked by every way to set them, and the old value stays.
#[test]
fn hostile_settings_are_refused() {
    let server = recorder();
    let mut session = Session::at(&server.url());
    // Loads the library: before that, nothing is known of a setting but its prefix.
    session.call("f", "{}").unwrap();
    let endpoints = [
        "file:///etc/passwd",
        "ftp://127.0.0.1",
        "127.0.0.1:9001",
        "//127.0.0.1",
        "http://",
        "http://:80",
        "http:///path",
        "http://user@127.0.0.1",
        "http://user:secret@127.0.0.1",
        "http://127.0.0.1?x=y",
        "http://127.0.0.1/?x=y",
        "http://127.0.0.1/#x",
        "http://127.0.0.1/a/../b",
        "http://127.0.0.1/%2e%2e",
        "http://127.0.0.1:0",
        "http://127.0.0.1:65536",
        "http://127.0.0.1:+80",
        "http://[::1",
        "http://[evil]",
        "http://a b",
        "http://127.0.0.1\r\nHost: evil",
        "http://127.0.0.1\\evil",
        "http://\u{fc}",
    ];
    for endpoint in endpoints {
        assert_setting_refused(&mut session, "aws_lambda.endpoint_override", endpoint);
    }
    for region in REGIONS.iter().filter(|region| !region.is_empty()) {
        assert_setting_refused(&mut session, "aws_lambda.region", region);
    }
    for name in ["connect_timeout_ms", "request_timeout_ms", "max_attempts"] {
        for value in ["0", "-1", "900001", "", "x", "1e10", "99999999999999999999"] {
            assert_setting_refused(&mut session, &format!("aws_lambda.{name}"), value);
        }
    }
    // Before 15 nobody can reserve a prefix: there it is a setting of nobody's.
    if session.major() >= 15 {
        assert_setting_refused(&mut session, "aws_lambda.no_such_setting", "1");
    }
    session.call("f", "{}").unwrap();
    assert_eq!(server.requests().len(), 2, "the endpoint is still the one that was set");
}

#[track_caller]
fn assert_setting_refused(session: &mut Session, name: &str, value: &str) {
    let literal = value.replace('\'', "''");
    for sql in [
        format!("SET {name} = '{literal}'"),
        format!("SELECT set_config('{name}', '{literal}', false)"),
        format!("BEGIN; SET LOCAL {name} = '{literal}'"),
        format!("BEGIN; ALTER ROLE CURRENT_USER SET {name} = '{literal}'"),
    ] {
        let failure = Failure::from(session.client.batch_execute(&sql).expect_err(&sql));
        // 42602 is PostgreSQL's answer to a name under a prefix that is reserved.
        assert!(["22023", "42602"].contains(&&*failure.code), "{sql}: {failure:?}");
        assert!(!failure.detail.contains("secret"), "{failure:?}");
        session.run("ROLLBACK");
    }
}

/// The setting that decides where signed requests go is the superuser's, also when it is set
/// before the library is loaded.
#[test]
fn the_endpoint_is_the_superusers() {
    let server = recorder();
    let role = format!("nobody_{}", std::process::id());
    let mut superuser = Session::open();
    superuser.run(&format!(
        "CREATE ROLE {role}; GRANT USAGE ON SCHEMA aws_lambda TO {role};
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO {role}"
    ));
    let mut session = Session::open();
    session.run(&format!("SET ROLE {role}"));
    session.go_to(&server.url());
    session.call("echo", "1").unwrap();
    let sql = format!("SET aws_lambda.endpoint_override = '{}'", server.url());
    let error = session.client.batch_execute(&sql).unwrap_err();
    assert_eq!(Failure::from(error).code, "42501");
    session.call("echo", "1").unwrap();
    assert_eq!(server.connections(), 0, "an ordinary role has sent signed requests elsewhere");
    session.run("RESET ROLE");
    superuser.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
