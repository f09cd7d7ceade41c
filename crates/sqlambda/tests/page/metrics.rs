//! What Prometheus reads.

use crate::support::{request, tools};
use crate::{call, functions, served};

#[test]
fn what_happened_is_counted() {
    let folder = functions();
    let service = served(&folder);
    call(&service, "hello", "{}");
    call(&service, "hello", "{}");
    call(&service, "raises", "{}");
    let reserve = ["lambda", "put-function-concurrency", "--function-name", "raises"];
    tools::aws(
        &service,
        "aws",
        &[&reserve[..], &["--reserved-concurrent-executions", "0"]].concat(),
    );
    let mut answer = None;
    let purpose = [("X-Sqlambda-Page", "1")];
    request(&service.address, "POST", "/_sqlambda/api/invoke?function=raises", &purpose, b"{}");
    e2e::wait_until("the environments are idle", || {
        let got = request(&service.address, "GET", "/metrics", &[], b"");
        let text = got.text();
        answer = Some(got);
        text.contains("sqlambda_environments{function=\"hello\",state=\"idle\"} 1")
    });
    let answer = answer.unwrap();
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let text = answer.text();
    let lines: Vec<&str> = text.lines().collect();
    let sync = "type=\"RequestResponse\"";
    for line in [
        format!("sqlambda_invocations_total{{function=\"hello\",{sync},status=\"success\"}} 2"),
        format!("sqlambda_invocations_total{{function=\"raises\",{sync},status=\"error\"}} 1"),
        "sqlambda_cold_starts_total{function=\"hello\"} 1".to_owned(),
        "sqlambda_throttles_total{function=\"raises\"} 1".to_owned(),
        "sqlambda_duration_seconds_count{function=\"hello\"} 2".to_owned(),
        "sqlambda_init_duration_seconds_count{function=\"hello\"} 1".to_owned(),
        "sqlambda_functions 2".to_owned(),
    ] {
        assert!(lines.contains(&line.as_str()), "{line} is missing in:\n{text}");
    }
    assert_eq!(lines.last(), Some(&"# EOF"));
    understood(&text);
}

/// Prometheus's own reader of the format, from its Python client, reads it.
fn understood(text: &str) {
    let code = "import sys\n\
                from prometheus_client.openmetrics.parser import text_string_to_metric_families\n\
                names = [f.name for f in text_string_to_metric_families(sys.stdin.read())]\n\
                assert 'sqlambda_invocations' in names, names";
    let said = tools::piped(&tools::prometheus(), &["-c", code], text);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}
