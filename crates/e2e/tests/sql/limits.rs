//! The limits that only a superuser sets: they hold for every way to write a call, and no role gets
//! around its own.

use std::net::TcpListener;

use e2e::ClusterConfig;

use crate::support::{Counter, Failure, Session, cluster, database, playground, role};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:echo";
const ASK: &str = "Ask a superuser to add it to aws_lambda.allowed_functions.";

/// A call that the local service answers.
fn echo(name: &str) -> String {
    format!("SELECT status_code FROM aws_lambda.invoke('{name}', '1'::json)")
}

/// A role that may call, in a database of its own.
fn caller(name: &str) -> (String, String) {
    let (database, role) = (database(), role(cluster(), name));
    let grants = format!(
        "GRANT USAGE ON SCHEMA aws_lambda TO {role};
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO {role};"
    );
    cluster().query(&database, &grants).unwrap();
    (database, role)
}

fn drop_role(database: &str, role: &str) {
    cluster().query(database, &format!("DROP OWNED BY {role}; DROP ROLE {role};")).unwrap();
}

#[track_caller]
fn assert_denied(session: &mut Session, sql: &str) {
    let failure = session.fail(sql);
    assert_eq!(failure.code, "42501", "{failure:#?}\n{sql}");
    assert!(failure.message.starts_with("permission denied for Lambda function \""), "{failure:?}");
}

/// Every way to write a call of one function is allowed by its pattern and denied without it, and
/// what is denied reaches nobody.
#[test]
fn every_way_to_write_a_call_is_checked() {
    let mut session = Session::new();
    session.run("CREATE EXTENSION awslambda_fn");
    let made = "aws_commons.create_lambda_function_arn";
    let account = "000000000000";
    let unqualified = [
        "SELECT * FROM aws_lambda.invoke('echo', '1'::json)".to_owned(),
        "SELECT * FROM aws_lambda.invoke('echo', '1'::jsonb, 'us-east-1')".to_owned(),
        "SELECT * FROM aws_lambda.invoke('function:echo', '1'::json, 'us-east-1', 'Event')"
            .to_owned(),
        "SELECT * FROM aws_lambda.invoke('us-east-1:echo', '1'::json, NULL, 'DryRun')".to_owned(),
        "SELECT * FROM aws_lambda.invoke('(echo,us-east-1)', '1'::json, 'Event')".to_owned(),
        "SELECT * FROM aws_lambda.invoke('(echo,)', '1'::json, 'Event', 'None', NULL, NULL)"
            .to_owned(),
        format!("SELECT * FROM aws_lambda.invoke({made}('echo'), '1'::json)"),
        format!("SELECT * FROM aws_lambda.invoke({made}('echo', 'us-east-1'), '1'::jsonb)"),
        "SELECT awslambda_fn('echo', '1')".to_owned(),
        "SELECT awslambda_fn_async('echo', '1')".to_owned(),
        "DO $$ BEGIN PERFORM aws_lambda.invoke('echo', '1'::json); END $$".to_owned(),
    ];
    let qualified = [
        "SELECT * FROM aws_lambda.invoke('echo:$LATEST', '1'::json)".to_owned(),
        "SELECT * FROM aws_lambda.invoke('echo', '1'::json, qualifier => '$LATEST')".to_owned(),
        "SELECT * FROM aws_lambda.invoke('(echo,us-east-1)', '1'::json, 'Event', 'None', NULL, '$LATEST')"
            .to_owned(),
    ];
    let elsewhere = [
        format!("SELECT * FROM aws_lambda.invoke('{ARN}', '1'::json)"),
        format!("SELECT * FROM aws_lambda.invoke('{account}:echo', '1'::json)"),
        format!(
            "SELECT * FROM aws_lambda.invoke('{account}:function:echo', '1'::json, 'us-east-1')"
        ),
        format!("SELECT * FROM aws_lambda.invoke({made}('{ARN}'), '1'::jsonb)"),
        format!("SELECT awslambda_fn('{ARN}', '1')"),
    ];
    let groups = [("echo", &unqualified[..]), ("echo:*", &qualified), (ARN, &elsewhere)];
    for (pattern, calls) in groups {
        for (other, _) in groups {
            session.run(&format!("SET aws_lambda.allowed_functions = 'no-such-function, {other}'"));
            for call in calls {
                if other == pattern {
                    session.run(call);
                } else {
                    assert_denied(&mut session, call);
                }
            }
        }
    }
    // Names are case-sensitive, and so are patterns.
    session.run("SET aws_lambda.allowed_functions = 'ECHO'");
    assert_denied(&mut session, &echo("echo"));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    session.go_to(&format!("http://{}", listener.local_addr().unwrap()));
    session.run("SET aws_lambda.allowed_functions = 'other'");
    for call in unqualified.iter().chain(&qualified).chain(&elsewhere) {
        assert_denied(&mut session, call);
    }
    let accepted = listener.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(accepted, Err(std::io::ErrorKind::WouldBlock), "something was sent");
    session.run("RESET ALL");
    session.assert_usable();
}

