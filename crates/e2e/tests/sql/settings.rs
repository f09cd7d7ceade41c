//! The settings: what they are called, what they take, who may set them and when, and that
//! they take effect.

use std::sync::{Arc, Mutex};

use postgres::NoTls;

use crate::support::{Failure, Session, cluster, database, playground, role};

const NAMES: [&str; 5] =
    ["connect_timeout_ms", "endpoint_override", "max_attempts", "region", "request_timeout_ms"];

/// The region that a call goes to, from the ARN that the function sees.
const REGION: &str =
    "SELECT split_part(payload->>'invoked_function_arn', ':', 4) FROM aws_lambda.invoke";

const SLOW: &str = "SELECT * FROM aws_lambda.invoke('sleeps', '{\"seconds\": 0.3}'::json)";
const QUICK: &str = "SELECT status_code FROM aws_lambda.invoke('echo', '1'::json)";

/// A database whose settings are the defaults, unlike those of other tests.
fn fresh() -> String {
    cluster().create_database().unwrap()
}

/// A session that keeps the warnings it gets.
fn listening(connection: &str) -> (Session, Arc<Mutex<Vec<String>>>) {
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&warnings);
    let mut config: postgres::Config = connection.parse().unwrap();
    config.notice_callback(move |notice| keep.lock().unwrap().push(notice.message().to_owned()));
    (Session { client: config.connect(NoTls).unwrap() }, warnings)
}

fn refused(name: &str, value: &str, rule: &str) -> Failure {
    let message = format!("invalid value for parameter \"aws_lambda.{name}\": \"{value}\"");
    Failure::of("22023", &message, rule, "")
}

/// Whether this server refuses unknown settings of a reserved prefix, as PostgreSQL 15 and later do.
fn reserves_prefixes(session: &mut Session) -> bool {
    session.text("SHOW server_version_num").parse::<u32>().unwrap() >= 150_000
}

/// Names, types, defaults, ranges and contexts, in the view where people look for them.
#[test]
fn pg_settings_shows_them_all() {
    let mut session = Session::open(cluster(), &fresh());
    session.run("LOAD 'aws_lambda'");
    let rows = session.rows(
        "SELECT concat_ws(' ', name, vartype, context, boot_val, setting, min_val, max_val, unit, source)
         FROM pg_settings WHERE name LIKE 'aws_lambda.%' ORDER BY name",
    );
    let expected = [
        "aws_lambda.allowed_functions string superuser   default",
        "aws_lambda.connect_timeout_ms integer user 1000 1000 1 900000 default",
        "aws_lambda.endpoint_override string superuser   default",
        "aws_lambda.max_attempts integer user 3 3 1 10 default",
        "aws_lambda.max_concurrency integer superuser 128 128 1 1000 default",
        "aws_lambda.max_response_bytes integer superuser 6291556 6291556 1 6291556 default",
        "aws_lambda.region string user   default",
        "aws_lambda.request_timeout_ms integer user 3000 3000 1 900000 default",
    ]
    .map(|line| vec![Some(line.to_owned())]);
    assert_eq!(rows, expected);
    let said = session.text(
        "SELECT bool_and(short_desc LIKE '%.' AND extra_desc LIKE '%.') FROM pg_settings WHERE name LIKE 'aws_lambda.%'",
    );
    assert_eq!(said, "t");
}

