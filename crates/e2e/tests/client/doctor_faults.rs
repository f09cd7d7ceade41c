//! `sqlambda doctor`: each fault made for real, found by the check that is for it, with what to
//! change; what depends on it is skipped, and no secret is shown.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use e2e::{RawConnection, RawServer};
use httpdate::fmt_http_date;

use crate::credentials::json_keys;
use crate::doctor::Doctor;
use crate::proxies::refused;
use crate::support::{PLAYGROUND, answering, folder, serving, write};
use crate::tls_server::{Authority, TlsServer};

/// The secret of every run; [`Doctor::output`] looks for it.
pub const HIDDEN: &str = "a-secret-that-nobody-may-see";

/// All checks that need a connection.
const WAY: [&str; 5] = ["dns", "tcp", "tls", "clock", "dry-run"];

/// Nobody names a region: what needs none goes on.
#[test]
fn no_region() {
    let told = Doctor::local().without_env("AWS_REGION").arg("--function=simple").run();
    let words = ["No AWS Region is configured", "set AWS_REGION"];
    told.assert_only_failure("region", &words, &["dry-run"]);
    let told =
        Doctor::new().env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", HIDDEN).run();
    let skipped = ["endpoint", "proxy", "dns", "tcp", "tls", "clock", "dry-run"];
    told.assert_only_failure("region", &words, &skipped);
}

#[test]
fn a_bad_region() {
    let told = Doctor::local().env("AWS_REGION", "us-east").arg("--function=simple").run();
    let words = ["'us-east' is not a Region", "Correct AWS_REGION"];
    told.assert_only_failure("region", &words, &["dry-run"]);
}

#[test]
fn no_credentials() {
    let told = Doctor::local().without_env("AWS_ACCESS_KEY_ID").arg("--function=simple").run();
    let words = ["No AWS credentials found", "an instance profile", "IRSA", "hop limit of 2"];
    told.assert_only_failure("credentials", &words, &["dry-run"]);
}

/// A source that fails is named, and its own secrets are not.
#[test]
fn a_broken_source_of_credentials() {
    let home = folder();
    let process = format!("[default]\ncredential_process = /nonexistent/give --secret {HIDDEN}\n");
    write(&home, ".aws/config", &process);
    let told = Doctor::local()
        .without_env("AWS_ACCESS_KEY_ID")
        .env("HOME", &home)
        .arg("--function=simple")
        .run();
    told.assert_only_failure("credentials", &["could not be loaded"], &["dry-run"]);
}

/// A process that gives credentials whose time is over, and one whose are about to end.
#[test]
fn credentials_that_end() {
    let home = folder();
    let give = |end: SystemTime| {
        let keys = format!(
            r#"{{"Version": 1, "AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "SecretAccessKey": "{HIDDEN}",
                "SessionToken": "{HIDDEN}-too", "Expiration": "{}"}}"#,
            timestamp(end)
        );
        let file = write(&home, "keys.json", &keys);
        write(&home, ".aws/config", &format!("[default]\ncredential_process = cat {file}\n"));
        Doctor::local()
            .without_env("AWS_ACCESS_KEY_ID")
            .env("HOME", &home)
            .arg("--function=simple")
            .run()
    };
    let hour = Duration::from_secs(3600);
    let told = give(SystemTime::now() - 2 * hour);
    let words = ["ASIA************MPLE", "credential_process", "they ended 2 h 0 min ago", "Renew"];
    told.assert_only_failure("credentials", &words, &["dry-run"]);
    let told = give(SystemTime::now() + hour / 12);
    told.assert("credentials", "warning", &["they end in 4 min"]);
    let told = give(SystemTime::now() + 3 * hour);
    told.assert("credentials", "ok", &["they end in 2 h 59 min"]);
}

/// The container's endpoint of ECS and EKS, and keys of a session in the environment, which nobody
/// renews.
#[test]
fn temporary_credentials() {
    let container = serving(|_, connection| {
        let end = timestamp(SystemTime::now() + Duration::from_secs(7200));
        let keys = json_keys("ASIAIOSFODNN7EXAMPLE", &end);
        connection.respond(200, &["content-type: application/json"], keys.as_bytes())
    });
    let told = Doctor::local()
        .without_env("AWS_ACCESS_KEY_ID")
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url())
        .run();
    told.assert("credentials", "ok", &["container credentials endpoint", "they end in 1 h 59 min"]);
    let told = Doctor::local().env("AWS_SESSION_TOKEN", HIDDEN).run();
    told.assert("credentials", "warning", &["temporary", "Nobody renews them"]);
}

/// A key that the local service does not know, and a secret that is not the key's.
#[test]
fn a_wrong_key_and_a_wrong_secret() {
    let key = "AKIAIOSFODNN7EXAMPLE";
    let told = Doctor::local().env("AWS_ACCESS_KEY_ID", key).arg("--function=simple").run();
    let words =
        ["UnrecognizedClientException", "does not know the access key AKIA************MPLE"];
    told.assert_only_failure("dry-run", &words, &[]);
    let told = Doctor::local().env("AWS_SECRET_ACCESS_KEY", HIDDEN).arg("--function=simple").run();
    let words = ["InvalidSignatureException", "The secret access key does not belong"];
    told.assert_only_failure("dry-run", &words, &[]);
}

