//! The page at `/_sqlambda` in a real browser, and `/metrics`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

#[path = "page/access.rs"]
mod access;
#[path = "page/browser.rs"]
mod browser;
#[path = "page/looks.rs"]
mod looks;
#[path = "page/metrics.rs"]
mod metrics;
#[path = "page/queue.rs"]
mod queue;
mod support;

use browser::{Browser, keys};
use serde_json::json;
use support::{Service, function, tools};
use tempfile::TempDir;

const HELLO: &str = r#"
def lambda_handler(event, context):
    print("said hello to", event.get("name"))
    return {"hello": event.get("name")}
"#;

const RAISES: &str = r#"
def lambda_handler(event, context):
    raise ValueError("no " + event.get("name", "name"))
"#;

/// Two functions: one that works, one that fails.
fn functions() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    function(folder.path(), "hello", &[("lambda_function.py", HELLO)]);
    function(folder.path(), "raises", &[("lambda_function.py", RAISES)]);
    folder
}

fn served(folder: &TempDir) -> Service {
    Service::start(&[folder.path().to_owned()], &[])
}

fn url(service: &Service, view: &str) -> String {
    format!("http://{}/_sqlambda#/{view}", service.address)
}

/// A browser that shows a view, once there is something in it.
fn shown(service: &Service, view: &str) -> Browser {
    let browser = Browser::start();
    browser.open(&url(service, view));
    browser.wait_for("#link", "Live");
    browser
}

/// Calls a function as a program would.
fn call(service: &Service, name: &str, event: &str) {
    let code = "import boto3, sys\n\
                client = boto3.client('lambda')\n\
                client.invoke(FunctionName=sys.argv[1], Payload=sys.argv[2].encode())";
    tools::aws(service, "python", &["-c", code, name, event]);
}

#[test]
fn the_test_box_shows_answer_and_log() {
    let folder = functions();
    let service = served(&folder);
    let browser = shown(&service, "test/hello");
    browser.wait_for("#event-state", "Valid JSON");
    browser.fill("#event", "{\"name\": ");
    browser.wait_for("#event-state", "Not JSON");
    browser.click("#run");
    assert!(browser.text("#result").contains("appear here"), "nothing was sent");

    browser.fill("#event", "{\"name\": \"Ada\"}");
    browser.click("#run");
    browser.wait_for("#result h2", "Succeeded");
    let result = browser.text("#result");
    for part in ["\"hello\": \"Ada\"", "said hello to Ada", "REPORT RequestId:", "cold, init"] {
        assert!(result.contains(part), "{part}: {result}");
    }

    // The event is there after the page was loaded again; that of the other function is its own.
    browser.open("about:blank");
    browser.open(&url(&service, "test"));
    browser.wait_for("#link", "Live");
    let event = "return document.getElementById('event').value";
    e2e::wait_until("the event is kept", || {
        browser.script(event, &[]).as_str().unwrap().contains("Ada")
    });
    browser.open(&url(&service, "test/raises"));
    assert!(!browser.script(event, &[]).as_str().unwrap().contains("Ada"));
    browser.click("#run");
    browser.wait_for("#result", "ValueError: no world");
}

#[test]
fn a_call_from_elsewhere_appears_by_itself_with_all_there_is_to_see() {
    let folder = functions();
    let service = served(&folder);
    let browser = shown(&service, "");
    browser.wait_for("#no-rows", "No invocation yet");
    call(&service, "hello", "{\"name\": \"Grace\"}");
    browser.wait_for("#rows tr", "hello");
    browser.wait_for("#rows tr", "success");
    browser.wait_for("#rows tr", "cold");
    browser.click("#rows tr a");
    browser.wait_for("#detail", "said hello to Grace");
    browser.wait_for("#detail", "\"name\": \"Grace\"");

    call(&service, "raises", "{}");
    browser.wait_for("#rows tr", "raises");
    browser.click("#rows tr a");
    browser.wait_for("#detail .failure", "ValueError: no name");
    browser.wait_for("#detail", "Traceback");
    let summary = "return document.querySelector('#plot svg').getAttribute('aria-label')";
    let summary = browser.script(summary, &[]);
    assert!(summary.as_str().unwrap().starts_with("Durations of the last 2 inv"), "{summary}");

    // The filters.
    let rows = || browser.script("return document.querySelectorAll('#rows tr').length", &[]);
    let choose = "const filter = document.getElementById('filters').elements[arguments[0]];
                  filter.value = arguments[1];
                  filter.dispatchEvent(new Event('input', { bubbles: true }))";
    browser.script(choose, &["status".into(), "error".into()]);
    assert_eq!((rows(), browser.text("#rows tr .state")), (1.into(), "error".to_owned()));
    browser.script(choose, &["function".into(), "hello".into()]);
    browser.wait_for("#no-rows", "No invocation matches");
    browser.click("#no-rows button");
    assert_eq!(rows(), 2);
}

