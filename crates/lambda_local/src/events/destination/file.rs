//! A file of JSON lines.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::value::RawValue;

use super::Refused;
use crate::events::item::{Delivery, Item, Message};

/// A dead letter: the event, and what a queue would get as its attributes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    request_id: &'a str,
    function_arn: &'a str,
    error_code: u16,
    error_message: &'a str,
    event: &'a RawValue,
}

/// Adds one line; the file is made if it is not there, for its owner alone.
pub(super) async fn append(
    path: PathBuf,
    delivery: &Delivery,
    item: &Item,
    payload: &[u8],
) -> Result<(), Refused> {
    let line =
        line(delivery, item, payload).map_err(|error| Refused::ForGood(error.to_string()))?;
    let shown = path.display().to_string();
    let written = tokio::task::spawn_blocking(move || write(&path, line)).await;
    let failed = |error: &dyn std::fmt::Display| Refused::ForNow(format!("{shown}: {error}"));
    written.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
}

fn line(delivery: &Delivery, item: &Item, payload: &[u8]) -> serde_json::Result<Vec<u8>> {
    let Message::DeadLetter { code, message } = &delivery.message else {
        return Ok(one_line(payload));
    };
    let event: &RawValue = serde_json::from_slice(payload)?;
    let json = serde_json::to_vec(&Line {
        request_id: &item.request_id,
        function_arn: &delivery.source,
        error_code: *code,
        error_message: message,
        event,
    })?;
    Ok(one_line(&json))
}

/// A payload keeps the line ends that it came with: in JSON they stand between its parts only.
fn one_line(json: &[u8]) -> Vec<u8> {
    let space = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
    json.iter().map(space).chain([b'\n']).collect()
}

/// On disk when it returns: the record goes from the queue next.
fn write(path: &Path, line: Vec<u8>) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(&line)?;
    file.sync_data()
}
