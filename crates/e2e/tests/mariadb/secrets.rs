//! No secret reaches an error, the processlist, the server's log or its command line.

use std::fs;

use e2e::RawServer;

use crate::support::{brands, error, playground, value};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLETOKEN0123456789abcdef";

/// A service that repeats every header of the request in its refusal.
#[test]
fn a_refusal_that_repeats_the_request() {
    let service = RawServer::start(|connection| {
        while let Some(request) = connection.read_request()? {
            let head = String::from_utf8_lossy(&request.head).into_owned();
            let body = serde_json::json!({ "message": head }).to_string();
            connection.respond(
                403,
                &["x-amzn-ErrorType: InvalidSignatureException"],
                body.as_bytes(),
            )?;
        }
        Ok(())
    })
    .unwrap();
    for brand in brands() {
        let server = playground()
            .new_mariadb(brand, |config| {
                config
                    .env("AWS_ENDPOINT_URL_LAMBDA", service.url())
                    .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
                    .env("AWS_SECRET_ACCESS_KEY", SECRET)
                    .env("AWS_SESSION_TOKEN", TOKEN)
            })
            .unwrap();
        let said = error(&server, "SELECT lambda_sync('f', '{}');").message;
        assert!(said.starts_with("Lambda API returned error: POST /2015-03-31/"), "{said}");
        let requests = service.requests();
        let signed = requests.last().unwrap().header("authorization").unwrap();
        let (_, signature) = signed.split_once("Signature=").unwrap();
        let shown = [
            said,
            value(&server, "SHOW FULL PROCESSLIST; SHOW VARIABLES; SHOW STATUS;"),
            server.log_text().unwrap(),
            fs::read_to_string(format!("/proc/{}/cmdline", server.pid().unwrap())).unwrap(),
        ];
        for text in shown {
            for secret in [SECRET, TOKEN, signature] {
                assert!(!text.contains(&secret[..20]), "{text}");
            }
        }
    }
}