#[test]
fn the_test_box_needs_no_mouse() {
    let folder = functions();
    let service = served(&folder);
    let browser = shown(&service, "");
    let focus = |what: &str| {
        let script = "const element = document.activeElement;
                      const style = getComputedStyle(element);
                      return [element.id || element.name || element.textContent, style.outlineStyle]";
        // A key may take the page a moment.
        let mut found = browser.script(script, &[]);
        for _ in 0..100 {
            if found[0].as_str().unwrap().starts_with(what) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
            found = browser.script(script, &[]);
        }
        assert!(found[0].as_str().unwrap().starts_with(what), "{what}: {found}");
        assert_eq!(found[1], "solid", "{what}: its focus is seen");
    };
    browser.press(&[keys::TAB]);
    focus("skip");
    browser.press(&[keys::TAB, keys::TAB]);
    focus("Invocations");
    browser.press(&[keys::TAB, keys::TAB]);
    focus("Test");
    browser.press(&[keys::ENTER]);
    let heading = "return document.activeElement.id";
    e2e::wait_until("the heading has the focus", || browser.script(heading, &[]) == "h-test");
    browser.press(&[keys::TAB]);
    focus("function");
    browser.press(&["h", "e", "l"]);
    for next in ["qualifier", "type", "template", "format", "event"] {
        browser.press(&[keys::TAB]);
        focus(next);
    }
    browser.chord(keys::CONTROL, "a");
    let event: Vec<String> = "{\"name\":\"Lin\"}".chars().map(String::from).collect();
    browser.press(&event.iter().map(String::as_str).collect::<Vec<_>>());
    browser.chord(keys::CONTROL, keys::ENTER);
    browser.wait_for("#result h2", "Succeeded");
    assert!(browser.text("#result").contains("said hello to Lin"));

    // One invocation: opened from the list and closed again, back where it was.
    browser.open(&url(&service, ""));
    // The row of a call that has ended is not made anew, which would take the focus from it.
    browser.wait_for("#rows tr", "success");
    browser.script("document.querySelector('#rows a').focus()", &[]);
    browser.press(&[keys::ENTER]);
    browser.wait_for("#detail", "said hello to Lin");
    browser.press(&[keys::ESCAPE]);
    let closed = "return document.getElementById('detail').hidden";
    e2e::wait_until("it is closed", || browser.script(closed, &[]) == true);
    focus("hello");
}

#[test]
fn what_functions_and_callers_say_is_text_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let evil = "<img src=x onerror=\"window.broken=1\"><script>window.broken=1</script>";
    let code = "def lambda_handler(event, context):\n    print(event['x'])\n    raise type(event['x'], \
                (Exception,), {})(event['x'])\n";
    let settings =
        json!({ "Description": evil, "Environment": { "Variables": { "SECRET": "s3cr3t" } } });
    let files = [("lambda_function.py", code), ("function.json", &settings.to_string())];
    function(folder.path(), "evil", &files);
    let service = served(&folder);
    let browser = shown(&service, "functions");
    browser.wait_for("#functions", evil);
    assert!(browser.text("#functions").contains("SECRET"));
    let source = browser.script("return document.documentElement.outerHTML", &[]);
    assert!(!source.as_str().unwrap().contains("s3cr3t"), "a variable's value is shown");

    call(&service, "evil", &json!({ "x": evil }).to_string());
    browser.open(&url(&service, ""));
    browser.wait_for("#rows", "evil");
    browser.click("#rows tr a");
    browser.wait_for("#detail .failure", evil);
    browser.wait_for("#detail pre:last-of-type", "<script>");
    let found = browser.script(
        "return [window.broken ?? null, document.querySelectorAll('main img, main script').length]",
        &[],
    );
    assert_eq!(found, json!([null, 0]));
    assert_eq!(browser.complaints(), [""; 0], "nothing even tried to run");
}

#[test]
fn it_asks_nobody_else_and_says_when_the_service_is_gone() {
    let folder = functions();
    let service = served(&folder);
    let browser = shown(&service, "");
    for view in ["functions", "test/hello", "queue", ""] {
        browser.open(&url(&service, view));
    }
    call(&service, "hello", "{}");
    browser.wait_for("#rows", "hello");
    assert_eq!(browser.complaints(), [""; 0]);
    let origin = format!("http://{}/", service.address);
    let requests = browser.requests();
    assert!(requests.iter().any(|request| request.ends_with("main.js")), "{requests:?}");
    let elsewhere: Vec<_> = requests
        .iter()
        // The browser's own first page comes from the browser.
        .filter(|url| !["chrome:", "data:", &origin].iter().any(|own| url.starts_with(own)))
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    drop(service);
    browser.wait_for("#gone", "The service does not answer");
    browser.wait_for("#link", "No answer");
}
