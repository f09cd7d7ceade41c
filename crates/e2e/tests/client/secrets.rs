//! No secret is shown anywhere: not in an error, not in the log, not in a view, not to `ps`.
//!
//! The scripted service does its worst: its answers repeat the request that it got, headers and
//! all, as services do that refuse a signature, and as proxies may.

use std::fs;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use e2e::{ClusterConfig, RawConnection, RawRequest, RawServer, wait_for};
use serde_json::json;

use crate::support::{Server, Session, folder, serving, write};

/// Every error that a call can have, each as a call of a function whose name says what happens.
const CALLS: &[&str] = &[
    "'fine', '{}'::json",
    "'fine', '{}'::jsonb, log_type => 'Tail', context => '{\"k\": 1}', qualifier => '7'",
    "'raises', '{}'::json",
    "'refuses', '{}'::json",
    "'refuses-at-length', '{}'::json",
    "'refuses-in-html', '{}'::json",
    "'not-json', '{}'::json",
    "'hangs-up', '{}'::json",
    "'hangs-up-midway', '{}'::json",
    "'redirects', '{}'::json",
    "'throttles', '{}'::json",
    "'expires', '{}'::json",
    "'fine', '{}'::json, 'no-region'",
    "'no name', '{}'::json",
    "NULL, '{}'::json",
];

/// Credentials that nothing else contains.
struct Secrets {
    secret_key: String,
    token: String,
}

impl Secrets {
    fn new() -> Self {
        let number = std::process::id();
        Self {
            secret_key: format!("Hush{number}/aSecretKeyOf+FortyCharactersOrSo"),
            token: format!("Psst{number}//aToken+{}==", "abcdefghij".repeat(20)),
        }
    }

    fn in_environment(&self, config: ClusterConfig) -> ClusterConfig {
        config
            .env("AWS_ACCESS_KEY_ID", "ASIASECRETS")
            .env("AWS_SECRET_ACCESS_KEY", &self.secret_key)
            .env("AWS_SESSION_TOKEN", &self.token)
    }

    /// That none of them, and no signature of a request to `service`, is in `text`. Half of one is
    /// too much.
    #[track_caller]
    fn assert_absent(&self, place: &str, text: &str, service: &RawServer) {
        let mut secrets = vec![self.secret_key[..20].to_owned(), self.token[..20].to_owned()];
        for request in service.requests() {
            let authorization = request.header("authorization").unwrap();
            let signature = authorization.split("Signature=").nth(1).unwrap();
            assert_eq!(signature.len(), 64, "{authorization}");
            secrets.push(signature[..32].to_owned());
        }
        for secret in secrets {
            let found = text.lines().find(|line| line.contains(&secret));
            assert!(found.is_none(), "{place} shows {secret}: {}", found.unwrap_or_default());
        }
    }
}

/// The service of [`CALLS`]; `hold` keeps the call of `waits` until it hears.
fn service(hold: Receiver<()>) -> RawServer {
    let hold = Mutex::new(hold);
    serving(move |request, connection| answer(request, connection, &hold))
}

