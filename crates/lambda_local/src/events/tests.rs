//! What the queue shows of itself. How it runs events is tested from outside, with functions.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::item::{Delivery, Item, Message, Task};
use super::store::Change;
use super::{Call, Endpoints, EventSettings, Events, Snapshot, State};
use crate::code::CodeStore;
use crate::environment::{ChildIdentity, PoolSettings, Spawner};
use crate::model::Functions;
use crate::pools::Pools;
use crate::runtimes::Toolchain;
use crate::stop::{Stop, Tally};

/// A queue of a service without functions.
fn queue(folder: &Path) -> Arc<Events> {
    let functions = Arc::new(Functions::load(None, Vec::new()).unwrap());
    let identity = ChildIdentity {
        runtime_api: String::new(),
        region: String::new(),
        log_stream: String::new(),
        access_key: String::new(),
        secret_key: String::new(),
    };
    let spawner = Spawner::start(None).unwrap();
    let shared = PoolSettings {
        spawner,
        identity,
        invocations: Arc::default(),
        calls: Tally::default(),
        stop: Stop::default(),
    };
    let code = Arc::new(CodeStore::open(folder).unwrap());
    let toolchain = Toolchain::from_environment().unwrap();
    let known = Arc::clone(&functions);
    let pools = Arc::new(Pools::new(shared, toolchain, known, code, BTreeMap::new()));
    let settings = EventSettings {
        account: "000000000000".to_owned(),
        retry_delays: Vec::new(),
        endpoints: Endpoints::from_environment("us-east-1"),
    };
    Arc::new(Events::open(folder, settings, functions, pools).unwrap())
}

async fn until(events: &Events, holds: impl Fn(&Snapshot) -> bool) -> Snapshot {
    for _ in 0..6_000 {
        let snapshot = events.snapshot(10).unwrap();
        if holds(&snapshot) {
            return snapshot;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never happened: {:?}", events.snapshot(10))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_shown_sent_again_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let events = queue(folder.path());
    let call = Call {
        function: "gone".to_owned(),
        qualifier: Some("live".to_owned()),
        arn: "arn:aws:lambda:us-east-1:000000000000:function:gone".to_owned(),
        trace_id: String::new(),
        client_context: None,
    };
    events.put("r-1", call, Bytes::from_static(b"[1]")).await.unwrap();
    let snapshot = until(&events, |snapshot| snapshot.dead_letters == 1).await;
    let letter = &snapshot.letters[0];
    assert_eq!((letter.function.as_str(), letter.request_id.as_str()), ("gone", "r-1"));
    assert_eq!((letter.bytes, letter.destination.as_deref()), (3, None));
    assert!(letter.reason.contains("function:gone:live does not exist"), "{}", letter.reason);
    assert_eq!((snapshot.queued, snapshot.totals.accepted), (0, 1));
    let (_, payload) = events.dead_letter(letter.id).unwrap().unwrap();
    assert_eq!(payload, "[1]");

    assert!(events.redrive(letter.id).await.unwrap());
    let again =
        until(&events, |now| now.letters.first().is_some_and(|other| other.since > letter.since));
    let again = again.await.letters[0].clone();
    assert_eq!((again.id, again.bytes), (letter.id, 3), "the function is still not there");
    assert!(events.delete_dead_letter(again.id).await.unwrap());
    assert_eq!(events.snapshot(10).unwrap().dead_letters, 0);
    assert!(!events.delete_dead_letter(again.id).await.unwrap());
    assert!(!events.redrive(again.id).await.unwrap());
    assert!(events.dead_letter(again.id).unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_is_tried_again_shows_why_and_when() {
    let folder = tempfile::tempdir().unwrap();
    let events = queue(folder.path());
    let path = folder.path().join("later/records");
    let destination = format!("arn:aws:sqlambda:::file://{}", path.display());
    let task = Task::Deliver(Delivery {
        destination: destination.clone(),
        source: "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST".to_owned(),
        message: Message::Record { success: true },
    });
    let change = Change::Add {
        id: events.new_id(),
        item: Item::new("r-2".to_owned(), 2, task),
        payload: Bytes::from_static(b"{}"),
    };
    events.writer.commit(vec![change]).await.unwrap();
    events.wake(&destination);
    // Between two attempts: each takes a moment itself.
    let waits = |snapshot: &Snapshot| {
        snapshot
            .items
            .first()
            .is_some_and(|item| (item.state, item.attempt) == (State::Retrying, 2))
    };
    let snapshot = until(&events, waits).await;
    let item = &snapshot.items[0];
    assert_eq!((item.state, item.attempt, item.function.as_str()), (State::Retrying, 2, "f"));
    assert!(item.due > SystemTime::now() - Duration::from_millis(900));
    assert!(item.problem.as_deref().unwrap().contains("No such file"), "{item:?}");
    assert_eq!(item.destination.as_deref(), Some(destination.as_str()));
    // It is taken as soon as it can be, and then gone.
    std::fs::create_dir(folder.path().join("later")).unwrap();
    let snapshot = until(&events, |snapshot| snapshot.queued == 0).await;
    assert_eq!((snapshot.totals.delivered, snapshot.running), (1, 0));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "{}\n");
}