/// The region is the one that the call goes to, wherever it comes from.
#[test]
fn the_region_is_the_one_that_the_call_goes_to() {
    let mut session = Session::new();
    session.run("SET aws_lambda.allowed_functions = 'arn:aws:lambda:eu-*:*:function:echo'");
    assert_denied(&mut session, &echo("echo"));
    assert_eq!(session.text(&echo("eu-west-1:echo")), "200");
    session.run("SELECT * FROM aws_lambda.invoke('echo', '1'::json, 'eu-west-1')");
    session.run("SET aws_lambda.region = 'eu-west-1'");
    assert_eq!(session.text(&echo("echo")), "200");
    assert_denied(&mut session, &echo("us-east-1:echo"));

    // From the server's environment, known to the I/O thread alone.
    let change = |config: ClusterConfig| config.env("AWS_REGION", "eu-north-1");
    let abroad = playground().new_cluster(change).unwrap();
    let mut session = Session::open(&abroad, "sqlambda_template");
    session.run("SET aws_lambda.allowed_functions = 'arn:aws:lambda:us-east-1:*:function:echo'");
    assert_denied(&mut session, &echo("echo"));
    session.run("SET aws_lambda.allowed_functions = 'arn:aws:lambda:eu-north-1:*:function:echo'");
    assert_eq!(session.text(&echo("echo")), "200");
}

/// The error says what the call was resolved to; the patterns are for superusers.
#[test]
fn only_superusers_see_the_patterns() {
    let (database, user) = caller("curious");
    let list = "secret-project-*";
    let set = format!("ALTER ROLE {user} SET aws_lambda.allowed_functions = '{list}'");
    cluster().query(&database, &set).unwrap();
    let message = "permission denied for Lambda function \"echo:p\"";
    let detail =
        "It is the function echo, qualifier p, of the credentials' own account, in us-east-1.";

    let mut session = Session::open_as(&user, cluster(), &database);
    let failure = session.fail(&echo("echo:p"));
    assert_eq!(failure, Failure::of("42501", message, detail, ASK));
    let failure = session.fail("SHOW aws_lambda.allowed_functions");
    assert_eq!(failure.code, "42501");
    let failure = session.fail("SELECT current_setting('aws_lambda.allowed_functions')");
    assert_eq!(failure.code, "42501");
    let shown = "SELECT count(*) FROM pg_settings WHERE name = 'aws_lambda.allowed_functions'";
    assert_eq!(session.text(shown), "0");

    let mut superuser = Session::open(cluster(), &database);
    superuser.run(&format!("SET aws_lambda.allowed_functions = '{list}'"));
    let hint = format!("aws_lambda.allowed_functions is \"{list}\".");
    let failure = superuser.fail(&echo("echo:p"));
    assert_eq!(failure, Failure::of("42501", message, detail, &hint));
    assert_eq!(superuser.text("SHOW aws_lambda.allowed_functions"), list);
    drop(session);
    drop_role(&database, &user);
}

/// Whatever a role tries, before the library is loaded or after, its limits stay.
#[test]
fn a_role_cannot_widen_its_own_limits() {
    let (database, user) = caller("limited");
    let limits = [
        ("allowed_functions", "simple", "*"),
        ("max_response_bytes", "20", "1000"),
        ("max_concurrency", "2", "100"),
    ];
    for (name, value, _) in limits {
        let set = format!("ALTER ROLE {user} SET aws_lambda.{name} = '{value}'");
        cluster().query(&database, &set).unwrap();
    }
    let too_long =
        "SELECT * FROM aws_lambda.invoke('simple', '{\"body\": \"more than twenty bytes\"}'::json)";
    let assert_limited = |session: &mut Session, after: &str| {
        let failure = session.fail(&echo("echo"));
        assert_eq!((failure.code.as_str(), failure.hint.as_str()), ("42501", ASK), "{after}");
        let failure = session.fail(too_long);
        assert!(failure.hint.contains("aws_lambda.max_response_bytes"), "{after}: {failure:?}");
        assert_eq!(session.text("SHOW aws_lambda.max_concurrency"), "2", "{after}");
    };
    for (name, _, wider) in limits {
        let set = format!("aws_lambda.{name} = '{wider}'");
        let attempts = [
            format!("SET {set}"),
            format!("SET LOCAL {set}"),
            format!("SET SESSION {set}"),
            format!("SET aws_lambda.{name} TO DEFAULT"),
            format!("RESET aws_lambda.{name}"),
            "RESET ALL".to_owned(),
            "DISCARD ALL".to_owned(),
            format!("SELECT set_config('aws_lambda.{name}', '{wider}', false)"),
            format!("SELECT set_config('aws_lambda.{name}', NULL, false)"),
            format!("UPDATE pg_settings SET setting = '{wider}' WHERE name = 'aws_lambda.{name}'"),
            format!("ALTER ROLE {user} SET {set}"),
            format!("ALTER ROLE {user} IN DATABASE {database} SET {set}"),
            format!("ALTER ROLE {user} RESET aws_lambda.{name}"),
            format!("ALTER DATABASE {database} SET {set}"),
            format!("ALTER SYSTEM SET {set}"),
            "SET SESSION AUTHORIZATION DEFAULT".to_owned(),
            "SET ROLE NONE".to_owned(),
            "RESET ROLE".to_owned(),
            format!(
                "CREATE FUNCTION pg_temp.wide() RETURNS int LANGUAGE sql SET {set} AS 'SELECT 1'"
            ),
        ];
        for attempt in attempts {
            // Allowed or not, it is without effect: here and in the next session.
            let mut fresh = Session::open_as(&user, cluster(), &database);
            let _either_way = fresh.try_rows(&attempt);
            assert_limited(&mut fresh, &attempt);
            let _either_way = fresh.try_rows(&attempt);
            assert_limited(&mut fresh, &attempt);
        }
    }
    assert_limited(&mut Session::open_as(&user, cluster(), &database), "all of them");
    drop_role(&database, &user);
}

