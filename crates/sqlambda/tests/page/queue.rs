//! Asynchronous events and dead letters on the page.

use serde_json::json;

use crate::support::{request, tools};
use crate::{functions, served, shown, url};

#[test]
fn a_dead_letter_is_shown_queued_again_and_deleted() {
    let folder = functions();
    let service = served(&folder);
    let nowhere =
        json!({ "OnFailure": { "Destination": "arn:aws:sqs:us-east-1:000000000000:no" } });
    let set = ["lambda", "put-function-event-invoke-config", "--function-name", "raises"];
    let rest = ["--maximum-retry-attempts", "0", "--destination-config", &nowhere.to_string()];
    tools::aws(&service, "aws", &[&set[..], &rest].concat());

    let browser = shown(&service, "queue");
    browser.wait_for("#queue", "The queue is empty");
    browser.wait_for("#queue", "No dead letters");
    browser.open(&url(&service, "test/raises"));
    browser.fill("#event", "{\"name\": \"Mary\"}");
    browser.script("document.getElementById('test').elements.type.value = 'Event'", &[]);
    browser.click("#run");
    browser.wait_for("#result h2", "Accepted");

    browser.open(&url(&service, ""));
    browser.wait_for("#rows tr", "Event");
    browser.open(&url(&service, "queue"));
    browser.wait_for("#letters-badge", "1");
    browser.click("#queue [id^=show-]");
    browser.wait_for("#queue pre", "\"name\": \"Mary\"");
    let letters = || {
        let text = request(&service.address, "GET", "/metrics", &[], b"").text();
        let line = text.lines().find(|line| line.starts_with("sqlambda_dead_letters ")).unwrap();
        line.rsplit_once(' ').unwrap().1.to_owned()
    };
    assert_eq!(letters(), "1");

    let undeliverable = || service.log().matches("undeliverable").count();
    assert_eq!(undeliverable(), 1);
    browser.click("#queue [id^=redrive-]");
    browser.wait_for("#toast", "queued again");
    e2e::wait_until("it was tried again", || undeliverable() == 2);
    browser.wait_for("#letters-badge", "1");
    browser.click("#queue [id^=delete-]");
    browser.accept();
    browser.wait_for("#queue", "No dead letters");
    assert_eq!(letters(), "0");
    assert_eq!(browser.complaints(), [""; 0]);
}
