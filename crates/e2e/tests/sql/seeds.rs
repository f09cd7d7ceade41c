//! Every statement that AWS's pages print runs as printed, with the result they print.
//!
//! The constants are those statements, letter by letter; only account and region are replaced, by
//! [`localise`]. Sources: the pages on aws_lambda of the RDS and Aurora user guides.

use std::fs;

use crate::support::{self, Failure, Session, cluster, database, localise, playground, psql};

/// "Step 3": the extensions.
const CREATE: &str = "CREATE EXTENSION IF NOT EXISTS aws_lambda CASCADE;";

/// "Step 4": the three ways to name a function.
const ARNS: &str = r"
SELECT aws_commons.create_lambda_function_arn(
   'my-function',
   'aws-region'
) AS aws_lambda_arn_1 \gset

SELECT aws_commons.create_lambda_function_arn(
   '111122223333:function:my-function',
   'aws-region'
) AS lambda_partial_arn_1 \gset

SELECT aws_commons.create_lambda_function_arn(
   'arn:aws:lambda:aws-region:111122223333:function:my-function'
) AS lambda_arn_1 \gset
";

/// The same as the newer pages print them, on one line each.
const ARNS_OF_NEWER_PAGES: &str = r"
SELECT aws_commons.create_lambda_function_arn( 'my-function', 'aws-region' ) AS aws_lambda_arn_1 \gset
SELECT aws_commons.create_lambda_function_arn( '111122223333:function:my-function', 'aws-region' ) AS lambda_partial_arn_1 \gset
SELECT aws_commons.create_lambda_function_arn( 'arn:aws:lambda:aws-region:111122223333:function:my-function' ) AS lambda_arn_1 \gset
";

/// "Step 5": the first call.
const SIMPLE: &str = r#"SELECT * from aws_lambda.invoke(aws_commons.create_lambda_function_arn('arn:aws:lambda:aws-region:444455556666:function:simple', 'us-west-1'), '{"body": "Hello from Postgres!"}'::json );"#;

const SIMPLE_PRINTS: &str = r#"
   status_code |                        payload                        | executed_version | log_result
   -------------+-------------------------------------------------------+------------------+------------
            200 | {"statusCode": 200, "body": "\"Hello from Lambda!\""} | $LATEST          |
   (1 row)
"#;

/// "Step 6": the grants.
const GRANTS: &str = "
GRANT USAGE ON SCHEMA aws_lambda TO db_username;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO db_username;
";

const SYNCHRONOUS: &str = r#"SELECT * FROM aws_lambda.invoke(:'aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json);"#;
const REQUEST_RESPONSE: &str = r#"SELECT * FROM aws_lambda.invoke(:'aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json, 'RequestResponse');"#;
const INLINE: &str = r#"SELECT * FROM aws_lambda.invoke(aws_commons.create_lambda_function_arn('my-function', 'aws-region'),
  '{"body": "Hello from Postgres!"}'::json
  );"#;
const EVENT: &str = r#"SELECT * FROM aws_lambda.invoke(:'aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json, 'Event');"#;
/// Printed with an error: "select" stands twice.
const TAIL_THAT_IS_NO_SQL: &str = r#"SELECT *, select convert_from(decode(log_result, 'base64'), 'utf-8') as log FROM aws_lambda.invoke(:'aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json, 'RequestResponse', 'Tail');"#;
/// The example of the client context, which has none.
const TAIL: &str = r#"SELECT *, convert_from(decode(log_result, 'base64'), 'utf-8') as log FROM aws_lambda.invoke(:'aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json, 'RequestResponse', 'Tail');"#;
const QUALIFIER: &str = r#"SELECT * FROM aws_lambda.invoke(:'aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json, 'RequestResponse', 'None', NULL, 'custom_version');"#;
const QUALIFIED_NAME: &str = r#"SELECT * FROM aws_lambda.invoke(aws_commons.create_lambda_function_arn('my-function:custom_version', 'us-west-2'),
'{"body": "Hello from Postgres!"}'::json);"#;

/// The newer pages leave the colon out: a function that is called `aws_lambda_arn_1`.
const BARE: [&str; 4] = [
    r#"SELECT * FROM aws_lambda.invoke('aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json);"#,
    r#"SELECT * FROM aws_lambda.invoke('aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json, 'RequestResponse');"#,
    r#"SELECT * FROM aws_lambda.invoke('aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json, 'Event');"#,
    r#"SELECT * FROM aws_lambda.invoke('aws_lambda_arn_1', '{"body": "Hello from Postgres!"}'::json, 'RequestResponse', 'None', NULL, 'custom_version');"#,
];

