//! The functions of the AWS blog "From SQL to Microservices".

use crate::support::{Session, cluster, database, psql, role};

/// A session on a database of its own that has the extension.
fn session() -> (String, Session) {
    let database = database();
    let mut session = Session::open(cluster(), &database);
    session.run("CREATE EXTENSION awslambda_fn");
    (database, session)
}

/// The blog's statement, with the blog's answer, as `psql` prints it.
#[test]
fn the_blogs_statement_has_the_blogs_answer() {
    let (database, _session) = session();
    let answer = psql(&database)
        .run(r#"SELECT awslambda_fn('lambdaTest','{"name":"bob"}') AS lambdatest ;"#)
        .unwrap();
    let expected = concat!(
        "           lambdatest            \n",
        "---------------------------------\n",
        " {\"Status\": \"OK\", \"name\": \"bob\"}\n",
        "(1 row)\n\n"
    );
    assert_eq!(answer.stdout_if_ok().unwrap(), expected);
}

/// A function that fails raises, with its own error payload as the message; the session goes on.
#[test]
fn a_failing_function_raises_with_its_payload() {
    let (_, mut session) = session();
    let failure = session.fail("SELECT awslambda_fn('raises', '{}')");
    assert_eq!(failure.code, "38000");
    assert!(failure.message.starts_with('{') && failure.message.ends_with('}'), "{failure:?}");
    assert!(failure.message.contains("\"errorType\""), "{failure:?}");
    assert_eq!(
        failure.detail.find(" returned error \"Unhandled\", details: \""),
        Some("\"raises\"".len()),
        "{failure:?}"
    );
    session.assert_usable();
}

/// What fails before the function is told as `aws_lambda.invoke` tells it.
#[test]
fn other_failures_stay_as_they_are() {
    let (_, mut session) = session();
    let failure = session.fail("SELECT awslambda_fn('no-such-function', '{}')");
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("38000", "invoke API failed"));
    assert!(failure.hint.contains("ResourceNotFoundException"), "{failure:?}");
    let failure = session.fail("SELECT awslambda_fn('simple', 'no JSON')");
    assert_eq!(failure.code, "22P02", "{failure:?}");
    session.assert_usable();
}

/// The asynchronous form returns an empty text, and the function runs.
#[test]
fn the_asynchronous_form_returns_an_empty_text() {
    let (_, mut session) = session();
    assert_eq!(session.text("SELECT awslambda_fn_async('lambdaTest', '{}')"), "");
    let failure = session.fail("SELECT awslambda_fn_async('no-such-function', '{}')");
    assert_eq!(failure.message, "invoke API failed");
}

/// Not even with the grants of `aws_lambda` may a role use them, until it is granted to; they can
/// stand in any schema, and no search_path leads them astray.
#[test]
fn they_are_nobodys_until_granted_and_can_be_moved() {
    let (database, mut session) = session();
    let app = role(cluster(), "blog");
    session.run(&format!(
        "GRANT USAGE ON SCHEMA aws_lambda TO {app};
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO {app};
         CREATE SCHEMA lambda; GRANT USAGE ON SCHEMA lambda TO {app};
         ALTER EXTENSION awslambda_fn SET SCHEMA lambda"
    ));
    let call = r#"SELECT lambda.awslambda_fn('lambdaTest', '{"name":"bob"}')"#;
    let mut theirs = Session::open_as(&app, cluster(), &database);
    let failure = theirs.fail(call);
    assert_eq!(failure.code, "42501");
    assert_eq!(failure.message, "permission denied for function awslambda_fn");
    session.run(&format!("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lambda TO {app}"));
    theirs.run("SET search_path = lambda, pg_temp");
    assert_eq!(theirs.text(call), r#"{"Status": "OK", "name": "bob"}"#);
}
