//! Chromium, driven through WebDriver by its own chromedriver.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::request;

/// How WebDriver writes a reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys that are no character, as WebDriver writes them.
pub mod keys {
    pub const TAB: &str = "\u{e004}";
    pub const ENTER: &str = "\u{e007}";
    pub const CONTROL: &str = "\u{e009}";
    pub const ESCAPE: &str = "\u{e00c}";
}

/// The browser that all tests of the program use one after the other, each in a tab of its own: starting
/// one takes more than most of them do with it, and so does a window.
static DRIVER: Mutex<Option<Driver>> = Mutex::new(None);

/// The program that drives the browser, and its session.
struct Driver {
    program: Child,
    address: String,
    session: String,
}

/// Starts chromedriver, and ends it with the test program, whose end closes standard input. With it
/// ends the browser, which reads its commands from a pipe; until then it still writes to its profile.
const RUN: &str = r#"
chromedriver --port=0 & exec >/dev/null 2>&1
cat; kill $!; wait
while rm -rf "$0"; sleep 0.3; test -e "$0"; do :; done"#;

/// The program and its port; None if it has ended at once.
fn start_program(profile: &Path) -> Option<(Child, u16)> {
    let mut program = Command::new("sh")
        .args(["-c", RUN])
        .arg(profile)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(program.stdout.take().unwrap());
    let mut lines = said.lines().map_while(Result::ok);
    let port = lines.find_map(|line| {
        line.split("successfully on port ").nth(1)?.trim_end_matches('.').parse().ok()
    });
    let Some(port) = port else {
        drop(program.stdin.take());
        program.wait().unwrap();
        return None;
    };
    // Its standard output stays open: it writes more.
    std::thread::spawn(move || lines.for_each(drop));
    Some((program, port))
}

impl Driver {
    /// Starts a browser with a fresh profile.
    fn start() -> Self {
        let profile = tempfile::tempdir().unwrap().keep();
        // It takes any free port for one address family, and gives up if the other has that taken.
        let started = (0..5).find_map(|_| start_program(&profile));
        let (program, port) = started.unwrap_or_else(|| {
            panic!(
                "this test needs Chromium: apt-get install chromium chromium-driver; \
                 cargo xtask test does that by itself"
            )
        });
        let options = json!({
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", "--remote-debugging-pipe",
                format!("--user-data-dir={}", profile.display()),
            ],
        });
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let address = format!("127.0.0.1:{port}");
        let body = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let session = command(&address, "POST", "/session", &body);
        let session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        Self { program, address, session }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.program.stdin.take());
        let _ = self.program.wait();
    }
}

/// Sends a WebDriver command, which must succeed, and gives its value.
#[track_caller]
fn command(address: &str, method: &str, path: &str, body: &Value) -> Value {
    let body = body.to_string();
    let body = if method == "POST" { body.as_bytes() } else { b"" };
    let answer = request(address, method, path, &[], body);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()["value"].clone()
}

/// A tab of the browser, and the turn to use it.
pub struct Browser {
    address: String,
    session: String,
    _turn: MutexGuard<'static, Option<Driver>>,
}

impl Browser {
    /// Waits for its turn and opens a new tab of the size of a laptop's screen. Nothing is left of the
    /// test before: no cookie, no log. What a page stores belongs to its service's port.
    pub fn start() -> Self {
        let mut turn = DRIVER.lock().unwrap_or_else(|failed| {
            // Who knows what the test that failed has left open.
            DRIVER.clear_poison();
            let mut turn = failed.into_inner();
            *turn = None;
            turn
        });
        let driver = turn.get_or_insert_with(Driver::start);
        let (address, session) = (driver.address.clone(), driver.session.clone());
        let browser = Self { address, session, _turn: turn };
        let tab = browser.post("/window/new", &json!({ "type": "tab" }));
        browser.command("DELETE", &format!("{}/window", browser.session), &json!({}));
        browser.post("/window", &json!({ "handle": tab["handle"] }));
        browser.post("/window/rect", &json!({ "width": 1440, "height": 900 }));
        browser.devtools("Network.clearBrowserCookies", json!({}));
        for log in ["browser", "performance"] {
            browser.post("/se/log", &json!({ "type": log }));
        }
        browser
    }

