//! The queue and the dead letters, as the page's scripts read them.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::{Refusal, view};
use crate::events::{ItemView, LetterView, QueueError, Snapshot, State};
use crate::invocations::Excerpt;
use crate::limits::EXCERPT_BYTES;
use crate::service::Service;

/// The most events and dead letters that are shown.
const SHOWN: usize = 100;

/// Answers `queue` and `letters/ID`.
pub(super) async fn answer(
    service: &Arc<Service>,
    method: &str,
    path: &[&str],
) -> Result<Value, Refusal> {
    let events = service.events();
    match (method, path) {
        ("GET", ["queue"]) => {
            let snapshot = tokio::task::block_in_place(|| events.snapshot(SHOWN));
            Ok(queue(&snapshot.map_err(failed)?))
        }
        ("GET", ["letters", id]) => {
            let letter =
                tokio::task::block_in_place(|| events.dead_letter(number(id)?).map_err(failed))?;
            let (_, payload) = letter.ok_or_else(gone)?;
            Ok(view::excerpt(&Excerpt::of(&payload, EXCERPT_BYTES)))
        }
        ("DELETE", ["letters", id]) => {
            there_was(events.delete_dead_letter(number(id)?).await.map_err(failed)?)
        }
        ("POST", ["letters", id, "redrive"]) => {
            there_was(events.redrive(number(id)?).await.map_err(failed)?)
        }
        _ => Err(Refusal::not_found()),
    }
}

fn queue(snapshot: &Snapshot) -> Value {
    let totals = &snapshot.totals;
    json!({
        "queued": snapshot.queued,
        "running": snapshot.running,
        "retrying": snapshot.retrying,
        "dead_letters": snapshot.dead_letters,
        "totals": {
            "succeeded": totals.succeeded,
            "failed": totals.failed,
            "expired": totals.expired,
        },
        "items": snapshot.items.iter().map(item).collect::<Vec<_>>(),
        "letters": snapshot.letters.iter().map(letter).collect::<Vec<_>>(),
    })
}

fn item(item: &ItemView) -> Value {
    let state = match item.state {
        State::Waiting => "waiting",
        State::Running => "running",
        State::Retrying => "retrying",
    };
    json!({
        "id": item.id,
        "function": item.function,
        "destination": item.destination,
        "request_id": item.request_id,
        "state": state,
        "attempt": item.attempt,
        "due": view::unix_millis(item.due),
        "accepted": view::unix_millis(item.accepted),
        "bytes": item.bytes,
        "problem": item.problem,
    })
}

fn letter(letter: &LetterView) -> Value {
    json!({
        "id": letter.id,
        "function": letter.function,
        "destination": letter.destination,
        "request_id": letter.request_id,
        "reason": letter.reason,
        "since": view::unix_millis(letter.since),
        "bytes": letter.bytes,
    })
}

fn number(id: &str) -> Result<u64, Refusal> {
    id.parse().map_err(|_| gone())
}

fn there_was(found: bool) -> Result<Value, Refusal> {
    if found { Ok(json!({})) } else { Err(gone()) }
}

fn gone() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "This dead letter is not there any more.")
}

fn failed(error: QueueError) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