#[test]
fn a_name_without_an_address() {
    let told = Doctor::to("https://lambda.sqlambda.invalid").arg("--function=f").run();
    let words = ["lambda.sqlambda.invalid", "private DNS", "/etc/resolv.conf"];
    told.assert_only_failure("dns", &words, &WAY[1..]);
}

#[test]
fn a_port_that_refuses() {
    let told = Doctor::to(&refused()).arg("--function=f").run();
    let words = ["Connection refused", "outbound rule for TCP on port 443", "NAT gateway"];
    told.assert_only_failure("tcp", &words, &WAY[2..]);
}

/// A peer that accepts and says nothing: in TLS, and in plain HTTP.
#[test]
fn a_black_hole() {
    let hole = RawServer::start(|connection| {
        let mut sink = [0; 1024];
        while connection.stream().read(&mut sink)? > 0 {}
        Ok(())
    })
    .unwrap();
    let url = hole.url();
    let told = Doctor::to(&url).arg("--timeout=0.5").arg("--function=f").run();
    told.assert_only_failure("clock", &["no answer within 0.5 s"], &WAY[4..]);
    let url = url.replace("http://", "https://");
    let told = Doctor::to(&url).arg("--timeout=0.5").arg("--function=f").run();
    told.assert_only_failure("tls", &["no answer within 0.5 s", "firewall"], &WAY[3..]);
}

/// An authority that nobody named, a certificate whose time is over, one for another host, a bundle
/// that cannot be read, and a server that speaks no TLS.
#[test]
fn tls_that_is_refused() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let files = folder();
    let bundle = write(&files, "ca.pem", &ours.pem());
    let broken = write(&files, "broken.pem", "nothing");
    let cases = [
        (
            &theirs,
            "localhost",
            2090,
            &bundle,
            &["who is not among AWS_CA_BUNDLE", "CN=test authority"][..],
        ),
        (&ours, "localhost", 2021, &bundle, &["expired", "ended on", "2021"]),
        (&ours, "other.example", 2090, &bundle, &["is for other.example, and not for localhost"]),
        (&ours, "localhost", 2090, &broken, &["holds no PEM certificate", "correct AWS_CA_BUNDLE"]),
    ];
    for (authority, name, until, bundle, words) in cases {
        let lambda = TlsServer::start(authority.server_config(name, until), false);
        let told = Doctor::to(&lambda.url("localhost"))
            .env("AWS_CA_BUNDLE", bundle)
            .arg("--function=f")
            .run();
        told.assert_only_failure("tls", words, &WAY[3..]);
        assert_eq!(lambda.requests(), 0, "nothing was sent");
    }
    let plain = PLAYGROUND.service().endpoint().replace("http://", "https://");
    let told = Doctor::to(&plain).env("AWS_CA_BUNDLE", &bundle).arg("--function=f").run();
    told.assert_only_failure("tls", &["does not speak TLS", "http://"], &WAY[3..]);
}

/// The real service, whose clock is made to seem wrong on the way.
#[test]
fn a_clock_that_is_off() {
    let at = |seconds: i64| {
        let relay = RawServer::start(move |connection| relay(connection, seconds)).unwrap();
        Doctor::local().env("AWS_ENDPOINT_URL_LAMBDA", relay.url()).arg("--function=simple").run()
    };
    let words = ["10 min ahead of the service's", "within 5 minutes", "chrony"];
    at(-630).assert_only_failure("clock", &words, &[]);
    at(630).assert_only_failure("clock", &["10 min behind", "Amazon Time Sync Service"], &[]);
    at(-150).assert("clock", "warning", &["2 min ahead"]);
    at(0).assert("clock", "ok", &[]);
}

/// What the service says of a clock that is off, in AWS's words.
#[test]
fn a_signature_that_is_too_old() {
    let told = refusing(
        403,
        "InvalidSignatureException",
        "Signature expired: 20230118T161739Z is now \
         earlier than 20230118T161740Z (20230118T162240Z - 5 min.)",
    );
    told.assert_only_failure("dry-run", &["Signature expired", "NTP"], &[]);
}

#[test]
fn a_function_that_is_not_there() {
    for function in ["nobody", "simple:nobody", "arn:aws:lambda:us-east-1:000000000000:function:x"]
    {
        let told = Doctor::local().arg(format!("--function={function}")).run();
        let words = ["ResourceNotFoundException, HTTP status 404", "Correct the function's name"];
        told.assert_only_failure("dry-run", &words, &[]);
    }
}

/// A function of another account, which the local service refuses as IAM does.
#[test]
fn a_function_of_another_account() {
    let arn = "arn:aws:lambda:us-east-1:111122223333:function:simple";
    let told = Doctor::local().arg("--function").arg(arn).run();
    let words = ["AccessDeniedException", "Action lambda:InvokeFunction", arn];
    told.assert_only_failure("dry-run", &words, &[]);
}

