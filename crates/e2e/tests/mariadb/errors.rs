//! Errors: each by its real cause, whole, and never a silent NULL.

use e2e::{MariaDb, RawServer};

use crate::support::{brands, database, error, on_both, playground, quoted, value};

/// Aurora MySQL's number for what the Lambda API says. The servers derive the SQLSTATE from it.
const LAMBDA_API: u32 = 1873;
const WRONG_ARGUMENTS: u32 = 1210;
const CANT_INITIALIZE: u32 = 1123;

/// The longest message of both servers, in bytes.
const LONGEST: usize = 511;

#[track_caller]
fn message(server: &MariaDb, number: u32, sql: &str) -> String {
    let error = error(server, sql);
    assert_eq!(error.number, number, "{error:?}");
    error.message
}

on_both! {
    /// A function that raises: Aurora's words and the payload, or with the blog's function the
    /// payload alone.
    fn a_function_that_fails(server) {
        let said = message(server, LAMBDA_API, "SELECT lambda_sync('raises', '{}');");
        let begins = "Lambda API returned error: \"raises\" returned error \"Unhandled\", details: \
                      \"{\"errorMessage\": \"this function always raises\", \"errorType\": \"Value";
        assert!(said.starts_with(begins), "{said}");
        let said = message(server, LAMBDA_API, "SELECT awslambda_fn('raises', '{}');");
        assert!(said.starts_with("{\"errorMessage\": \"this function always raises\""), "{said}");
    }

    /// The service refuses: its message, code and status.
    fn a_function_that_is_not_there(server) {
        for function in ["lambda_sync", "lambda_async", "awslambda_fn", "awslambda_fn_async"] {
            let said = message(server, LAMBDA_API, &format!("SELECT {function}('nope', '{{}}');"));
            assert!(said.starts_with("Lambda API returned error: Function not found: arn:"), "{said}");
            assert!(said.ends_with("(ResourceNotFoundException, HTTP status 404)"), "{said}");
        }
    }

    /// No answer in time.
    fn a_function_that_takes_too_long(server) {
        let sql = r#"SELECT lambda_invoke('sleeps', '{"seconds": 20}', '{"request_timeout_ms": 50}');"#;
        let said = message(server, LAMBDA_API, sql);
        assert_eq!(said, "Lambda API returned error: Request timed out after 50 ms");
    }

    /// Values that break a rule are refused before anything is sent.
    fn arguments_that_break_a_rule(server) {
        let cases = [
            ("lambda_sync(NULL, '{}')", "argument \"function_name\" must not be null"),
            (
                "lambda_sync('a b', '{}')",
                "invalid value for argument \"function_name\": \"a b\" is not a function name, ",
            ),
            (
                "lambda_sync('simple', '{x')",
                "invalid value for argument \"payload\": \"{x\" is not JSON: key must be a string ",
            ),
            (
                "awslambda_fn('simple', '')",
                "invalid value for argument \"fn_args\": \"\" is not JSON: EOF while parsing",
            ),
            (
                "lambda_invoke('simple', '{}', '[]')",
                "invalid value for argument \"options\": \"[]\" is not a JSON object",
            ),
            (
                r#"lambda_invoke('simple', '{}', '{"endpoint": "http://127.0.0.1:1"}')"#,
                "invalid value for argument \"options\": \"{\"endpoint\": \"http://127.0.0.1:1\"}\" \
                 cannot be used: unknown field `endpoint`, expected one of `region`, ",
            ),
            (
                r#"lambda_invoke('simple', '{}', '{"log_type": "None", "log_type": "Tail"}')"#,
                "invalid value for argument \"options\": \"{\"log_type\": \"None\", \"log_type\": \
                 \"Tail\"}\" cannot be used: duplicate field `log_type`",
            ),
            (
                r#"lambda_invoke('simple', '{}', '{"invocation_type": "event"}')"#,
                "invalid value for argument \"invocation_type\": \"event\" is not an invocation type",
            ),
            (
                r#"lambda_invoke('simple', '{}', '{"region": "nowhere"}')"#,
                "invalid value for argument \"region\": \"nowhere\" is not",
            ),
            (
                r#"lambda_invoke('simple', '{}', '{"context": 5}')"#,
                "invalid value for argument \"context\": \"5\" is not a JSON object",
            ),
            (
                r#"lambda_invoke('simple:1', '{}', '{"qualifier": "2"}')"#,
                "invalid value for argument \"qualifier\": \"2\" conflicts with the qualifier \"1\"",
            ),
            (
                r#"lambda_invoke('simple', '{}', '{"request_timeout_ms": 0}')"#,
                "option \"request_timeout_ms\" must be from 1 to 900000",
            ),
            (
                r#"lambda_invoke('simple', '{}', '{"connect_timeout_ms": 900001}')"#,
                "option \"connect_timeout_ms\" must be from 1 to 900000",
            ),
        ];
        for (call, begins) in cases {
            let said = message(server, WRONG_ARGUMENTS, &format!("SELECT {call};"));
            assert!(said.starts_with(begins), "{call}: {said}");
        }
    }

    /// Wrong counts and types are refused with the whole signature, which the servers' own error
    /// would cut at 80 bytes.
    fn calls_of_another_shape(server) {
        let cases = [
            ("lambda_sync()", "it takes 2 arguments, not 0: lambda_sync(function, payload)"),
            ("lambda_async('a')", "it takes 2 arguments, not 1: lambda_async(function, payload)"),
            ("awslambda_fn('a', 'b', 'c')", "it takes 2 arguments, not 3: awslambda_fn(fn_name, fn_args)"),
            ("lambda_invoke('a', '{}')", "it takes 3 arguments, not 2: lambda_invoke(function, payload, options)"),
            ("lambda_sync('a', 5)", "argument \"payload\" is a number, and must be a string: lambda_sync(function, payload)"),
            ("lambda_sync(1.5, '{}')", "argument \"function\" is a number, and must be a string: lambda_sync(function, payload)"),
            ("awslambda_fn_async(2e0, '{}')", "argument \"fn_name\" is a number, and must be a string: awslambda_fn_async(fn_name, fn_args)"),
        ];
        for (call, rule) in cases {
            let (name, _) = call.split_once('(').unwrap();
            let said = message(server, CANT_INITIALIZE, &format!("SELECT {call};"));
            assert_eq!(said, format!("Can't initialize function '{name}'; {rule}"));
        }
    }

    /// What an error repeats of a value is cut between characters.
    fn long_values_are_cut(server) {
        for character in ["x", "é", "漢"] {
            for shift in 0..3 {
                let name = format!("{}{}", "-".repeat(shift), character.repeat(90));
                let payload = quoted(&format!("[{}", character.repeat(900)));
                let sql = format!("SELECT lambda_sync({}, {payload});", quoted(&name));
                let said = error(server, &sql).message;
                assert!(said.len() <= LONGEST, "{} bytes", said.len());
                assert!(!said.contains('\u{fffd}'), "{said}");
            }
        }
    }

    /// What a user writes is never a format, and characters that the server's messages lack end
    /// nothing.
    fn hostile_text_in_messages(server) {
        let sql = "SELECT lambda_sync('%s%n%d%100000d', '{}');";
        let said = message(server, WRONG_ARGUMENTS, sql);
        assert!(said.contains("\"%s%n%d%100000d\" is not a function name"), "{said}");
        let said = message(server, WRONG_ARGUMENTS, "SELECT lambda_sync('a🙂b', '{}');");
        assert!(said.contains("\"a?b\" is not a function name, partial ARN or ARN."), "{said}");
    }

    /// A row that fails ends its statement: nothing is written, no NULL stands for it.
    fn a_failed_row_is_no_null(server) {
        let database = database(server);
        let script = format!(
            "USE {database}; CREATE TABLE t (name text, answer text) ENGINE = InnoDB;
             INSERT INTO t (name) VALUES ('simple'), ('nope'), ('simple');
             SET SESSION sql_mode = '';
             UPDATE t SET answer = lambda_sync(name, '{{}}');"
        );
        assert_eq!(message(server, LAMBDA_API, &script).split('.').next(), Some(
            "Lambda API returned error: Function not found: arn:aws:lambda:us-east-1:000000000000:\
             function:nope:$LATEST (ResourceNotFoundException, HTTP status 404)"));
        let left = value(server, &format!("SELECT count(answer), count(*) FROM {database}.t;"));
        assert_eq!(left, "0\t3");
        for sql in ["INSERT INTO t SELECT name, lambda_sync('nope', '{}') FROM t",
                    "CREATE TABLE u AS SELECT lambda_sync('nope', '{}') AS x",
                    "SET @x = lambda_sync('nope', '{}')",
                    "SELECT * FROM t WHERE lambda_sync('nope', '{}') IS NULL",
                    "SELECT coalesce(lambda_sync('nope', '{}'), 'silent')",
        ] {
            let error = error(server, &format!("USE {database}; {sql};"));
            assert_eq!(error.number, LAMBDA_API, "{sql}: {error:?}");
        }
    }

    /// A handler of a stored program catches it by number and as an exception.
    fn handlers_catch_it(server) {
        let database = database(server);
        let script = format!(
            "USE {database};
             DELIMITER //
             CREATE PROCEDURE p() BEGIN
                 DECLARE said text;
                 DECLARE EXIT HANDLER FOR 1873 BEGIN
                     GET DIAGNOSTICS CONDITION 1 said = MESSAGE_TEXT;
                     SELECT concat('caught ', said);
                 END;
                 SELECT awslambda_fn('nope', '{{}}');
             END //
             CREATE PROCEDURE q() BEGIN
                 DECLARE EXIT HANDLER FOR SQLEXCEPTION SELECT 'caught';
                 SET @x = lambda_sync('raises', '{{}}');
                 SELECT 'not caught';
             END //
             DELIMITER ;
             CALL p(); CALL q();"
        );
        let printed = value(server, &script);
        assert!(printed.starts_with("caught Lambda API returned error: Function not found"), "{printed}");
        assert!(printed.ends_with("\ncaught"), "{printed}");
    }
}

