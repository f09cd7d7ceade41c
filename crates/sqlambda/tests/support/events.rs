//! Functions that note their runs, and events for them.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Answer, Service, function, request};

/// Appends request id and `n` of each run to a file, and fails as often as it is told.
const NOTES: &str = "import json, time\n\
    def lambda_handler(event, context):\n\
    \x20   time.sleep(event.get('sleep', 0))\n\
    \x20   n = event.get('n')\n\
    \x20   if 'file' not in event: event = event['requestPayload']\n\
    \x20   with open(event['file'], 'a+') as file:\n\
    \x20       file.write(json.dumps([context.aws_request_id, n]) + '\\n')\n\
    \x20       if not event.get('failures'): return {'version': context.function_version}\n\
    \x20       file.seek(0)\n\
    \x20       runs = file.read().count(context.aws_request_id)\n\
    \x20   if runs <= event['failures']: raise ValueError('no ' + str(runs))\n\
    \x20   return {'runs': runs}\n";

/// Writes the whole event to the file that the event of its record names, with `.record`.
const TAKES: &str = "import json\n\
    def lambda_handler(event, context):\n\
    \x20   with open(event['requestPayload']['file'] + '.record', 'a') as file:\n\
    \x20       file.write(json.dumps(event) + '\\n')\n";

/// A folder with functions, a state and whatever the tests write.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// The functions `notes`, `alone` (one execution at a time) and `takes`.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let functions = folder.path().join("functions");
        let notes = r#"{"ReservedConcurrentExecutions": 4, "Aliases": {"live": "$LATEST",
            "other": "$LATEST"}, "Timeout": 60}"#;
        let alone = r#"{"ReservedConcurrentExecutions": 1, "Timeout": 60}"#;
        let code = "lambda_function.py";
        function(&functions, "notes", &[(code, NOTES), ("function.json", notes)]);
        function(&functions, "alone", &[(code, NOTES), ("function.json", alone)]);
        function(&functions, "takes", &[(code, TAKES)]);
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The ARN of a file as a destination.
    pub fn file_arn(&self, name: &str) -> String {
        format!("arn:aws:sqlambda:::file://{}", self.path(name).display())
    }

    pub fn service(&self, options: &[&str]) -> Service {
        self.service_with(options, &[])
    }

    pub fn service_with(&self, options: &[&str], environment: &[(&str, &str)]) -> Service {
        let state = self.path("state");
        let all = [&["--no-auth", "--state", state.to_str().unwrap()], options].concat();
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (*name, std::path::Path::new(*value))).collect();
        Service::start_with(&[self.path("functions")], &all, &environment)
    }

    /// The lines of a file, as JSON.
    pub fn lines(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
        // The last one may still be being written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The request ids that a file notes.
    pub fn ids(&self, name: &str) -> BTreeSet<String> {
        self.lines(name).iter().map(|line| line[0].as_str().unwrap().to_owned()).collect()
    }
}

/// Sends an event; gives its request id.
pub fn put(service: &Service, function: &str, body: &Value) -> String {
    put_text(service, function, &body.to_string())
}

/// The same with an event that is written already.
pub fn put_text(service: &Service, function: &str, body: &str) -> String {
    let event = [("X-Amz-Invocation-Type", "Event")];
    let function = function.replace(':', "%3A");
    let answer = service.invoke(&function, &event, body.as_bytes());
    assert_eq!((answer.status, answer.body.len()), (202, 0), "{}", answer.text());
    answer.header("x-amzn-requestid").unwrap().to_owned()
}

/// The same for the function `notes`; nothing when it was not accepted.
pub fn try_put(address: &str, body: &str) -> Option<String> {
    let event = [("X-Amz-Invocation-Type", "Event")];
    let path = "/2015-03-31/functions/notes/invocations";
    let answer: Answer = request(address, "POST", path, &event, body.as_bytes());
    (answer.status == 202).then(|| answer.header("x-amzn-requestid").unwrap().to_owned())
}

/// PutFunctionEventInvokeConfig.
pub fn configure(service: &Service, function: &str, qualifier: &str, config: &Value) {
    let qualifier = qualifier.replace('$', "%24");
    let path =
        format!("/2019-09-25/functions/{function}/event-invoke-config?Qualifier={qualifier}");
    let answer = request(&service.address, "PUT", &path, &[], config.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}
