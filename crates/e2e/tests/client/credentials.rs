//! Where credentials come from: each source by its own file or protocol.

use std::path::Path;

use e2e::{ClusterConfig, RawRequest, RawServer};

use crate::support::{CALL, Server, answering, folder, only_request, scope, serving, write};

/// Far enough from now that nothing is refreshed.
const FAR: &str = "2099-01-01T00:00:00Z";

/// Makes a call on a cluster with this environment, and gives the access key and the token that
/// the request was signed with.
fn signed_with(change: impl FnOnce(ClusterConfig) -> ClusterConfig) -> (String, Option<String>) {
    let server = answering();
    let cluster = Server::start(|config| {
        change(config.env("AWS_REGION", "us-east-1").env("AWS_ENDPOINT_URL_LAMBDA", server.url()))
    });
    let mut session = cluster.session();
    session.value(CALL);
    let request = only_request(&server);
    (scope(&request).0, request.header("x-amz-security-token"))
}

fn pair(key: &str, token: Option<&str>) -> (String, Option<String>) {
    (key.to_owned(), token.map(str::to_owned))
}

/// A home folder with `.aws/config` and `.aws/credentials`.
fn home(config: &str, credentials: &str) -> String {
    let home = folder();
    write(&home, ".aws/config", config);
    write(&home, ".aws/credentials", credentials);
    home.to_string_lossy().into_owned()
}

/// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, and no token that nobody gave.
#[test]
fn the_environment() {
    let keys = signed_with(|config| {
        config.env("AWS_ACCESS_KEY_ID", "AKIDENV").env("AWS_SECRET_ACCESS_KEY", "s")
    });
    assert_eq!(keys, pair("AKIDENV", None));
}

/// `AWS_SESSION_TOKEN` beside them; the environment wins over the profile.
#[test]
fn the_environments_token_wins_over_a_profile() {
    let home = home("", "[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = s\n");
    let keys = signed_with(|config| {
        config
            .env("HOME", home)
            .env("AWS_ACCESS_KEY_ID", "ASIAENV")
            .env("AWS_SECRET_ACCESS_KEY", "s")
            .env("AWS_SESSION_TOKEN", "token/of+env==")
    });
    assert_eq!(keys, pair("ASIAENV", Some("token/of+env==")));
}

/// `~/.aws/credentials`, the default profile and the one of `AWS_PROFILE`.
#[test]
fn the_shared_credentials_file() {
    let home = home(
        "",
        "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = s\n\
         [other]\naws_access_key_id = ASIAOTHER\naws_secret_access_key = s\naws_session_token = t\n",
    );
    assert_eq!(signed_with(|config| config.env("HOME", &home)), pair("AKIDDEFAULT", None));
    let keys = signed_with(|config| config.env("HOME", &home).env("AWS_PROFILE", "other"));
    assert_eq!(keys, pair("ASIAOTHER", Some("t")));
}

/// Files elsewhere, by `AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE`.
#[test]
fn files_elsewhere() {
    let folder = folder();
    let credentials =
        write(&folder, "keys", "[p]\naws_access_key_id=AKIDKEYS\naws_secret_access_key=s\n");
    let config_file = write(&folder, "config", "[profile p]\n");
    let keys = signed_with(|config| {
        config
            .env("AWS_SHARED_CREDENTIALS_FILE", credentials)
            .env("AWS_CONFIG_FILE", config_file)
            .env("AWS_PROFILE", "p")
    });
    assert_eq!(keys, pair("AKIDKEYS", None));
}

/// `credential_process` of a profile: a program that prints them.
#[test]
fn a_process() {
    let folder = folder();
    let answer = format!(
        r#"{{"Version":1,"AccessKeyId":"ASIAPROC","SecretAccessKey":"s","SessionToken":"tp","Expiration":"{FAR}"}}"#
    );
    let script = write(&folder, "give", &format!("#!/bin/sh\necho '{answer}'\n"));
    let home = home(&format!("[default]\ncredential_process = {script}\n"), "");
    assert_eq!(signed_with(|config| config.env("HOME", home)), pair("ASIAPROC", Some("tp")));
}

fn sts(action: &'static str) -> RawServer {
    serving(move |request, connection| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        if !body.contains(&format!("Action={action}&")) {
            return connection.respond(400, &[], b"");
        }
        let xml = format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
             <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn><AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>\
             <Credentials><AccessKeyId>ASIASTS</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
             <SessionToken>ts</SessionToken><Expiration>{FAR}</Expiration></Credentials>\
             </{action}Result></{action}Response>"
        );
        connection.respond(200, &["content-type: text/xml"], xml.as_bytes())
    })
}

/// Web identity, as Kubernetes gives it: a token file that STS exchanges.
#[test]
fn a_web_identity() {
    let sts = sts("AssumeRoleWithWebIdentity");
    let token = write(&folder(), "token", "the.web.token");
    let keys = signed_with(|config| {
        config
            .env("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/r")
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", token)
            .env("AWS_ENDPOINT_URL_STS", sts.url())
    });
    assert_eq!(keys, pair("ASIASTS", Some("ts")));
    let asked = String::from_utf8(only_request(&sts).body).unwrap();
    assert!(asked.contains("WebIdentityToken=the.web.token"), "{asked}");
}