/// What the local service cannot be made to say: it has no policies. Codes and messages are AWS's.
#[test]
fn what_iam_refuses() {
    let denied = "User: arn:aws:sts::111122223333:assumed-role/db/i-0123456789abcdef0 is not \
        authorized to perform: lambda:InvokeFunction on resource: \
        arn:aws:lambda:us-east-1:111122223333:function:f because no identity-based policy allows \
        the lambda:InvokeFunction action";
    let told = refusing(403, "AccessDeniedException", denied);
    let words = ["assumed-role/db", "Action lambda:InvokeFunction", "explicit deny"];
    told.assert_only_failure("dry-run", &words, &[]);
    let expired = "The security token included in the request is expired";
    let told = refusing(403, "ExpiredTokenException", expired);
    told.assert_only_failure("dry-run", &["expired", "Renew them at their source"], &[]);
    let told = refusing(429, "TooManyRequestsException", "Rate Exceeded.");
    assert_eq!(told.code, 0, "{told:#?}");
    told.assert("dry-run", "warning", &["Rate Exceeded.", "reserved concurrency"]);
    let told = refusing(500, "ServiceException", "Internal failure");
    told.assert_only_failure("dry-run", &["HTTP status 500", "try again"], &[]);
}

/// A service that repeats what it was sent, and tries to write to the terminal.
#[test]
fn a_hostile_answer() {
    let echo = serving(|request, connection| {
        let said = String::from_utf8_lossy(&request.head).replace("\r\n", "\\r\\n");
        let body = format!(r#"{{"message": "\u001b[2J{}"}}"#, said.replace('"', "'"));
        connection.respond(403, &["x-amzn-errortype: AccessDeniedException"], body.as_bytes())
    });
    let doctor = Doctor::to(&echo.url()).env("AWS_SESSION_TOKEN", HIDDEN).arg("--function=f");
    let lines = doctor.lines();
    assert!(lines.contains("AWS4-HMAC-SHA256"), "the request came back: {lines}");
    assert!(lines.chars().all(|c| c == '\n' || !c.is_control()), "{lines:?}");
}

/// A proxy that cannot be read: nothing goes around it.
#[test]
fn a_proxy_that_is_none() {
    let told = Doctor::to("https://lambda.sqlambda.invalid")
        .env("HTTPS_PROXY", format!("socks5://me:{HIDDEN}@localhost"))
        .arg("--function=f")
        .run();
    told.assert_only_failure("proxy", &["The proxy in HTTPS_PROXY cannot be used"], &WAY);
}

/// Requests that would travel readable to another machine are told of.
#[test]
fn plain_http_to_elsewhere() {
    let proxy = answering();
    let told = Doctor::to("http://lambda.sqlambda.invalid")
        .env("HTTP_PROXY", proxy.url().replace("127.0.0.1", "localhost"))
        .run();
    // The proxy is here; the endpoint is not.
    told.assert("tls", "warning", &["http://", "travel readable"]);
}

/// A time as JSON has it.
fn timestamp(time: SystemTime) -> String {
    let text = fmt_http_date(time);
    let [_, day, month, year, clock, _] = text.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{text}");
    };
    let month = "JanFebMarAprMayJunJulAugSepOctNovDec".find(month).unwrap() / 3 + 1;
    format!("{year}-{month:02}-{day}T{clock}Z")
}

/// A service that refuses the dry run in these words.
fn refusing(status: u16, code: &str, message: &str) -> crate::doctor::Told {
    let head = format!("x-amzn-errortype: {code}");
    let body = serde_json::json!({ "Message": message }).to_string();
    let server = serving(move |_, connection| {
        let date = format!("date: {}", fmt_http_date(SystemTime::now()));
        connection.respond(status, &[&head, &date], body.as_bytes())
    });
    Doctor::to(&server.url()).arg("--function=f").run()
}

/// Passes one request on to the local service, and its answer back with another time.
fn relay(connection: &mut RawConnection, seconds: i64) -> std::io::Result<()> {
    let mut service = TcpStream::connect(PLAYGROUND.service().address())?;
    while let Some(request) = connection.read_request()? {
        service.write_all(&[&request.head[..], &request.body].concat())?;
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        // The answers are small and have a length, or are without a body.
        while !is_complete(&answer) {
            let length = service.read(&mut chunk)?;
            if length == 0 {
                break;
            }
            answer.extend_from_slice(&chunk[..length]);
        }
        let text = String::from_utf8_lossy(&answer);
        let now = SystemTime::now();
        let off = Duration::from_secs(seconds.unsigned_abs());
        let told = fmt_http_date(if seconds < 0 { now - off } else { now + off });
        let lines: Vec<String> = text
            .split("\r\n")
            .map(|line| match line.starts_with("date: ") {
                true => format!("date: {told}"),
                false => line.to_owned(),
            })
            .collect();
        connection.write(lines.join("\r\n"))?;
    }
    Ok(())
}

fn is_complete(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