fn answer(
    request: &RawRequest,
    connection: &mut RawConnection,
    hold: &Mutex<Receiver<()>>,
) -> std::io::Result<()> {
    let echo = String::from_utf8_lossy(&request.head).into_owned();
    let line = request.request_line();
    let function = line.split('/').nth(3).unwrap_or_default();
    let code = |code: &str| format!("x-amzn-errortype: {code}");
    match function {
        "raises" => {
            let body = json!({"errorMessage": echo}).to_string();
            connection.respond(200, &["x-amz-function-error: Unhandled"], body.as_bytes())
        }
        "refuses" => {
            let words = format!("The Canonical String for this request should have been '{echo}'");
            connection.respond(
                403,
                &[&code("InvalidSignatureException")],
                json!({"message": words}).to_string().as_bytes(),
            )
        }
        // The message is cut in the middle of the token.
        "refuses-at-length" => {
            let start = echo.find("x-amz-security-token: ").unwrap() + 40;
            let words = format!("{}{}", "x".repeat(4096 + 40 - start - 10), echo);
            connection.respond(
                403,
                &[&code("InvalidSignatureException")],
                json!({"message": words}).to_string().as_bytes(),
            )
        }
        "refuses-in-html" => {
            connection.respond(502, &[], &echo.as_bytes()[echo.find("x-amz-security").unwrap()..])
        }
        "not-json" => {
            connection.respond(200, &[], &echo.as_bytes()[echo.find("x-amz-security").unwrap()..])
        }
        "hangs-up" => connection.stream().shutdown(std::net::Shutdown::Both),
        "hangs-up-midway" => {
            connection.write(format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{echo}"))?;
            connection.stream().shutdown(std::net::Shutdown::Both)
        }
        "redirects" => connection.respond(307, &["location: http://127.0.0.1:1/"], b""),
        "throttles" => {
            let body = json!({"message": echo}).to_string();
            connection.respond(429, &[&code("TooManyRequestsException")], body.as_bytes())
        }
        "expires" => {
            let body = json!({"Message": echo}).to_string();
            connection.respond(403, &[&code("ExpiredTokenException")], body.as_bytes())
        }
        "waits" => {
            // An error means that the test is over.
            let _ = hold.lock().unwrap().recv();
            connection.respond(200, &[], b"null")
        }
        _ => connection.respond(200, &["x-amz-executed-version: $LATEST"], b"null"),
    }
}

/// A server with the secrets in its environment that logs all it can.
///
/// Only once it runs: at DEBUG3 and below PostgreSQL itself logs its whole environment when it
/// starts, secrets included.
fn talkative(change: impl FnOnce(ClusterConfig) -> ClusterConfig) -> Server {
    let mut server = Server::start(|config| {
        change(config).env("AWS_REGION", "us-east-1").setting("aws_lambda.max_attempts", "2")
    });
    let levels = [
        ("log_min_messages", "debug5"),
        ("log_min_error_statement", "debug5"),
        ("log_statement", "all"),
        ("log_error_verbosity", "verbose"),
        ("log_duration", "on"),
    ];
    let set = |config| {
        levels
            .iter()
            .fold(config, |config: ClusterConfig, (name, value)| config.setting(name, *value))
    };
    server.cluster.reconfigure(set).unwrap();
    server.cluster.reload().unwrap();
    wait_for("the settings", || {
        (server.session().value("SHOW log_min_messages") == "debug5").then_some(())
    });
    server
}

/// Calls of every outcome leave no secret in what `psql` prints, with everything that it can be
/// made to print, nor in the server's log at its most talkative.
#[test]
fn errors_and_the_log_show_no_secret() {
    let secrets = Secrets::new();
    let (_release, hold) = channel();
    let service = service(hold);
    let server = talkative(|config| {
        secrets.in_environment(config).env("AWS_ENDPOINT_URL_LAMBDA", service.url())
    });
    let mut script = "SET client_min_messages = debug5; SHOW ALL;\n".to_owned();
    for call in CALLS {
        script.push_str(&format!("SELECT * FROM aws_lambda.invoke({call});\n\\errverbose\n"));
    }
    script.push_str("SET aws_lambda.request_timeout_ms = 200; SELECT * FROM aws_lambda.invoke('waits', '{}'::json);\n");
    script.push_str("SET aws_lambda.endpoint_override = 'http://127.0.0.1:1'; SELECT * FROM aws_lambda.invoke('f', '{}'::json);\n");
    let psql = server.cluster.psql().database(&server.database).variable("VERBOSITY", "verbose");
    let output = psql.run(&script).unwrap();

    for said in
        ["(hidden)", "Request timed out after 200 ms", "Unable to connect", "not JSON", "DEBUG:"]
    {
        assert!(output.stderr.contains(said), "no {said}: {}", output.stderr);
    }
    let expected = CALLS.len() - 3 + 1;
    assert!(service.requests().len() >= expected, "{}", service.requests().len());
    assert!(
        service.requests().iter().all(|request| request.header("x-amz-security-token").is_some())
    );
    secrets.assert_absent("psql", &format!("{}{}", output.stdout, output.stderr), &service);

    let log = server.cluster.log_text().unwrap();
    assert!(log.contains("invoke API failed") && log.contains("DEBUG:"), "{log}");
    secrets.assert_absent("the log", &log, &service);
}

/// While a call waits, neither views nor the process's titles show a secret, and an ordinary role
/// finds none in any setting.
#[test]
fn views_and_process_titles_show_no_secret() {
    let secrets = Secrets::new();
    let (release, hold): (Sender<()>, _) = channel();
    let service = Arc::new(service(hold));
    let server = talkative(|config| {
        secrets.in_environment(config).env("AWS_ENDPOINT_URL_LAMBDA", service.url())
    });
    server.cluster.query(&server.database, "CREATE ROLE ordinary LOGIN;").unwrap();

    let mut caller = server.session();
    let pid = caller.value("SELECT pg_backend_pid()");
    let waiting = std::thread::spawn(move || {
        caller.value("SELECT payload FROM aws_lambda.invoke('waits', '{}'::json)")
    });
    wait_for("the request", || (service.requests().len() == 1).then_some(()));

    for role in ["postgres", "ordinary"] {
        let mut session =
            Session::open(&server.cluster.connection_string_as(role, &server.database));
        for view in ["pg_stat_activity", "pg_settings", "pg_stat_database", "pg_locks"] {
            let rows = session
                .value(&format!("SELECT string_agg(to_json(v)::text, E'\\n') FROM {view} v"));
            assert!(!rows.is_empty(), "{view}: {rows}");
            secrets.assert_absent(view, &rows, &service);
        }
    }
    let mut titles = String::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        titles.push_str(&fs::read_to_string(entry.path().join("comm")).unwrap_or_default());
    }
    titles.push_str(&fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default());
    assert!(titles.contains("SELECT") || !cfg!(target_os = "linux"), "{titles}");
    secrets.assert_absent("ps", &titles, &service);

    release.send(()).unwrap();
    assert_eq!(waiting.join().unwrap(), "null");
}

