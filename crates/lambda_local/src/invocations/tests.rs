use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::environment::Log;

fn function() -> Function {
    Function {
        name: "f".to_owned(),
        version: "$LATEST".to_owned(),
        layers: Vec::new(),
        task_root: PathBuf::new(),
        runtime: "provided.al2023".parse().unwrap(),
        handler: String::new(),
        timeout: Duration::from_secs(3),
        memory_mb: 128,
        variables: BTreeMap::new(),
    }
}

fn event(payload: impl Into<Bytes>) -> Event {
    Event {
        kind: Kind::RequestResponse,
        request_id: "id".to_owned(),
        payload: payload.into(),
        invoked_arn: "arn:aws:lambda:us-east-1:000000000000:function:f:live".to_owned(),
        trace_id: String::new(),
        client_context: None,
        sink: None,
        timeout: Duration::from_secs(3),
    }
}

fn execution(payload: impl Into<Bytes>, status: Status) -> Execution {
    let (log, usage) = (Log::of(&["line".to_owned()]), Usage::default());
    let error_code = (status != Status::Success).then(|| "Unhandled".to_owned());
    let (of_service, streamed) = (false, false);
    Execution { payload: payload.into(), status, of_service, log, usage, streamed, error_code }
}

#[test]
fn a_running_invocation_is_seen_and_then_its_end() {
    let all = Invocations::default();
    let running = all.begin(&function(), &event("1"));
    let (seen, found) = all.after(0);
    assert!(found[0].end.is_none());
    assert_eq!(found[0].begun.qualifier.as_deref(), Some("live"));
    let failed = execution(r#"{"errorMessage":"no","errorType":"Bad"}"#, Status::Error);
    running.end(&failed);
    let (after, found) = all.after(seen);
    assert_eq!(found.len(), 1, "the same one again, and only that");
    let end = found[0].end.as_ref().unwrap();
    assert_eq!((end.status, end.error_type.as_deref()), (Status::Error, Some("Bad")));
    assert_eq!(end.log, "line\n");
    assert!(all.after(after).1.is_empty(), "no news");
    assert_eq!(all.after(after + 1).1.len(), 1, "a number of before a restart means everything");
}

#[test]
fn one_that_is_dropped_without_an_end_is_forgotten() {
    let all = Invocations::default();
    drop(all.begin(&function(), &event("1")));
    assert!(all.after(0).1.is_empty());
    all.throttled(&function(), &event("1"));
    assert_eq!(all.after(0).1[0].end.as_ref().unwrap().status, Status::Throttled);
}

#[test]
fn only_the_last_are_kept_by_number_and_by_size() {
    let all = Invocations::default();
    for _ in 0..=INVOCATIONS {
        all.begin(&function(), &event("1")).end(&execution("2", Status::Success));
    }
    let (_, found) = all.after(0);
    assert_eq!((found.len(), found[0].begun.number), (INVOCATIONS, 2));
    assert!(all.get(1).is_none() && all.get(2).is_some());
    let large = Bytes::from(vec![b'x'; EXCERPT_BYTES + 1]);
    for _ in 0..INVOCATIONS {
        all.begin(&function(), &event(large.clone())).end(&execution("2", Status::Success));
    }
    let kept: usize = all.after(0).1.iter().map(Invocation::bytes).sum();
    assert!(kept <= INVOCATIONS_BYTES && kept > INVOCATIONS_BYTES / 2, "{kept}");
}

#[tokio::test]
async fn a_waiter_hears_of_a_change() {
    let all = Arc::new(Invocations::default());
    let waiting = tokio::spawn({
        let all = Arc::clone(&all);
        async move { all.changed(0).await }
    });
    tokio::task::yield_now().await;
    all.throttled(&function(), &event("1"));
    waiting.await.unwrap();
    all.changed(0).await;
}