/// What `my-function` answers to the examples, as `psql -At` prints it.
const ECHOED: &str = r#"200|{"event":{"body":"Hello from Postgres!"},"clientContext":null,"functionVersion":"$LATEST"}|$LATEST|"#;

/// Runs printed statements in one `psql`; its bare output.
#[track_caller]
fn bare(database: &str, statements: &[&str]) -> String {
    let script = localise(&statements.join("\n"));
    psql(database).bare().run(&script).unwrap().stdout_if_ok().unwrap().to_owned()
}

/// "Step 3" installs both extensions, with the printed notice and tag.
#[test]
fn the_extension_is_created_with_the_printed_notice() {
    let database = cluster().create_plain_database().unwrap();
    let output = psql(&database).run(CREATE).unwrap();
    assert_eq!(output.stdout, "CREATE EXTENSION\n");
    assert_eq!(output.stderr, "NOTICE:  installing required extension \"aws_commons\"\n");
}

/// "Step 5" prints the table that the page prints.
#[test]
fn the_first_call_prints_the_table_of_the_page() {
    let output = psql(&database()).run(&localise(SIMPLE)).unwrap();
    let lines = |text: &str| text.trim().lines().map(|l| l.trim().to_owned()).collect::<Vec<_>>();
    assert_eq!(lines(output.stdout_if_ok().unwrap()), lines(SIMPLE_PRINTS));
}

/// All three forms of "Step 4", of older and newer pages, name the function in every synchronous
/// example.
#[test]
fn every_way_to_name_a_function_works_in_every_example() {
    let database = database();
    for names in [ARNS, ARNS_OF_NEWER_PAGES] {
        let mut statements = vec![names.to_owned()];
        for variable in ["aws_lambda_arn_1", "lambda_partial_arn_1", "lambda_arn_1"] {
            let named =
                |example: &str| example.replace(":'aws_lambda_arn_1'", &format!(":'{variable}'"));
            statements.extend([SYNCHRONOUS, REQUEST_RESPONSE, QUALIFIER].map(named));
        }
        statements.extend([INLINE, QUALIFIED_NAME].map(str::to_owned));
        let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
        let output = bare(&database, &statements);
        assert_eq!(output.lines().collect::<Vec<_>>(), [ECHOED; 11], "{names}");
    }
}

/// The variables hold the text form of the type, as a script that prints or passes them expects.
#[test]
fn gset_gives_the_text_form_of_the_type() {
    let print = r"\echo :aws_lambda_arn_1 :lambda_partial_arn_1 :lambda_arn_1";
    assert_eq!(
        bare(&database(), &[ARNS, print]),
        "(my-function,us-east-1) (000000000000:function:my-function,us-east-1) \
         (arn:aws:lambda:us-east-1:000000000000:function:my-function,)\n"
    );
}

/// The 'Event' example is asynchronous: 202 and nothing else.
#[test]
fn the_event_example_is_asynchronous() {
    assert_eq!(bare(&database(), &[ARNS, EVENT]), "202|||\n");
}

/// The 'Tail' example returns the log, which the printed expression decodes; the example with two
/// selects is no SQL, on AWS and here.
#[test]
fn the_tail_example_returns_the_decoded_log() {
    let database = database();
    let output = bare(&database, &[ARNS, TAIL]);
    let log = output.strip_prefix(ECHOED).unwrap_or_else(|| panic!("{output}"));
    let (base64, log) = log.split_once('|').unwrap();
    assert!(base64.len() > 100 && log.starts_with("START RequestId: "), "{output}");
    let said = "called as arn:aws:lambda:us-east-1:000000000000:function:my-function\nEND Request";
    assert!(log.contains(said), "{log}");
    assert!(log.contains("\nREPORT RequestId: ") && log.contains("Memory Size: 128 MB"), "{log}");

    let script = localise(&[ARNS, TAIL_THAT_IS_NO_SQL].join("\n"));
    let output = psql(&database).bare().run(&script).unwrap();
    assert!(output.stderr.contains("ERROR:  syntax error at or near \"select\""), "{output:?}");
}

