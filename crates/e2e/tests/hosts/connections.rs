use std::fs;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use e2e::Cluster;
use postgres::{Client, NoTls};
use tempfile::TempDir;

use crate::support::{Session, playground};

/// PostgreSQL's default is 100; five times as many is what people set before they pool.
const SESSIONS: usize = 500;

/// Where all sessions wait for each other. Not a barrier: who fails would leave the others waiting for
/// good.
#[derive(Default)]
struct Meeting {
    there: Mutex<usize>,
    all: Condvar,
}

impl Meeting {
    fn wait_for_all(&self) {
        let mut there = self.there.lock().unwrap();
        *there += 1;
        if *there == SESSIONS {
            self.all.notify_all();
        }
        let patience = Duration::from_secs(60);
        let waited = self.all.wait_timeout_while(there, patience, |there| *there < SESSIONS);
        assert!(!waited.unwrap().1.timed_out(), "some are not there");
    }
}

/// As many sessions as the server takes, each making a call at the same moment. The service runs a
/// hundred at a time, as AWS may for a function: the others are throttled, and tried again.
#[test]
fn five_hundred_sessions_call_at_once() {
    // Of its own: nobody else is throttled.
    let functions = patient_echo();
    let folders = vec![functions.path().to_owned()];
    let service = playground().new_service(|config| config.folders(folders)).unwrap();
    let cluster = playground()
        .new_cluster(|config| {
            // One more for the test's own look, besides those that superusers have.
            let connections = (SESSIONS + 3).to_string();
            let config = config.setting("max_connections", connections);
            config.env("AWS_ENDPOINT_URL_LAMBDA", service.endpoint())
        })
        .unwrap();
    let (ready, answered) = (Meeting::default(), Meeting::default());
    let call = |number: usize| {
        let mut client = connect(&cluster);
        // The limits are for a machine with nothing else to do than these.
        let patience =
            "SET aws_lambda.connect_timeout_ms = 60000; SET aws_lambda.request_timeout_ms = 300000;
            SET aws_lambda.max_attempts = 10";
        client.batch_execute(patience).unwrap();
        ready.wait_for_all();
        let event = format!("{{\"number\": {number}}}");
        let sql = format!("SELECT payload::text FROM aws_lambda.invoke('echo', '{event}'::json)");
        let answer: String = client.query_one(&sql, &[]).unwrap().get(0);
        assert_eq!(answer, event);
        // Nobody leaves before all have their answers: 500 sessions with a connection each.
        answered.wait_for_all();
    };
    thread::scope(|scope| {
        for number in 0..SESSIONS {
            let call = &call;
            // A client needs little; 500 of the usual stacks are a gigabyte of address space.
            thread::Builder::new()
                .stack_size(512 * 1024)
                .spawn_scoped(scope, move || call(number))
                .unwrap();
        }
    });
    let log = cluster.log_text().unwrap();
    assert!(!log.contains("FATAL") && !log.contains("ERROR"), "{log}");
    Session::open(&cluster, "sqlambda_template").assert_usable();
}

/// The function `echo`, with more time than the usual three seconds: a hundred of them start at once.
fn patient_echo() -> TempDir {
    let functions = tempfile::tempdir().unwrap();
    let folder = functions.path().join("echo");
    fs::create_dir(&folder).unwrap();
    let program = playground().workspace().root.join("examples/functions/echo/bootstrap");
    fs::copy(program, folder.join("bootstrap")).unwrap();
    let settings = r#"{"Runtime": "provided.al2023", "Timeout": 60}"#;
    fs::write(folder.join("function.json"), settings).unwrap();
    functions
}

fn connect(cluster: &Cluster) -> Client {
    Client::connect(&cluster.connection_string("sqlambda_template"), NoTls).unwrap()
}
