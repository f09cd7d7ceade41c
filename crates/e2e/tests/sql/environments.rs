//! What the server's environment lacks or has wrong: credentials and region.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use e2e::wait_until;

use crate::support::{Failure, Session, patient, playground};

const CALL: &str = "SELECT * FROM aws_lambda.invoke('echo', '1'::json)";
const CHECK: &str = "Check the credentials and the clock of the database server.";

/// Keys that the service does not know, and a wrong secret, are refused; where no signature is
/// asked for, the same session succeeds.
#[test]
fn wrong_credentials() {
    let open = playground().new_service(|config| config.arg("--no-auth")).unwrap();
    let mut cluster =
        playground().new_cluster(|config| config.env("AWS_ACCESS_KEY_ID", "AKIANOBODY")).unwrap();
    let database = patient(&cluster, cluster.create_database().unwrap());
    let assert_refused = |cluster: &e2e::Cluster, said: &str, code: &str| {
        let mut session = Session::open(cluster, &database);
        let failure = session.fail(CALL);
        let hint = format!("{code}, HTTP status 403. Request id: <id>. {CHECK}");
        assert_eq!(failure.hint, hint);
        assert!(
            failure.detail.starts_with(&format!("AWS Lambda client returned '{said}")),
            "{failure:?}"
        );
        assert_eq!(
            (failure.code.as_str(), failure.message.as_str()),
            ("38000", "invoke API failed")
        );
        session.go_to(open.endpoint());
        session.assert_usable();
    };
    let unknown = "The security token included in the request is invalid.'.";
    assert_refused(&cluster, unknown, "UnrecognizedClientException");
    cluster
        .reconfigure(|config| {
            config.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "s3cr3t-and-wrong")
        })
        .unwrap();
    cluster.restart().unwrap();
    let signature =
        "The request signature we calculated does not match the signature you provided.";
    assert_refused(&cluster, signature, "InvalidSignatureException");
    let log = cluster.log_text().unwrap();
    assert!(!log.contains("s3cr3t") && !log.contains("Signature="), "{log}");
}

/// Without credentials the error says where they were looked for; as soon as a file has them, the
/// same session succeeds.
#[test]
fn no_credentials() {
    let folder = tempfile::tempdir().unwrap();
    // The server may run as another user.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let file = folder.path().join("credentials");
    let cluster = playground().new_cluster(|config| {
        let path = file.to_str().unwrap();
        config
            .without_env("AWS_ACCESS_KEY_ID")
            .without_env("AWS_SECRET_ACCESS_KEY")
            .env("AWS_SHARED_CREDENTIALS_FILE", path)
    });
    let cluster = cluster.unwrap();
    let database = patient(&cluster, cluster.create_database().unwrap());
    let mut session = Session::open(&cluster, &database);
    let said = "No AWS credentials found: tried the environment, the shared credentials and \
        configuration files, the web identity token, the container and the instance metadata";
    let hint = "Give the database server an IAM role, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY \
        or a profile in the environment of its process.";
    let expected = Failure::api(said, hint);
    assert_eq!(session.fail(CALL), expected);
    fs::write(&file, "[default]\naws_access_key_id = test\naws_secret_access_key = test\n")
        .unwrap();
    session.assert_usable();
}

/// Without a region anywhere the error says where to put one; with one, the same session succeeds.
#[test]
fn no_region() {
    let cluster = playground().new_cluster(|config| config.without_env("AWS_REGION")).unwrap();
    let database = patient(&cluster, cluster.create_database().unwrap());
    let mut session = Session::open(&cluster, &database);
    let hint = "Pass the region, set aws_lambda.region, or set AWS_REGION in the environment of the \
        database server.";
    let expected = Failure::api("No AWS Region is configured", hint);
    assert_eq!(session.fail(CALL), expected);
    let mut status =
        |call: &str| session.text(&format!("SELECT status_code FROM aws_lambda.invoke({call})"));
    assert_eq!(status("'echo', '1'::json, 'us-east-1'"), "200");
    assert_eq!(
        status("aws_commons.create_lambda_function_arn('echo', 'us-east-1'), '1'::json"),
        "200"
    );
    assert_eq!(status("'arn:aws:lambda:us-east-1:000000000000:function:echo', '1'::json"), "200");
    assert_eq!(session.fail(CALL), expected);
    session.run("SET aws_lambda.region = 'us-east-1'");
    session.assert_usable();
}

/// Preloaded, the settings are there from the start, from the server's own file too, and a reload
/// changes them; a bad value is logged, and the server starts.
#[test]
fn the_library_can_be_preloaded() {
    let elsewhere = "eu-west-1";
    let mut cluster = playground()
        .new_cluster(|config| {
            config
                .setting("shared_preload_libraries", "aws_lambda")
                .setting("aws_lambda.region", elsewhere)
                .setting("aws_lambda.max_attempts", "99")
                .setting("aws_lambda.request_timeout_ms", "60000")
        })
        .unwrap();
    let database = patient(&cluster, cluster.create_database().unwrap());
    let mut session = Session::open(&cluster, &database);
    let settings = "SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN
        ('aws_lambda.max_attempts', 'aws_lambda.region', 'aws_lambda.request_timeout_ms')";
    assert_eq!(session.text(settings), "3 eu-west-1 60000");
    let range = "99 is outside the valid range for parameter \"aws_lambda.max_attempts\" (1 .. 10)";
    assert!(cluster.log_text().unwrap().contains(range));
    session.assert_usable();
    let region = "SELECT split_part(payload->>'invoked_function_arn', ':', 4) FROM aws_lambda.invoke('inspect', '1'::json)";
    assert_eq!(session.text(region), elsewhere);
    cluster.reconfigure(|config| config.setting("aws_lambda.region", "eu-north-1")).unwrap();
    cluster.reload().unwrap();
    wait_until("the session has read the file", || {
        session.text("SHOW aws_lambda.region") == "eu-north-1"
    });
    assert_eq!(session.text(region), "eu-north-1");
}