    /// Opens an address.
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Runs a script with arguments; `return` gives the value.
    #[track_caller]
    pub fn script(&self, script: &str, arguments: &[Value]) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// The text that the first element of a CSS selector shows; empty when there is none.
    pub fn text(&self, selector: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        self.script(script, &[selector.into()]).as_str().unwrap().to_owned()
    }

    /// Waits until the element shows the text.
    #[track_caller]
    pub fn wait_for(&self, selector: &str, text: &str) {
        // The page looks by itself: each look from here keeps browser and driver busy for some time. It
        // may be another page at the end, whose script that is not.
        let look = "const [selector, text, done] = arguments
                    const look = () => {
                        const shown = document.querySelector(selector)?.innerText ?? ''
                        shown.includes(text) ? done() : setTimeout(look, 50)
                    }
                    look()";
        let body = json!({ "script": look, "args": [selector, text] }).to_string();
        let path = format!("{}/execute/async", self.session);
        e2e::wait_until(&format!("{selector} shows {text:?}"), || {
            request(&self.address, "POST", &path, &[], body.as_bytes()).status == 200
        });
    }

    /// Clicks an element with the mouse, as soon as it is there.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        // A page that is alive may put another one in its place just before the click.
        e2e::wait_until(&format!("{selector} can be clicked"), || {
            let path = format!("{}/element/{}/click", self.session, self.element(selector));
            request(&self.address, "POST", &path, &[], b"{}").status == 200
        });
    }

    /// Says yes to the question that the page asks.
    pub fn accept(&self) {
        self.post("/alert/accept", &json!({}));
    }

    /// Replaces what is in a field.
    pub fn fill(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/clear"), &json!({}));
        self.post(&format!("/element/{element}/value"), &json!({ "text": text }));
    }

    /// Presses keys one after the other, in whatever has the focus.
    pub fn press(&self, keys: &[&str]) {
        let press = |key: &&str| [json!({ "type": "keyDown", "value": key }), up(key)];
        let actions: Vec<Value> = keys.iter().flat_map(press).collect();
        self.act(actions);
    }

    /// Presses a key while another one is down.
    pub fn chord(&self, held: &str, key: &str) {
        let down = |key: &str| json!({ "type": "keyDown", "value": key });
        self.act(vec![down(held), down(key), up(key), up(held)]);
    }

    /// A command of the DevTools protocol.
    pub fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Pretends that the user prefers `dark` or `light`.
    pub fn prefer(&self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": [feature] }));
    }

    /// Pretends to have a window of this size.
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size);
    }

    /// What the window shows, as PNG.
    pub fn screenshot(&self) -> Vec<u8> {
        let path = format!("{}/screenshot", self.session);
        let image = self.command("GET", &path, &json!({}));
        STANDARD.decode(image.as_str().unwrap()).unwrap()
    }

    /// Errors and warnings of the console since the last look.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({ "type": "browser" }));
        let serious = |entry: &&Value| entry["level"] == "SEVERE" || entry["level"] == "WARNING";
        log.as_array().unwrap().iter().filter(serious).map(Value::to_string).collect()
    }

    /// The addresses of all requests since the last look.
    pub fn requests(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({ "type": "performance" }));
        let url = |entry: &Value| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            let sent = message["method"] == "Network.requestWillBeSent";
            sent.then(|| message["params"]["request"]["url"].as_str().unwrap().to_owned())
        };
        log.as_array().unwrap().iter().filter_map(url).collect()
    }

    #[track_caller]
    fn element(&self, selector: &str) -> String {
        let body = json!({ "using": "css selector", "value": selector });
        let mut found = None;
        e2e::wait_until(&format!("{selector} is there"), || {
            let elements = self.post("/elements", &body);
            found = elements[0][ELEMENT].as_str().map(str::to_owned);
            found.is_some()
        });
        found.unwrap()
    }

    fn act(&self, actions: Vec<Value>) {
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.post("/actions", &json!({ "actions": [keyboard] }));
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        self.command("POST", &format!("{}{path}", self.session), body)
    }

    #[track_caller]
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        command(&self.address, method, path, body)
    }
}

fn up(key: &str) -> Value {
    json!({ "type": "keyUp", "value": key })
}
