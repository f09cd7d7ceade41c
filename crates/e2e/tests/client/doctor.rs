//! `sqlambda doctor`: what it tells when all is well, and with whose environment.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output};

use serde_json::Value;

use crate::doctor_faults::HIDDEN;
use crate::proxies::Proxy;
use crate::support::{PLAYGROUND, Server, folder, write};
use crate::tls_server::{Authority, TlsServer};

/// A run of `sqlambda doctor`, with no environment but what a test gives.
pub struct Doctor {
    command: Command,
}

/// What it told, checked for secrets.
#[derive(Debug)]
pub struct Told {
    pub code: i32,
    report: Value,
}

impl Doctor {
    /// Without instance metadata, and in an empty home.
    pub fn new() -> Self {
        let mut command = Command::new(PLAYGROUND.workspace().sqlambda());
        command
            .arg("doctor")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", PLAYGROUND.folder().join("home"))
            .env("AWS_EC2_METADATA_DISABLED", "true");
        Self { command }
    }

    /// With the account and the address of the local service.
    pub fn local() -> Self {
        Self::new()
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL_LAMBDA", PLAYGROUND.service().endpoint())
    }

    /// With keys, and an endpoint of the test's own.
    pub fn to(endpoint: &str) -> Self {
        Self::local().env("AWS_SECRET_ACCESS_KEY", HIDDEN).env("AWS_ENDPOINT_URL_LAMBDA", endpoint)
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// As lines.
    pub fn output(mut self) -> Output {
        let output = self.command.output().unwrap();
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(!said.contains(HIDDEN), "a secret is shown: {said}");
        output
    }

    /// As lines, on standard output.
    pub fn lines(self) -> String {
        String::from_utf8(self.output().stdout).unwrap()
    }

    /// As JSON.
    pub fn run(self) -> Told {
        let output = self.arg("--json").output();
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        Told { code: output.status.code().unwrap(), report }
    }
}

impl Told {
    /// The finding of a check.
    #[track_caller]
    fn finding(&self, check: &str) -> &Value {
        let checks = self.report["checks"].as_array().unwrap();
        let found = checks.iter().find(|finding| finding["check"] == check);
        found.unwrap_or_else(|| panic!("no {check} in {self:#?}"))
    }

    /// That a check has this status, and says these words in its message or in what to change.
    #[track_caller]
    pub fn assert(&self, check: &str, status: &str, words: &[&str]) -> &Self {
        let finding = self.finding(check);
        assert_eq!(finding["status"], status, "{check}: {self:#?}");
        let said = finding.to_string();
        for word in words {
            assert!(said.contains(word), "{check} does not say {word:?}: {said}");
        }
        self
    }