/// Both ends of each range are taken; what lies beyond, and what is no value, is refused with the
/// rule, and the old value stays.
#[test]
fn values_are_checked() {
    let mut session = Session::open(cluster(), &fresh());
    session.run("LOAD 'aws_lambda'");
    for (name, most) in
        [("connect_timeout_ms", 900_000), ("request_timeout_ms", 900_000), ("max_attempts", 10)]
    {
        for value in [1, most] {
            session.run(&format!("SET aws_lambda.{name} = {value}"));
            assert_eq!(session.text(&format!("SHOW aws_lambda.{name}")), value.to_string());
        }
        for value in [0, -1, most + 1] {
            let message = format!(
                "{value} is outside the valid range for parameter \"aws_lambda.{name}\" (1 .. {most})"
            );
            let failure = session.fail(&format!("SET aws_lambda.{name} = {value}"));
            assert_eq!(failure, Failure::of("22023", &message, "", ""));
        }
        assert_eq!(
            session.fail(&format!("SET aws_lambda.{name} = 'soon'")),
            refused(name, "soon", "")
        );
        assert_eq!(session.text(&format!("SHOW aws_lambda.{name}")), most.to_string());
    }
    for region in ["us-east-1", "us-gov-west-1", "eusc-de-east-1", "us-isob-east-1", ""] {
        session.run(&format!("SET aws_lambda.region = '{region}'"));
    }
    for region in
        ["us-east", "US-EAST-1", "us-east-1.evil.example", "us-east-1/", "us-east-1 ", "é"]
    {
        let failure = session.fail(&format!("SET aws_lambda.region = '{region}'"));
        assert_eq!(
            failure,
            refused("region", region, "A Region looks like us-east-1 or eu-central-1.")
        );
    }
    for url in [
        "https://vpce-1.lambda.us-east-1.vpce.amazonaws.com",
        "http://[::1]:9001/base/",
        "HTTP://LOCALHOST",
        "",
    ] {
        session.run(&format!("SET aws_lambda.endpoint_override = '{url}'"));
        assert_eq!(session.text("SHOW aws_lambda.endpoint_override"), url);
    }
    for (url, rule) in [
        ("lambda.us-east-1.amazonaws.com", "It must begin with http:// or https://."),
        ("ftp://host", "It must begin with http:// or https://."),
        ("http://", "It must name a host."),
        ("http://user:word@host", "It must not carry a user name or password."),
        ("http://host/?x=1", "It must not carry a query or a fragment."),
        ("http://host:0", "Its port must be a number from 1 to 65535."),
        ("http://host:70000", "Its port must be a number from 1 to 65535."),
        ("http://[::1", "It must name a host."),
    ] {
        let failure = session.fail(&format!("SET aws_lambda.endpoint_override = '{url}'"));
        assert_eq!(failure, refused("endpoint_override", url, rule));
    }
}

/// SET before anything has loaded the library is kept, and takes effect in the first call.
#[test]
fn settings_made_before_the_library_is_loaded_take_effect() {
    let mut session = Session::open(cluster(), &fresh());
    session.run("SET aws_lambda.request_timeout_ms = 200; SET aws_lambda.region = 'eu-west-1'");
    let said = "AWS Lambda client returned 'Request timed out after 200 ms'.";
    assert_eq!(session.fail(SLOW).detail, said);
    session.run("SET aws_lambda.request_timeout_ms = 60000");
    assert_eq!(session.text(&format!("{REGION}('inspect', '1'::json)")), "eu-west-1");
    session.run("RESET aws_lambda.region");
    assert_eq!(session.text(&format!("{REGION}('inspect', '1'::json)")), "us-east-1");
}