/// Options of a connection come before what is set for its role, so that an ordinary user could put
/// a limit out of force before the library is loaded: such a session calls nothing.
#[test]
fn connection_options_do_not_put_a_limit_out_of_force() {
    let (database, user) = caller("optional");
    let set = format!("ALTER ROLE {user} SET aws_lambda.allowed_functions = 'simple'");
    cluster().query(&database, &set).unwrap();
    let connection = cluster().connection_string_as(&user, &database);
    for (name, option) in [
        ("allowed_functions", "-c aws_lambda.allowed_functions=*"),
        ("allowed_functions", "--aws-lambda.allowed-functions=*"),
        ("allowed_functions", "-c AWS_lambda.Allowed_Functions=simple"),
        ("max_response_bytes", "-c aws_lambda.max_response_bytes=7"),
        ("max_concurrency", "-c aws_lambda.max_concurrency=7"),
    ] {
        let options = format!("{connection} options='{option}'");
        let mut session =
            Session { client: postgres::Client::connect(&options, postgres::NoTls).unwrap() };
        let denied = Failure::of(
            "42501",
            &format!("permission denied to set parameter \"aws_lambda.{name}\""),
            "The options of this connection set it.",
            "Connect without that option.",
        );
        for sql in [echo("echo"), echo("simple"), "LOAD 'aws_lambda'".to_owned()] {
            let failure = session.fail(&sql);
            assert!(failure == denied || sql.starts_with("LOAD"), "{option}: {failure:?}");
        }
        let _either_way = session.try_rows("RESET ALL; SET aws_lambda.allowed_functions = '*'");
        assert_eq!(session.fail(&echo("echo")), denied, "{option}");
        assert_eq!(session.text("SELECT 1"), "1");
    }
    // A superuser may.
    let options = "-c aws_lambda.allowed_functions=simple";
    let connection = format!("{} options='{options}'", cluster().connection_string(&database));
    let mut session =
        Session { client: postgres::Client::connect(&connection, postgres::NoTls).unwrap() };
    assert_denied(&mut session, &echo("echo"));
    assert_eq!(session.text(&echo("simple")), "200");
    drop_role(&database, &user);
}