/// No connection, in the words and with the number that Aurora MySQL prints.
#[test]
fn a_service_that_is_not_there() {
    for brand in brands() {
        let server = playground()
            .new_mariadb(brand, |config| {
                config.env("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:1")
            })
            .unwrap();
        let error = error(&server, "SELECT lambda_sync('simple', '{}');");
        assert_eq!(error.number, LAMBDA_API);
        assert_eq!(
            error.message,
            "Lambda API returned error: Network Connection. Unable to connect to endpoint \
             (http://127.0.0.1:1: Connection refused (os error 111))"
        );
    }
}

/// A message longer than the server's buffer is cut between characters, with dots.
#[test]
fn long_messages_are_cut() {
    for character in ["x", "é", "漢"] {
        let payload = character.repeat(1000);
        let service = RawServer::start(move |connection| {
            let header = "X-Amz-Function-Error: Unhandled";
            for shift in 0.. {
                if connection.read_request()?.is_none() {
                    return Ok(());
                }
                let body = format!("{}{payload}", "-".repeat(shift));
                connection.respond(200, &[header], body.as_bytes())?;
            }
            Ok(())
        })
        .unwrap();
        for brand in brands() {
            let server = playground()
                .new_mariadb(brand, |config| config.env("AWS_ENDPOINT_URL_LAMBDA", service.url()))
                .unwrap();
            for _ in 0..4 {
                let said = error(&server, "SELECT awslambda_fn('f', '{}');").message;
                assert!((506..=LONGEST).contains(&said.len()), "{} bytes: {said}", said.len());
                let text = said.strip_suffix("...").unwrap();
                assert!(text.trim_start_matches('-').chars().all(|c| character.contains(c)));
            }
        }
    }
}
