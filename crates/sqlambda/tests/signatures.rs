//! Who is let in: signatures made by AWS's own signer, then spoilt in every way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod support;

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use support::{Answer, Service, request, samples};

/// A request to be signed; each test changes a part.
struct Call {
    key: &'static str,
    secret: &'static str,
    token: Option<&'static str>,
    service: &'static str,
    region: &'static str,
    path: String,
    time: SystemTime,
    body: &'static [u8],
}

impl Default for Call {
    fn default() -> Self {
        Self {
            key: "test",
            secret: "test",
            token: None,
            service: "lambda",
            region: "us-east-1",
            path: "/2015-03-31/functions/simple/invocations".to_owned(),
            time: SystemTime::now(),
            body: b"{}",
        }
    }
}

impl Call {
    /// The headers of the signed request.
    fn sign(&self, address: &str) -> Vec<(String, String)> {
        let credentials = aws_credential_types::Credentials::new(
            self.key,
            self.secret,
            self.token.map(str::to_owned),
            None,
            "test",
        );
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(self.time)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let url = format!("http://{address}{}", self.path);
        let signed = [("host", address), ("x-amz-log-type", "None")].into_iter();
        let request = SignableRequest::new("POST", url, signed, SignableBody::Bytes(self.body));
        let (instructions, _) = sign(request.unwrap(), &params).unwrap().into_parts();
        let mut headers: Vec<(String, String)> = instructions
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        headers.push(("x-amz-log-type".to_owned(), "None".to_owned()));
        headers
    }

    fn send(&self, service: &Service) -> Answer {
        send(service, &self.path, &self.sign(&service.address), self.body)
    }
}

fn send(service: &Service, path: &str, headers: &[(String, String)], body: &[u8]) -> Answer {
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    request(&service.address, "POST", path, &headers, body)
}

#[track_caller]
fn assert_denied(answer: &Answer, error_type: &str, message: &str) {
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(answer.header("x-amzn-errortype"), Some(error_type));
    let found = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(found.contains(message), "{found}");
}

const INVALID: &str = "InvalidSignatureException";

#[test]
fn good_signatures_are_accepted() {
    let service = Service::start(&[samples()], &[]);
    assert_eq!(Call::default().send(&service).status, 200);
    assert_eq!(Call { token: Some("session"), ..Call::default() }.send(&service).status, 200);
    assert_eq!(Call { region: "eu-west-3", ..Call::default() }.send(&service).status, 200);
    let arn = "arn%3Aaws%3Alambda%3Aeu-west-3%3A000000000000%3Afunction%3Asimple%3A%24LATEST";
    let path = format!("/2015-03-31/functions/{arn}/invocations?Qualifier=%24LATEST");
    let call = Call { path, region: "eu-west-3", ..Call::default() };
    assert_eq!(call.send(&service).status, 200);
    let early = SystemTime::now() - Duration::from_secs(240);
    assert_eq!(Call { time: early, ..Call::default() }.send(&service).status, 200);
}

#[test]
fn bad_signatures_are_refused() {
    let service = Service::start(&[samples()], &[]);
    let unsigned = service.invoke("simple", &[], b"{}");
    assert_denied(&unsigned, "MissingAuthenticationTokenException", "Missing Authentication Token");
    assert_denied(
        &Call { key: "nobody", ..Call::default() }.send(&service),
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    );
    let mismatch = "The request signature we calculated does not match";
    assert_denied(&Call { secret: "wrong", ..Call::default() }.send(&service), INVALID, mismatch);
    let other = Call { service: "s3", ..Call::default() };
    assert_denied(&other.send(&service), INVALID, "correct service: 'lambda'");
    let old = Call { time: SystemTime::now() - Duration::from_secs(330), ..Call::default() };
    assert_denied(&old.send(&service), INVALID, "Signature expired");
    let new = Call { time: SystemTime::now() + Duration::from_secs(330), ..Call::default() };
    assert_denied(&new.send(&service), INVALID, "Signature not yet current");
}

#[test]
fn nothing_signed_can_be_changed() {
    let service = Service::start(&[samples()], &[]);
    let call = Call { token: Some("session"), ..Call::default() };
    let headers = call.sign(&service.address);
    let mismatch = "The request signature we calculated does not match";
    assert_denied(&send(&service, &call.path, &headers, b"[]"), INVALID, mismatch);
    let path = call.path.replace("simple", "raises");
    assert_denied(&send(&service, &path, &headers, call.body), INVALID, mismatch);
    let path = format!("{}?Qualifier=%24LATEST", call.path);
    assert_denied(&send(&service, &path, &headers, call.body), INVALID, mismatch);
    for (name, value) in [("x-amz-log-type", "Tail"), ("x-amz-security-token", "other")] {
        let mut changed = headers.clone();
        changed
            .iter_mut()
            .filter(|header| header.0 == name)
            .for_each(|header| header.1 = value.into());
        assert_denied(&send(&service, &call.path, &changed, call.body), INVALID, mismatch);
    }
    let mut added = headers.clone();
    added.push(("X-Amz-Invocation-Type".to_owned(), "Event".to_owned()));
    assert_denied(&send(&service, &call.path, &added, call.body), INVALID, "x-amz-invocation-type");
    let mut broken = headers;
    broken.iter_mut().filter(|header| header.0 == "authorization").for_each(|header| {
        header.1 = header.1.split(", Signature").next().unwrap().to_owned();
    });
    let incomplete = "IncompleteSignatureException";
    assert_denied(&send(&service, &call.path, &broken, call.body), incomplete, "'Signature'");
}

#[test]
fn more_keys_come_from_a_file_and_are_never_shown() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "[a]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = hushhush\n";
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().to_str().unwrap();
    let options = ["--credentials-file", path, "--log-level", "trace"];
    let service = Service::start(&[samples()], &options);
    let call = Call { key: "AKIAOTHER", secret: "hushhush", ..Call::default() };
    assert_eq!(call.send(&service).status, 200);
    assert_eq!(Call { key: "AKIAOTHER", ..Call::default() }.send(&service).status, 403);
    assert_eq!(Call::default().send(&service).status, 200);
    assert!(!service.log().contains("hushhush"));
}
