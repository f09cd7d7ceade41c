//! Which region a call is signed for, and which endpoint it goes to, when several places name one.

use e2e::{ClusterConfig, RawServer};

use crate::credentials::metadata;
use crate::support::{CALL, Server, Session, answering, folder, scope, with_keys, write};

/// No name below it exists: a call there ends with an error that tells where it went.
const NOWHERE: &str = "zz-nowhere-1";

/// A home folder with this `.aws/config`.
fn home(config: &str) -> String {
    let home = folder();
    write(&home, ".aws/config", config);
    home.to_string_lossy().into_owned()
}

/// The region that the newest request to `server` was signed for.
#[track_caller]
fn region(server: &RawServer) -> String {
    scope(server.requests().last().expect("a request")).1
}

/// The argument wins over nothing but agrees with the ARN; both win over `aws_lambda.region`, that
/// over `AWS_REGION`, that over the profile, and that over the instance metadata.
#[test]
fn the_order_of_regions() {
    let lambda = answering();
    let metadata = metadata(|_| None);
    let home = home("[default]\nregion = eu-north-1\n");
    let mut server = Server::start(|config| {
        with_keys(config)
            .env("HOME", home)
            .env("AWS_REGION", "ap-south-1")
            .env("AWS_DEFAULT_REGION", "ap-east-1")
            .env("AWS_ENDPOINT_URL_LAMBDA", lambda.url())
            .without_env("AWS_EC2_METADATA_DISABLED")
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url())
    });
    let call = |session: &mut Session, arguments: &str| {
        session.value(&format!("SELECT payload FROM aws_lambda.invoke({arguments})"));
        region(&lambda)
    };
    let arn = "'arn:aws:lambda:us-west-1:111122223333:function:f', '1'::json";

    let mut session = server.session();
    session.set("region", "eu-west-1");
    assert_eq!(
        call(&mut session, "'f', '1'::json, 'us-west-2'"),
        "us-west-2",
        "argument > setting"
    );
    assert_eq!(call(&mut session, arn), "us-west-1", "ARN > setting");
    assert_eq!(call(&mut session, &format!("{arn}, 'us-west-1'")), "us-west-1", "both agree");
    let composite = "aws_commons.create_lambda_function_arn('f', 'us-east-2'), '1'::json";
    assert_eq!(call(&mut session, composite), "us-east-2", "composite > setting");
    assert_eq!(call(&mut session, "'f', '1'::json"), "eu-west-1", "setting > AWS_REGION");

    let mut session = server.session();
    assert_eq!(
        call(&mut session, "'f', '1'::json, 'us-west-2'"),
        "us-west-2",
        "the first call's own"
    );
    assert_eq!(
        call(&mut session, "'f', '1'::json"),
        "ap-south-1",
        "AWS_REGION > profile; not the first call's"
    );
    assert_eq!(metadata.connections(), 0, "nobody asked the instance metadata");

    server.restart_with(|config| config.without_env("AWS_REGION"));
    assert_eq!(
        call(&mut server.session(), "'f', '1'::json"),
        "ap-east-1",
        "AWS_DEFAULT_REGION > profile"
    );

    server.restart_with(|config| config.without_env("AWS_DEFAULT_REGION"));
    assert_eq!(
        call(&mut server.session(), "'f', '1'::json"),
        "eu-north-1",
        "profile > instance metadata"
    );
    assert_eq!(metadata.connections(), 0, "nobody asked the instance metadata");

    server.restart_with(|config| config.env("HOME", "/nonexistent"));
    let mut session = server.session();
    assert_eq!(call(&mut session, "'f', '1'::json, 'us-west-2'"), "us-west-2");
    assert_eq!(metadata.connections(), 0, "a call that names a region needs no other");
    assert_eq!(call(&mut session, "'f', '1'::json"), "sa-east-1", "instance metadata");
    let asked = metadata.requests().len();
    assert_eq!(call(&mut session, "'f', '1'::json"), "sa-east-1");
    assert_eq!(metadata.requests().len(), asked, "asked once");
}

/// The region of `AWS_PROFILE`'s profile.
#[test]
fn a_named_profiles_region() {
    let lambda = answering();
    let home = home("[default]\nregion = eu-north-1\n[profile other]\nregion = eu-south-1\n");
    let server = Server::start(|config| {
        with_keys(config)
            .env("HOME", home)
            .env("AWS_PROFILE", "other")
            .env("AWS_ENDPOINT_URL_LAMBDA", lambda.url())
    });
    server.session().value(CALL);
    assert_eq!(region(&lambda), "eu-south-1");
}

/// Without a region anywhere the error says where one can be set; a region that is none is named.
#[test]
fn no_region_and_no_such_region() {
    let lambda = answering();
    let mut server =
        Server::start(|config| with_keys(config).env("AWS_ENDPOINT_URL_LAMBDA", lambda.url()));
    let failure = server.session().failure(CALL);
    failure.assert_api("No AWS Region is configured");
    assert!(
        failure.hint.contains("aws_lambda.region") && failure.hint.contains("AWS_REGION"),
        "{}",
        failure.hint
    );

    server.restart_with(|config| config.env("AWS_REGION", "evil.example/#"));
    server
        .session()
        .failure(CALL)
        .assert_api("The configured AWS Region 'evil.example/#' is not a Region");
    assert_eq!(lambda.connections(), 0);
}