/// A profile's `role_arn`, assumed with the keys of its `source_profile`.
#[test]
fn an_assumed_role() {
    let sts = sts("AssumeRole");
    let home = home(
        "[default]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = base\n",
        "[base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = s\n",
    );
    let keys =
        signed_with(|config| config.env("HOME", home).env("AWS_ENDPOINT_URL_STS", sts.url()));
    assert_eq!(keys, pair("ASIASTS", Some("ts")));
    let authorization = only_request(&sts).header("authorization").unwrap();
    assert!(authorization.contains("Credential=AKIDBASE/"), "{authorization}");
}

/// The container endpoint of ECS and EKS, with its token file.
#[test]
fn a_container_endpoint() {
    let agent = serving(|request, connection| {
        if request.header("authorization").as_deref() != Some("Bearer of-the-pod") {
            return connection.respond(401, &[], b"{}");
        }
        connection.respond(
            200,
            &["content-type: application/json"],
            json_keys("ASIAECS", FAR).as_bytes(),
        )
    });
    let token = write(&folder(), "token", "Bearer of-the-pod");
    let keys = signed_with(|config| {
        config
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", agent.url()))
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token)
    });
    assert_eq!(keys, pair("ASIAECS", Some("t-ASIAECS")));
    assert_eq!(only_request(&agent).request_line(), "GET /v1/credentials HTTP/1.1");
}

/// SSO: the token that `aws sso login` left in the cache is exchanged at the portal.
#[test]
fn single_sign_on() {
    let portal = serving(|request, connection| {
        if request.header("x-amz-sso_bearer_token").as_deref() != Some("portal-token") {
            return connection.respond(401, &[], b"{}");
        }
        let keys = r#"{"roleCredentials":{"accessKeyId":"ASIASSO","secretAccessKey":"s","sessionToken":"tq","expiration":4070908800000}}"#;
        connection.respond(200, &["content-type: application/json"], keys.as_bytes())
    });
    let home = home(
        "[default]\nsso_session = test-session\nsso_account_id = 111122223333\nsso_role_name = r\n\
         [sso-session test-session]\nsso_region = us-east-1\nsso_start_url = https://example.invalid/start\n",
        "",
    );
    let token = format!(
        r#"{{"accessToken":"portal-token","expiresAt":"{FAR}","region":"us-east-1","startUrl":"https://example.invalid/start"}}"#
    );
    // The file's name is the SHA-1 of the session's.
    let name = ".aws/sso/cache/70780fa17c57df49aa7c7f603fde6ea7a14148f2.json";
    write(Path::new(&home), name, &token);
    let keys =
        signed_with(|config| config.env("HOME", home).env("AWS_ENDPOINT_URL_SSO", portal.url()));
    assert_eq!(keys, pair("ASIASSO", Some("tq")));
    let line = only_request(&portal).request_line();
    assert!(line.contains("role_name=r") && line.contains("account_id=111122223333"), "{line}");
}

/// Credentials as metadata services write them.
pub fn json_keys(key: &str, expiration: &str) -> String {
    format!(
        r#"{{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"{key}","SecretAccessKey":"s-{key}","Token":"t-{key}","Expiration":"{expiration}"}}"#
    )
}

/// Instance metadata, version 2 only: every question needs the token. `keys` answers the n-th
/// question for credentials.
pub fn metadata(keys: impl Fn(usize) -> Option<String> + Send + Sync + 'static) -> RawServer {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    serving(move |request, connection| {
        let line = request.request_line();
        if line.starts_with("PUT /latest/api/token ") {
            let ttl = request.header("x-aws-ec2-metadata-token-ttl-seconds").unwrap_or_default();
            let header = format!("x-aws-ec2-metadata-token-ttl-seconds: {ttl}");
            return connection.respond(200, &[&header], b"metadata-token");
        }
        if request.header("x-aws-ec2-metadata-token").as_deref() != Some("metadata-token") {
            return connection.respond(401, &[], b"");
        }
        match line.split(' ').nth(1).unwrap_or_default() {
            "/latest/meta-data/iam/security-credentials/" => {
                connection.respond(200, &[], b"db-role")
            }
            "/latest/meta-data/iam/security-credentials/db-role" => {
                match keys(asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst)) {
                    Some(keys) => connection.respond(200, &[], keys.as_bytes()),
                    None => connection.respond(500, &[], b""),
                }
            }
            "/latest/meta-data/placement/region" => connection.respond(200, &[], b"sa-east-1"),
            _ => connection.respond(404, &[], b""),
        }
    })
}

/// How often instance metadata was asked for credentials.
pub fn times_asked(metadata: &RawServer) -> usize {
    let is_question =
        |request: &RawRequest| request.request_line().contains("/security-credentials/db-role ");
    metadata.requests().iter().filter(|request| is_question(request)).count()
}

/// The role of an EC2 instance, by the second version of the metadata service.
#[test]
fn instance_metadata() {
    let metadata = metadata(|_| Some(json_keys("ASIAEC2", FAR)));
    let keys = signed_with(|config| {
        config
            .without_env("AWS_EC2_METADATA_DISABLED")
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url())
    });
    assert_eq!(keys, pair("ASIAEC2", Some("t-ASIAEC2")));
    assert_eq!(times_asked(&metadata), 1);
}