/// What superusers do with settings of theirs works with these: for the cluster, a database, a role,
/// a transaction, a function.
#[test]
fn superusers_set_them_for_everything() {
    let (database, user) = caller("set_for");
    let mut superuser = Session::open(cluster(), &database);
    superuser.run(&format!(
        "ALTER DATABASE {database} SET aws_lambda.allowed_functions = 'simple, inspect';
         CREATE FUNCTION wide() RETURNS int LANGUAGE sql SECURITY DEFINER
             SET aws_lambda.allowed_functions = 'echo' AS $$ {} $$;
         CREATE FUNCTION narrow() RETURNS int LANGUAGE sql SECURITY DEFINER
             SET aws_lambda.allowed_functions = 'nothing' AS $$ {} $$;",
        echo("echo"),
        echo("simple"),
    ));
    let mut session = Session::open_as(&user, cluster(), &database);
    assert_eq!(session.text(&echo("simple")), "200");
    assert_denied(&mut session, &echo("echo"));
    assert_eq!(session.text("SELECT wide()"), "200");
    assert_denied(&mut session, "SELECT narrow()");
    assert_denied(&mut session, &echo("echo"));
    assert_eq!(session.text(&echo("simple")), "200");

    superuser.run(&format!("ALTER ROLE {user} SET aws_lambda.allowed_functions = 'echo'"));
    let mut session = Session::open_as(&user, cluster(), &database);
    assert_eq!(session.text(&echo("echo")), "200");
    assert_denied(&mut session, &echo("simple"));

    superuser.run("BEGIN; SET LOCAL aws_lambda.allowed_functions = 'counter'");
    assert_denied(&mut superuser, &echo("simple"));
    superuser.run("ROLLBACK; BEGIN; SET LOCAL aws_lambda.allowed_functions = ''; COMMIT");
    assert_eq!(superuser.text("SHOW aws_lambda.allowed_functions"), "");
    superuser.run("RESET ALL");
    drop((session, superuser));
    drop_role(&database, &user);

    // For the cluster: of its own, because all databases are in it.
    let change = |config: ClusterConfig| config.setting("aws_lambda.allowed_functions", "simple");
    let mut cluster = playground().new_cluster(change).unwrap();
    let mut session = Session::open(&cluster, "sqlambda_template");
    assert_denied(&mut session, &echo("echo"));
    session.run("ALTER SYSTEM SET aws_lambda.allowed_functions = 'echo'");
    cluster.reload().unwrap();
    let mut session = Session::open(&cluster, "sqlambda_template");
    assert_eq!(session.text("SHOW aws_lambda.allowed_functions"), "echo");
    assert_denied(&mut session, &echo("simple"));
}

/// A list that cannot be read is refused; one that was set before the library was loaded allows
/// nothing, and the warning does not repeat it.
#[test]
fn an_unreadable_list_allows_nothing() {
    let (database, user) = caller("unreadable");
    let mut superuser = Session::open(cluster(), &database);
    // Nothing has loaded the library: any text is taken.
    superuser
        .run(&format!("ALTER ROLE {user} SET aws_lambda.allowed_functions = 'simple; my secret'"));
    superuser.run("LOAD 'aws_lambda'");
    let failure = superuser.fail("SET aws_lambda.allowed_functions = 'simple; my secret'");
    let rule = "\"simple; my secret\" is not name[:qualifier], account:function:name[:qualifier] or \
        arn:aws:lambda:region:account:function:name[:qualifier].";
    let message =
        "invalid value for parameter \"aws_lambda.allowed_functions\": \"simple; my secret\"";
    assert_eq!(failure, Failure::of("22023", message, rule, ""));
    let set = format!("ALTER ROLE {user} SET aws_lambda.allowed_functions = 'f g'");
    assert_eq!(superuser.fail(&set).code, "22023");

    let output = crate::support::psql(&database)
        .role(&user)
        .run("SELECT * FROM aws_lambda.invoke('simple', '1'::json);")
        .unwrap();
    let told = "WARNING:  the patterns of aws_lambda.allowed_functions cannot be read\n\
        DETAIL:  No function may be called until a superuser corrects them.\n\
        ERROR:  permission denied for Lambda function \"simple\"\n";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    assert!(!output.stderr.contains("secret"), "{}", output.stderr);
    superuser.run(&format!("ALTER ROLE {user} SET aws_lambda.allowed_functions = 'simple'"));
    let mut session = Session::open_as(&user, cluster(), &database);
    assert_eq!(session.text(&echo("simple")), "200");
    drop(session);
    drop_role(&database, &user);
}

/// An answer of exactly the limit comes in, one byte more does not; the function ran all the same.
#[test]
fn an_answer_may_be_as_large_as_the_limit() {
    let mut session = Session::new();
    session.run("SET aws_lambda.max_response_bytes = 100");
    let answer = |bytes: usize| {
        let text = "x".repeat(bytes - 2);
        format!("SELECT length(payload::text) FROM aws_lambda.invoke('echo', '\"{text}\"'::json)")
    };
    assert_eq!(session.text(&answer(100)), "100");
    let failure = session.fail(&answer(101));
    let start = format!("\"{}\"", "x".repeat(99));
    let detail = format!("\"echo\" returned an answer of more than 100 bytes: \"{start}\".");
    let hint = "The function ran, but aws_lambda.max_response_bytes lets no larger answer in. Request id: <id>.";
    assert_eq!(failure, Failure::function(&detail, hint));
    // A refusal is the service's own, and is told in full.
    let failure = session.fail(&echo("no-such-function"));
    assert!(failure.detail.contains("Function not found: arn:aws:lambda"), "{failure:?}");
    let counter = Counter::new();
    session.run("SET aws_lambda.max_response_bytes = 1");
    session.fail(&format!("SELECT * FROM {}", counter.call("")));
    assert_eq!(counter.runs(), 1);
    assert_eq!(session.text("SELECT status_code FROM aws_lambda.invoke('echo', '1'::json)"), "200");
    session.run("RESET ALL");
    session.assert_usable();
}