/// `endpoint_override` wins over `AWS_ENDPOINT_URL_LAMBDA`, that over `AWS_ENDPOINT_URL`, that over
/// the profile's services section, and that over the profile's `endpoint_url`.
#[test]
fn the_order_of_endpoints() {
    let servers: Vec<RawServer> = (0..5).map(|_| answering()).collect();
    let url = |number: usize| servers[number].url();
    let home = home(&format!(
        "[default]\nservices = here\nendpoint_url = {}\n[services here]\nlambda =\n  endpoint_url = {}\n",
        url(4),
        url(3)
    ));
    let mut server = Server::start(|config| {
        with_keys(config)
            .env("HOME", home)
            .env("AWS_REGION", NOWHERE)
            .env("AWS_ENDPOINT_URL_LAMBDA", url(1))
            .env("AWS_ENDPOINT_URL", url(2))
    });
    let counts = || servers.iter().map(|server| server.requests().len()).collect::<Vec<_>>();

    let mut session = server.session();
    session.set("endpoint_override", &url(0));
    session.value(CALL);
    assert_eq!(counts(), [1, 0, 0, 0, 0], "the setting");
    session.set("endpoint_override", "");
    session.value(CALL);
    assert_eq!(counts(), [1, 1, 0, 0, 0], "AWS_ENDPOINT_URL_LAMBDA");

    server.restart_with(|config| config.without_env("AWS_ENDPOINT_URL_LAMBDA"));
    server.session().value(CALL);
    assert_eq!(counts(), [1, 1, 1, 0, 0], "AWS_ENDPOINT_URL");

    server.restart_with(|config| config.without_env("AWS_ENDPOINT_URL"));
    server.session().value(CALL);
    assert_eq!(counts(), [1, 1, 1, 1, 0], "the services section");

    let plain = self::home(&format!("[default]\nendpoint_url = {}\n", url(4)));
    server.restart_with(|config| config.env("HOME", plain));
    server.session().value(CALL);
    assert_eq!(counts(), [1, 1, 1, 1, 1], "the profile's endpoint_url");

    server.restart_with(|config| config.env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"));
    let mut session = server.session();
    assert_goes_to(&mut session, &format!("https://lambda.{NOWHERE}.amazonaws.com: "));
    session.set("endpoint_override", &url(0));
    session.value(CALL);
    assert_eq!(counts(), [2, 1, 1, 1, 1], "the setting is ours, and stays");
}

/// A call that cannot connect, to this endpoint.
#[track_caller]
fn assert_goes_to(session: &mut Session, endpoint: &str) {
    session.set("max_attempts", "1");
    let failure = session.failure(CALL);
    failure.assert_api("Unable to connect to endpoint");
    assert!(failure.hint.starts_with(endpoint), "{endpoint}: {}", failure.hint);
    assert!(failure.hint.contains("The function did not run."), "{}", failure.hint);
}

/// `AWS_USE_FIPS_ENDPOINT` and `AWS_USE_DUALSTACK_ENDPOINT`, by environment or profile, choose
/// among the region's own endpoints.
#[test]
fn fips_and_dual_stack() {
    let variants = |config: ClusterConfig, fips: &str, dual: &str| {
        config.env("AWS_USE_FIPS_ENDPOINT", fips).env("AWS_USE_DUALSTACK_ENDPOINT", dual)
    };
    let mut server = Server::start(|config| {
        variants(with_keys(config).env("AWS_REGION", NOWHERE), "true", "true")
    });
    assert_goes_to(&mut server.session(), &format!("https://lambda-fips.{NOWHERE}.api.aws: "));
    server.restart_with(|config| variants(config, "true", "false"));
    assert_goes_to(
        &mut server.session(),
        &format!("https://lambda-fips.{NOWHERE}.amazonaws.com: "),
    );
    let home = home("[default]\nuse_dualstack_endpoint = true\n");
    server.restart_with(|config| {
        config
            .without_env("AWS_USE_FIPS_ENDPOINT")
            .without_env("AWS_USE_DUALSTACK_ENDPOINT")
            .env("HOME", home)
            .env("AWS_REGION", "cn-nowhere-1")
    });
    let host = "https://lambda.cn-nowhere-1.api.amazonwebservices.com.cn: ";
    assert_goes_to(&mut server.session(), host);
}

/// A configured endpoint that is none is refused by its rule, without repeating what may hold a
/// password.
#[test]
fn an_endpoint_that_is_none() {
    let server = Server::start(|config| {
        with_keys(config)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL", "http://user:pass-word@127.0.0.1:1")
    });
    let failure = server.session().failure(CALL);
    failure.assert_api(
        "The endpoint in AWS_ENDPOINT_URL is wrong: it must not carry a user name or password",
    );
    assert!(!format!("{failure:?}").contains("pass-word"));
}