/// What the page says in words about `context`: a JSON object reaches the function beside the
/// payload, with the fields `custom` and `env`.
#[test]
fn a_client_context_reaches_the_function() {
    let context = r#"'{"custom": {"who": "Zoë"}, "env": {"locale": "en"}}'"#;
    let call = TAIL.replace(", 'Tail')", &format!(", 'Tail', {context})"));
    let payload = call.replace("SELECT *, convert", "SELECT payload, convert");
    let output = bare(&database(), &[ARNS, &payload]);
    let expected = r#"{"event":{"body":"Hello from Postgres!"},"clientContext":{"custom":{"who":"Zoë"},"env":{"locale":"en"}},"#;
    assert!(output.starts_with(expected), "{output}");
}

/// The examples of the newer pages, whose name is a bare string: a function of that name is called.
#[test]
fn the_bare_strings_of_the_newer_pages_name_a_function() {
    let database = database();
    let hello = r#"200|{"statusCode": 200, "body": "\"Hello from Lambda!\""}|$LATEST|"#;
    assert_eq!(bare(&database, &BARE[..3]), format!("{hello}\n{hello}\n202|||\n"));

    // The shared service's function has no alias.
    let folder = tempfile::tempdir().unwrap();
    let function = folder.path().join("aws_lambda_arn_1");
    fs::create_dir(&function).unwrap();
    let alias = r#"{ "Aliases": { "custom_version": "$LATEST" } }"#;
    fs::write(function.join("function.json"), alias).unwrap();
    let code = "def lambda_handler(event, context):\n    return context.invoked_function_arn\n";
    fs::write(function.join("lambda_function.py"), code).unwrap();
    let service =
        playground().new_service(|config| config.folders(vec![folder.path().to_owned()])).unwrap();
    let go = format!("SET aws_lambda.endpoint_override = '{}';", service.endpoint());
    assert_eq!(
        bare(&database, &[&go, BARE[3]]),
        "200|\"arn:aws:lambda:us-east-1:000000000000:function:aws_lambda_arn_1:custom_version\"\
         |$LATEST|\n"
    );
}

/// A role without grants meets the two documented errors, one after the other; the documented
/// grants are enough for everything the pages show.
#[test]
fn the_documented_grants_suffice_and_their_lack_shows_the_documented_errors() {
    let database = database();
    let user = support::role(cluster(), "db_username");
    let mut session = Session::open_as(&user, cluster(), &database);
    let mut denied = |what| {
        let failure = session.fail(&localise(SIMPLE));
        assert_eq!(failure, Failure::of("42501", what, "", ""));
    };
    let grants: Vec<String> =
        GRANTS.trim().lines().map(|line| line.replace("db_username", &user)).collect();
    denied("permission denied for schema aws_lambda");
    cluster().query(&database, &grants[0]).unwrap();
    denied("permission denied for function invoke");
    cluster().query(&database, &grants[1]).unwrap();
    let script = localise(&[ARNS, SIMPLE, SYNCHRONOUS, EVENT, TAIL, QUALIFIER].join("\n"));
    let output = psql(&database).role(&user).bare().run(&script).unwrap();
    assert_eq!(output.stdout_if_ok().unwrap().matches("200|").count(), 4);
    cluster().query(&database, &format!("DROP OWNED BY {user}; DROP ROLE {user};")).unwrap();
}

/// A function that throws gives the printed error, DETAIL with the ARN as it was given.
#[test]
fn a_function_that_throws_gives_the_printed_error() {
    let name =
        ARNS.replace("my-function", "raises").replace("AS lambda_arn_1", "AS aws_lambda_arn_1");
    let output = psql(&database()).run(&localise(&[&name, SYNCHRONOUS].join("\n"))).unwrap();
    let begin = "ERROR:  lambda invocation failed\nDETAIL:  \
        \"arn:aws:lambda:us-east-1:000000000000:function:raises\" returned error \"Unhandled\", \
        details: \"{\"errorMessage\": \"this function always raises\", \"errorType\": \"ValueError\"";
    assert!(output.stderr.contains(begin), "{}", output.stderr);
    assert!(output.stderr.contains("}\".\nHINT:  "), "{}", output.stderr);
}

/// A service that cannot be reached gives the printed error.
#[test]
fn a_service_that_cannot_be_reached_gives_the_printed_error() {
    let nobody = "SET aws_lambda.endpoint_override = 'http://127.0.0.1:1';";
    let output = psql(&database()).run(&localise(&[nobody, ARNS, SYNCHRONOUS].join("\n"))).unwrap();
    let printed = "ERROR:  invoke API failed\n\
        DETAIL:  AWS Lambda client returned 'Unable to connect to endpoint'.\n";
    assert!(output.stderr.contains(printed), "{}", output.stderr);
}