/// Bad values that were set before loading are warned of when it is loaded; the defaults stand.
#[test]
fn bad_settings_made_before_loading_are_warned_of() {
    let database = fresh();
    let (mut session, warnings) = listening(&cluster().connection_string(&database));
    session.run(
        "SET aws_lambda.request_timeout_ms = 'soon'; SET aws_lambda.connect_timeout_ms = 0;
         SET aws_lambda.max_attempts = 99; SET aws_lambda.region = 'nowhere';
         SET aws_lambda.endpoint_override = 'ftp://host'; SET aws_lambda.request_timeout = 5;",
    );
    session.run("LOAD 'aws_lambda'");
    let mut warnings = std::mem::take(&mut *warnings.lock().unwrap());
    warnings.sort();
    let unknown =
        "invalid configuration parameter name \"aws_lambda.request_timeout\", removing it";
    let mut expected = vec![
        "0 is outside the valid range for parameter \"aws_lambda.connect_timeout_ms\" (1 .. 900000)",
        "99 is outside the valid range for parameter \"aws_lambda.max_attempts\" (1 .. 10)",
        unknown,
        "invalid value for parameter \"aws_lambda.endpoint_override\": \"ftp://host\"",
        "invalid value for parameter \"aws_lambda.region\": \"nowhere\"",
        "invalid value for parameter \"aws_lambda.request_timeout_ms\": \"soon\"",
    ];
    if !reserves_prefixes(&mut session) {
        expected.retain(|warning| *warning != unknown);
        warnings.retain(|warning| !warning.contains("request_timeout\""));
    }
    assert_eq!(warnings, expected);
    let values = session.row("SELECT current_setting('aws_lambda.request_timeout_ms'), current_setting('aws_lambda.connect_timeout_ms'),
        current_setting('aws_lambda.max_attempts'), current_setting('aws_lambda.region'), current_setting('aws_lambda.endpoint_override')");
    assert_eq!(values, ["3000", "1000", "3", "", ""].map(|value| Some(value.to_owned())));
    assert_eq!(
        session.text("SELECT status_code FROM aws_lambda.invoke('echo', '1'::json, 'Event')"),
        "202"
    );
}

/// After loading, a misspelt setting is an error.
#[test]
fn unknown_settings_are_refused_after_loading() {
    let mut session = Session::open(cluster(), &fresh());
    session.run("LOAD 'aws_lambda'");
    if !reserves_prefixes(&mut session) {
        return;
    }
    let failure = session.fail("SET aws_lambda.request_timeout = 5");
    let message = "invalid configuration parameter name \"aws_lambda.request_timeout\"";
    assert_eq!(failure, Failure::of("42602", message, "\"aws_lambda\" is a reserved prefix.", ""));
}

/// Where the requests go, signed with the server's credentials, is a superuser's decision: no way
/// of an ordinary user's takes effect, before loading or after. The other settings are anyone's.
#[test]
fn an_ordinary_user_cannot_redirect_calls() {
    let database = database();
    let user = role(cluster(), "redirector");
    cluster().query(&database, &format!(
        "GRANT USAGE ON SCHEMA aws_lambda TO {user}; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO {user};"
    )).unwrap();
    let nowhere = "http://127.0.0.1:1";
    let connection = cluster().connection_string_as(&user, &database);
    let denied = "permission denied to set parameter \"aws_lambda.endpoint_override\"";

    let (mut session, warnings) = listening(&connection);
    session.run(&format!("SET aws_lambda.endpoint_override = '{nowhere}'"));
    assert_eq!(session.text(QUICK), "200");
    assert_eq!(*warnings.lock().unwrap(), [denied]);
    assert_eq!(session.text("SHOW aws_lambda.endpoint_override"), "");
    let set = format!("SET aws_lambda.endpoint_override = '{nowhere}'");
    assert_eq!(session.fail(&set), Failure::of("42501", denied, "", ""));
    let function = format!("SELECT set_config('aws_lambda.endpoint_override', '{nowhere}', true)");
    assert_eq!(session.fail(&function), Failure::of("42501", denied, "", ""));
    assert_eq!(session.fail(&format!("ALTER ROLE {user} {set}")).code, "42501");
    for name in NAMES.iter().filter(|name| **name != "endpoint_override") {
        let value = if *name == "region" { "us-east-1" } else { "7" };
        session.run(&format!("SET aws_lambda.{name} = '{value}'; RESET aws_lambda.{name}"));
        session.run(&format!(
            "ALTER ROLE {user} SET aws_lambda.{name} = '{value}'; ALTER ROLE {user} RESET ALL"
        ));
    }

    let options = format!("{connection} options='-c aws_lambda.endpoint_override={nowhere}'");
    let (mut session, warnings) = listening(&options);
    assert_eq!(session.text(QUICK), "200");
    assert_eq!(*warnings.lock().unwrap(), [denied]);

    // A fresh session that has not loaded the library, where the name means nothing yet.
    let mut session = Session::open_as(&user, cluster(), &database);
    let _refused_or_without_effect = session.try_rows(&format!("ALTER ROLE {user} {set}"));
    let mut session = Session::open_as(&user, cluster(), &database);
    assert_eq!(session.text(QUICK), "200");
    let body =
        format!("CREATE FUNCTION pg_temp.go() RETURNS int LANGUAGE sql {set} AS $$ {QUICK} $$");
    assert_eq!(session.fail(&body).code, "42501");

    // A superuser may, also for one function.
    let mut superuser = Session::open(cluster(), &database);
    superuser.go_to(nowhere);
    assert_eq!(superuser.fail(QUICK).message, "invoke API failed");
    superuser.run("RESET ALL");
    superuser.run(&body.replace("pg_temp.", "public."));
    assert_eq!(superuser.fail("SELECT go()").message, "invoke API failed");
    assert_eq!(superuser.text(QUICK), "200");
    drop((session, superuser));
    cluster().query(&database, &format!("DROP OWNED BY {user}; DROP ROLE {user};")).unwrap();
}

/// A superuser's settings for a role, a database and both reach new sessions, the most special one
/// first; the transaction's own are gone with it.
#[test]
fn settings_of_roles_and_databases_reach_new_sessions() {
    let database = fresh();
    let user = role(cluster(), "settled");
    let mut superuser = Session::open(cluster(), &database);
    superuser.run(&format!(
        "ALTER DATABASE {database} SET aws_lambda.region = 'eu-west-1';
         ALTER DATABASE {database} SET aws_lambda.request_timeout_ms = 60000;
         ALTER DATABASE {database} SET aws_lambda.connect_timeout_ms = 60000;
         ALTER ROLE {user} SET aws_lambda.region = 'eu-west-2';
         ALTER ROLE {user} SET aws_lambda.endpoint_override = '{}';
         GRANT USAGE ON SCHEMA aws_lambda TO {user}; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO {user};",
        playground().service().endpoint(),
    ));
    let region = format!("{REGION}('inspect', '1'::json)");
    let mut session = Session::open(cluster(), &database);
    assert_eq!(session.text(&region), "eu-west-1");
    session.run("BEGIN; SET LOCAL aws_lambda.region = 'eu-west-3'");
    assert_eq!(session.text(&region), "eu-west-3");
    session.run("COMMIT");
    assert_eq!(session.text(&region), "eu-west-1");

    let mut session = Session::open_as(&user, cluster(), &database);
    assert_eq!(session.text(&region), "eu-west-2");
    let endpoint = session.text("SHOW aws_lambda.endpoint_override");
    assert_eq!(endpoint, playground().service().endpoint());
    superuser.run(&format!(
        "ALTER ROLE {user} IN DATABASE {database} SET aws_lambda.region = 'eu-north-1'"
    ));
    let mut session = Session::open_as(&user, cluster(), &database);
    assert_eq!(session.text(&region), "eu-north-1");
    drop(session);
    superuser.run(&format!("DROP OWNED BY {user}; DROP ROLE {user}"));
}

/// The region is the argument's, else the name's, else the setting's, else the environment's.
#[test]
fn the_region_comes_from_the_nearest_place() {
    let mut session = Session::new();
    let arn = "arn:aws:lambda:ap-south-1:000000000000:function:inspect";
    let mut region = |setting: &str, call: &str| {
        session.run(&format!("SET aws_lambda.region = '{setting}'"));
        session.text(&format!("{REGION}({call})"))
    };
    assert_eq!(region("", "'inspect', '1'::json"), "us-east-1");
    assert_eq!(region("eu-west-1", "'inspect', '1'::json"), "eu-west-1");
    assert_eq!(region("eu-west-1", "'inspect', '1'::json, NULL"), "eu-west-1");
    for name in [arn, "ap-south-1:000000000000:function:inspect", "ap-south-1:inspect"] {
        assert_eq!(region("eu-west-1", &format!("'{name}', '1'::json")), "ap-south-1");
        assert_eq!(region("eu-west-1", &format!("'({name},)', '1'::json")), "ap-south-1");
    }
    assert_eq!(region("eu-west-1", "'inspect', '1'::json, 'ap-south-1'"), "ap-south-1");
    let made = "aws_commons.create_lambda_function_arn('inspect', 'ap-south-1'), '1'::jsonb";
    assert_eq!(region("eu-west-1", &made.replace("jsonb", "json")), "ap-south-1");
    assert_eq!(region("eu-west-1", &format!("'{arn}', '1'::json, 'ap-south-1'")), "ap-south-1");
}