/// Sources that are broken in the middle of a secret: the error tells the source, not the secret.
#[test]
fn broken_sources_show_no_secret() {
    let secrets = Secrets::new();
    let (_release, hold) = channel();
    let service = service(hold);
    let half = json!({"Code": "Success", "AccessKeyId": 5, "SecretAccessKey": secrets.secret_key, "Token": secrets.token});
    let half = half.to_string();
    let cut = half[..half.len() - 30].to_owned();
    let agent_says = cut.clone();
    let agent = serving(move |_, connection| connection.respond(200, &[], agent_says.as_bytes()));

    let folder = folder();
    let keys = format!(
        "aws_secret_access_key {}\naws_session_token={}\n",
        secrets.secret_key, secrets.token
    );
    let process =
        write(&folder, "give", &format!("#!/bin/sh\necho '{cut}'; echo '{cut}' >&2; exit 0\n"));
    let fails = write(&folder, "fail", &format!("#!/bin/sh\necho '{half}'; exit 3\n"));
    let home = |name: &str, config: &str| {
        write(&folder.join(name), ".aws/config", config);
        folder.join(name).to_string_lossy().into_owned()
    };
    let variants: [(&str, String); 5] = [
        ("HOME", home("a", &format!("[default]\n{keys}"))),
        ("HOME", home("b", &format!("[default\n{keys}"))),
        (
            "HOME",
            home(
                "c",
                &format!("[default]\ncredential_process = {process} --token {}\n", secrets.token),
            ),
        ),
        (
            "HOME",
            home(
                "d",
                &format!("[default]\ncredential_process = {fails} --token {}\n", secrets.token),
            ),
        ),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.url()),
    ];
    let mut server = talkative(|config| config.env("AWS_ENDPOINT_URL_LAMBDA", service.url()));
    for (variable, value) in variants {
        server.restart_with(|config| config.without_env("HOME").env(variable, &value));
        let failure = server.session().failure("SELECT aws_lambda.invoke('f', '{}'::json)");
        assert_eq!(failure.message, "invoke API failed", "{failure:?}");
        assert!(failure.detail.contains("redentials"), "{failure:?}");
        secrets.assert_absent(&value, &format!("{failure:#?}"), &service);
    }
    secrets.assert_absent("the log", &server.cluster.log_text().unwrap(), &service);
    assert_eq!(service.connections(), 0);
}
