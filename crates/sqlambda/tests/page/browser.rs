//! Chromium, driven through WebDriver by its own chromedriver.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{eventually, request};

/// How WebDriver writes a reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys that are no character, as WebDriver writes them.
pub mod keys {
    pub const TAB: &str = "\u{e004}";
    pub const ENTER: &str = "\u{e007}";
    pub const CONTROL: &str = "\u{e009}";
    pub const ESCAPE: &str = "\u{e00c}";
}

/// Starts the program that drives the browser, and gives its port; None if it has ended at once.
fn start_driver() -> Option<(Child, u16)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "this test needs Chromium ({error}): apt-get install chromium chromium-driver; \
                 cargo xtask test does that by itself"
            )
        });
    let said = BufReader::new(driver.stdout.take().unwrap());
    let mut lines = said.lines().map_while(Result::ok);
    let port = lines.find_map(|line| {
        line.split("successfully on port ").nth(1)?.trim_end_matches('.').parse().ok()
    });
    let Some(port) = port else {
        driver.wait().unwrap();
        return None;
    };
    // Its standard output stays open: it writes more.
    std::thread::spawn(move || lines.for_each(drop));
    Some((driver, port))
}

/// A browser with one window. Ends when dropped.
pub struct Browser {
    driver: Child,
    address: String,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one with a fresh profile, of the size of a laptop's screen.
    pub fn start() -> Self {
        // It takes any free port for one address family, and gives up if the other has that taken.
        let started = (0..5).find_map(|_| start_driver());
        let (driver, port) = started.expect("chromedriver names its port");
        let address = format!("127.0.0.1:{port}");
        let profile = tempfile::tempdir().unwrap();
        let options = json!({
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", "--window-size=1440,900",
                format!("--user-data-dir={}", profile.path().display()),
            ],
        });
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let mut browser = Self { driver, address, session: String::new(), _profile: profile };
        let body = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let session = browser.command("POST", "/session", &body);
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
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
        eventually(&format!("{selector} shows {text:?}"), || self.text(selector).contains(text));
    }

    /// Clicks an element with the mouse, as soon as it is there.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        // A page that is alive may put another one in its place just before the click.
        eventually(&format!("{selector} can be clicked"), || {
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
        eventually(&format!("{selector} is there"), || {
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
        let body = body.to_string();
        let body = if method == "POST" { body.as_bytes() } else { b"" };
        let answer = request(&self.address, method, path, &[], body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()["value"].clone()
    }
}

fn up(key: &str) -> Value {
    json!({ "type": "keyUp", "value": key })
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser. By hand: a second panic while a test fails would hide the first.
        if let Ok(mut driver) = TcpStream::connect(&self.address) {
            let head = format!("DELETE {} HTTP/1.1\r\nHost: {}\r\n", self.session, self.address);
            let _ = driver.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = driver.write_all(format!("{head}Content-Length: 0\r\n\r\n").as_bytes());
            let _ = driver.read(&mut [0; 1024]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