    /// That this check is the only one that failed, says these words and what to change, and that
    /// what depends on it was skipped with the reason.
    #[track_caller]
    pub fn assert_only_failure(&self, check: &str, words: &[&str], skipped: &[&str]) {
        self.assert(check, "failed", words);
        assert!(self.finding(check)["change"].is_string(), "{self:#?}");
        assert_eq!(self.code, 1, "{self:#?}");
        for finding in self.report["checks"].as_array().unwrap() {
            let name = finding["check"].as_str().unwrap();
            let is_skipped = skipped.contains(&name);
            match finding["status"].as_str().unwrap() {
                "failed" => assert_eq!(name, check, "{self:#?}"),
                "skipped" => assert!(is_skipped, "{self:#?}"),
                _ => assert!(!is_skipped, "{self:#?}"),
            }
        }
    }
}

/// One line for each check, in order, and no failure.
#[test]
fn all_is_well() {
    let lines = Doctor::local().arg("--function=simple").lines();
    let mut lines = lines.lines();
    assert!(lines.next().unwrap().starts_with("sqlambda doctor "), "{lines:?}");
    for check in
        ["region", "credentials", "endpoint", "proxy", "dns", "tcp", "tls", "clock", "dry-run"]
    {
        let line = lines.next().unwrap();
        assert!(line.starts_with(&format!("ok       {check:<12} ")), "{line}");
    }
    assert_eq!(lines.collect::<Vec<_>>(), ["all is well"]);
    let told = Doctor::local().arg("--function=simple:$LATEST").run();
    assert_eq!(told.code, 0);
    told.assert("region", "ok", &["us-east-1, from AWS_REGION"])
        .assert("endpoint", "ok", &["AWS_ENDPOINT_URL_LAMBDA"])
        .assert("dry-run", "ok", &["204"]);
    Doctor::local().run().assert("dry-run", "skipped", &["no --function was named"]);
}

/// TLS: version, issuer and trust are told.
#[test]
fn tls_is_told() {
    let authority = Authority::new();
    let bundle = write(&folder(), "ca.pem", &authority.pem());
    let lambda = TlsServer::start(authority.server_config("localhost", 2090), false);
    let told = Doctor::to(&lambda.url("localhost")).env("AWS_CA_BUNDLE", &bundle).run();
    assert_eq!(told.code, 0, "{told:#?}");
    told.assert("tls", "ok", &["TLS 1.3", "issued by CN=test authority", &bundle])
        .assert("dns", "ok", &["127.0.0.1", "(this machine)"])
        .assert("clock", "warning", &["does not tell the time"]);
}

/// Where the options, the environment and the profile differ, the source that counts is told.
#[test]
fn sources_are_told() {
    let home = folder();
    write(
        &home,
        ".aws/config",
        "[profile p]\nregion = eu-west-3\nendpoint_url = http://127.0.0.1:9\n",
    );
    let keys = format!(
        "[p]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {HIDDEN}\n"
    );
    write(&home, ".aws/credentials", &keys);
    let profile = || Doctor::new().env("HOME", &home).env("AWS_PROFILE", "p");
    let told = profile().run();
    told.assert("region", "ok", &["eu-west-3, from the profile \\\"p\\\""])
        .assert(
            "credentials",
            "ok",
            &["AKIA************MPLE, from the keys of the profile \\\"p\\\""],
        )
        .assert("endpoint", "ok", &["http://127.0.0.1:9, from the profile \\\"p\\\""]);
    profile()
        .env("AWS_DEFAULT_REGION", "eu-west-2")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:8")
        .run()
        .assert("region", "ok", &["eu-west-2, from AWS_DEFAULT_REGION"])
        .assert("endpoint", "ok", &["from AWS_ENDPOINT_URL\""]);
    profile()
        .arg("--region=eu-west-1")
        .arg("--endpoint=http://127.0.0.1:7/x")
        .run()
        .assert("region", "ok", &["eu-west-1, from --region"])
        .assert("endpoint", "ok", &["http://127.0.0.1:7/x, from --endpoint"]);
    profile().arg("--function=arn:aws:lambda:sa-east-1:111122223333:function:f").run().assert(
        "region",
        "ok",
        &["sa-east-1, from the ARN"],
    );
    Doctor::local()
        .without_env("AWS_ENDPOINT_URL_LAMBDA")
        .env("AWS_USE_FIPS_ENDPOINT", "true")
        .env("AWS_USE_DUALSTACK_ENDPOINT", "true")
        .arg("--timeout=1")
        .run()
        .assert(
            "endpoint",
            "ok",
            &["https://lambda-fips.us-east-1.api.aws, the Region's own, FIPS"],
        );
}

/// Through a proxy: its name without its password, and the tunnel.
#[test]
fn a_proxy_is_told() {
    let proxy = Proxy::start(&["--basic-auth", &format!("me:{HIDDEN}")]);
    let authority = Authority::new();
    let bundle = write(&folder(), "ca.pem", &authority.pem());
    let lambda = TlsServer::start(authority.server_config("lambda.test", 2090), false);
    let at = |password: &str| {
        Doctor::to(&lambda.url("lambda.test"))
            .env("AWS_CA_BUNDLE", &bundle)
            .env("HTTPS_PROXY", format!("http://me:{password}@localhost:{}", proxy.port))
            .arg("--function=f")
            .run()
    };
    let told = at(HIDDEN);
    assert_eq!(told.code, 0, "{told:#?}");
    let name = format!("http://localhost:{}, from HTTPS_PROXY, with user name", proxy.port);
    told.assert("proxy", "ok", &[&name])
        .assert("dns", "ok", &["localhost: 127.0.0.1"])
        .assert("tunnel", "ok", &["lambda.test"])
        .assert("tls", "ok", &["TLS 1.3"])
        .assert("dry-run", "ok", &[]);
    let wrong = at("wrong");
    wrong.assert_only_failure("tunnel", &["authorization required"], &["tls", "clock", "dry-run"]);
}

/// With the environment of a server, by its data folder, its own process or one of its backends:
/// what the server has and the shell lacks, and as the server's user.
#[test]
fn a_servers_environment() {
    let server = Server::start(|config| {
        config
            .env("AWS_REGION", "ap-south-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL_LAMBDA", PLAYGROUND.service().endpoint())
    });
    let mut session = server.session();
    let backend = session.value("SELECT pg_backend_pid()");
    let user = session.value("SELECT rolname FROM pg_roles WHERE oid = 10");
    assert_eq!(user, "postgres");
    let pid = server.cluster.pid().unwrap();
    let folder = server.cluster.data_folder();
    for (option, value) in [
        ("--data-directory", folder.to_str().unwrap()),
        ("--server-pid", &pid.to_string()),
        ("--server-pid", &backend),
    ] {
        for joined in [true, false] {
            // The shell's own variables do not count, also where the server has none.
            let doctor = Doctor::new()
                .env("AWS_REGION", "nonsense")
                .env("AWS_SESSION_TOKEN", HIDDEN)
                .arg("--function=simple");
            let doctor = match joined {
                true => doctor.arg(format!("{option}={value}")),
                false => doctor.arg(option).arg(value),
            };
            let told = doctor.run();
            assert_eq!(told.code, 0, "{told:#?}");
            told.assert("region", "ok", &["ap-south-1"])
                .assert("credentials", "ok", &["environment variables"])
                .assert("dry-run", "ok", &[]);
            assert_eq!(told.report["environment"], format!("process {pid} (postgres)"));
        }
    }
    let told = Doctor::new().arg(format!("--server-pid={pid}")).run();
    if nix::unistd::geteuid().is_root() {
        assert_ne!(told.report["user"], "root", "{told:#?}");
    }
}

/// A server that is not there, or not ours to look into, is a clear error.
#[test]
fn a_server_that_cannot_be_looked_into() {
    let failure = |doctor: Doctor| {
        let output = doctor.output();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let told = failure(Doctor::new().arg("--data-directory").arg(folder()));
    assert!(told.contains("no server runs on"), "{told}");
    let told = failure(Doctor::new().arg("--server-pid=4194305"));
    assert!(told.contains("process 4194305 is not running"), "{told}");

    // The program where anybody may run it, and the first process, which is nobody's.
    let program = folder().join("sqlambda");
    std::fs::copy(PLAYGROUND.workspace().sqlambda(), &program).unwrap();
    let mut command = Command::new(program);
    command.args(["doctor", "--server-pid=1"]);
    if nix::unistd::geteuid().is_root() {
        command.uid(65_534);
    }
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("run this as root or as its user, root"), "{told}");
}

/// What is wrong with the command line is told before anything is done.
#[test]
fn wrong_usage() {
    for (argument, told) in [
        ("--function=a b", "invalid value for --function"),
        ("--function=arn:aws:lambda:eu-west-1:1:function:f", "is not a function name"),
        ("--region=nowhere", "A Region looks like us-east-1"),
        ("--endpoint=ftp://host", "it must begin with http:// or https://"),
        ("--endpoint=http://me:hidden-password@host", "it must not carry a user name"),
        ("--timeout=0", "from 0.1 to 900"),
        ("--nonsense", "unexpected argument"),
    ] {
        let output = Doctor::local().arg(argument).output();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{argument}: {said}");
        assert!(said.contains(told), "{argument}: {said}");
        assert_eq!(output.stdout, b"", "{argument}");
    }
    let arn = "arn:aws:lambda:eu-west-1:111122223333:function:f";
    let output = Doctor::local().arg("--region=us-east-1").arg("--function").arg(arn).output();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
