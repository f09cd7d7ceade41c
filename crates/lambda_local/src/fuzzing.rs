//! What a fuzzer may try, each with what must hold of every input. The inputs that are kept, in
//! `fuzz/corpus`, are run by the tests below.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_eventstream::frame::read_message_from;
use bytes::Bytes;
use http::{Method, StatusCode};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use regex_lite::Regex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, Runtime};

use crate::auth::{Credentials, SignedRequest, verify};
use crate::code::{UnpackError, unpack};
use crate::control_api::Operation;
use crate::events::{Endpoints, EventSettings, RETRY_DELAYS};
use crate::front_door;
use crate::functions::{Found, Origin, Source};
use crate::http_io::{Request, empty};
use crate::invoke_api::event_stream::{Completion, StreamEvent};
use crate::invoke_api::{FunctionName, invoke_async_path, invoke_path};
use crate::model::Record;
use crate::page::{PageAccess, PageToken};
use crate::runtimes::Toolchain;
use crate::service::Service;
use crate::settings::Settings;

/// The name of the only function.
const NAME: &str = "f";

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

/// What opens the page of the service that wants signatures. Not in the corpora: nobody gets in.
const TOKEN: &str = "a-token-of-the-page-for-the-fuzzer";

/// The moment at which kept signatures were made: 2015-08-30 12:36:00 UTC.
const SIGNED_AT: Duration = Duration::from_secs(1_440_938_160);

/// The pattern of a function's name in AWS's API model, as the messages of errors print it.
const PATTERN: &str = r"^(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9_\-.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9_\-]+))?$";

/// A function's name in a request: what is taken apart is what AWS's pattern matches.
pub fn local_name(data: &[u8]) {
    static REGEX: OnceLock<Option<Regex>> = OnceLock::new();
    let Ok(text) = std::str::from_utf8(data) else { return };
    let pattern = REGEX.get_or_init(|| Regex::new(PATTERN).ok()).as_ref();
    assert!(pattern.is_some(), "the pattern is none");
    let Some(pattern) = pattern else { return };
    let found = FunctionName::parse(text);
    let matches = text.len() <= 256 && pattern.is_match(text);
    match found {
        Ok(name) => {
            assert!(matches, "{text:?} is taken, and does not fit");
            assert!(text.contains(&name.name) && !name.name.contains(':'));
        }
        // Of what fits, AWS refuses a full ARN that leaves out the region or the account.
        Err(_) => assert!(!matches || text.starts_with("arn:"), "{text:?} fits, and is refused"),
    }
}

/// A deployment package.
pub fn local_archive(data: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else { return };
    let inner = folder.path().join("inner");
    if std::fs::create_dir(&inner).is_err() {
        return;
    }
    let unpacked = unpack(Cursor::new(data), &inner);
    assert!(!matches!(unpacked, Err(UnpackError::System(_))), "{unpacked:?}");
    let beside = std::fs::read_dir(folder.path()).map(Iterator::count);
    assert!(beside.is_ok_and(|count| count == 1), "something was written outside");
    assert_plain(&inner);
}

/// Files and folders only, and nobody's rights but the owner's to write.
fn assert_plain(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.path().symlink_metadata() else { continue };
        assert!(metadata.is_file() || metadata.is_dir(), "{}", entry.path().display());
        assert_eq!(metadata.permissions().mode() & 0o7000, 0, "{}", entry.path().display());
        if metadata.is_dir() {
            assert_plain(&entry.path());
        }
    }
}

/// An event of a streamed answer, read back by the decoder of AWS's SDK: a chunk of bytes, or, when the
/// first byte is odd, the end with what three texts between bytes 0 say of it.
pub fn event_stream(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let is_chunk = kind % 2 == 0;
    let mut texts = rest.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let mut next = || texts.next().filter(|text| !text.is_empty()).map(|text| text.into_owned());
    let completion = Completion { error_code: next(), error_details: next(), log_result: next() };
    let event = if is_chunk {
        StreamEvent::PayloadChunk(Bytes::copy_from_slice(rest))
    } else {
        StreamEvent::InvokeComplete(completion.clone())
    };
    let Ok(frame) = event.encode() else { return };
    let cut = read_message_from(frame.slice(..frame.len() / 2));
    assert!(cut.is_err(), "half a frame is taken for a whole one");
    let message = read_message_from(frame);
    assert!(message.as_ref().is_ok_and(|message| message.headers().len() == 3), "{message:?}");
    let Ok(message) = message else { return };
    if is_chunk {
        assert_eq!(message.payload().as_ref(), rest);
        return;
    }
    let members: serde_json::Value =
        serde_json::from_slice(message.payload()).unwrap_or(serde_json::Value::Null);
    for (name, given) in [
        ("ErrorCode", completion.error_code),
        ("ErrorDetails", completion.error_details),
        ("LogResult", completion.log_result),
    ] {
        assert_eq!(members.get(name).and_then(|text| text.as_str()), given.as_deref());
    }
}

/// All that a client sends over one connection: head and body of a request, and what follows. The
/// body's length is added where the head does not tell it.
pub fn local_request(data: &[u8]) {
    static HOUSE: OnceLock<Option<House>> = OnceLock::new();
    let house = HOUSE.get_or_init(House::build).as_ref();
    assert!(house.is_some(), "the services cannot be made");
    let Some(house) = house else { return };
    let data = with_length(data);
    house.runtime.block_on(async {
        house.converse(&house.closed, &data).await;
        house.converse(&house.open, &data).await;
    });
}

fn with_length(data: &[u8]) -> Vec<u8> {
    let Some(end) = data.windows(4).position(|four| four == b"\r\n\r\n") else {
        return data.to_vec();
    };
    let (head, body) = (&data[..end], &data[end + 4..]);
    let lower = head.to_ascii_lowercase();
    let says = |name: &[u8]| lower.windows(name.len()).any(|part| part == name);
    if body.is_empty() || says(b"content-length") || says(b"transfer-encoding") {
        return data.to_vec();
    }
    let length = format!("\r\ncontent-length: {}\r\n\r\n", body.len());
    [head, length.as_bytes(), body].concat()
}

/// Two services: one that wants signatures, and one that lets everyone in.
struct House {
    runtime: Runtime,
    closed: Arc<Service>,
    open: Arc<Service>,
    record: Record,
    credentials: Credentials,
    _folder: tempfile::TempDir,
}

impl House {
    fn build() -> Option<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().ok()?;
        let folder = tempfile::tempdir().ok()?;
        let credentials = Credentials::for_tests();
        let inside = runtime.enter();
        let closed = service(folder.path(), "closed", Some(credentials.clone()))?;
        let open = service(folder.path(), "open", None)?;
        drop(inside);
        let record = Record::clone(open.functions().get(NAME)?.as_ref());
        Some(Self { runtime, closed, open, record, credentials, _folder: folder })
    }

    /// Plays a client that sends `data` and closes. Every connection comes to its end.
    async fn converse(&self, service: &Arc<Service>, data: &[u8]) {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let serve = hyper::server::conn::http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(64 * 1024)
            .half_close(true)
            .serve_connection(
                TokioIo::new(server),
                service_fn(|request| async {
                    Ok::<_, Infallible>(self.answer(service, request).await)
                }),
            );
        let write = async {
            let _ = client.write_all(data).await;
            let _ = client.shutdown().await;
            let mut answers = Vec::new();
            let _ = client.read_to_end(&mut answers).await;
        };
        let both = async { tokio::join!(serve, write) };
        let ended = tokio::time::timeout(Duration::from_secs(30), both).await;
        assert!(ended.is_ok(), "the connection is still open");
        self.reset();
    }

    async fn answer(&self, service: &Arc<Service>, request: Request) -> crate::http_io::Answer {
        let signed = SignedRequest {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            body: b"{}",
        };
        // Far from today, so that the front door itself refuses what is kept.
        let _ = verify(signed, &self.credentials, UNIX_EPOCH + SIGNED_AT);
        if service.credentials().is_none() && leads_further(&request) {
            return empty(StatusCode::NO_CONTENT);
        }
        let answered = front_door::answer(Arc::clone(service), request).await;
        assert_ne!(answered.status(), StatusCode::INTERNAL_SERVER_ERROR);
        answered
    }

    /// The function as it was.
    fn reset(&self) {
        let change = |record: &mut Option<Record>, _: &_| {
            *record = Some(self.record.clone());
            Ok::<_, crate::model::StoreError>(())
        };
        let _ = self.open.functions().change(NAME, change);
    }
}

/// Whether a request that is let in would run code that comes from the fuzzer.
fn leads_further(request: &Request) -> bool {
    let path = request.uri().path();
    let dry = request.headers().get("x-amz-invocation-type").is_some_and(|kind| kind == "DryRun");
    let tested = path.starts_with("/_sqlambda/api/");
    let called = tested || invoke_async_path(path).is_some() || invoke_path(path).is_some() && !dry;
    let invokes = request.method() == Method::POST && called;
    let code = Operation::of(request.method(), path);
    let code = code.is_some_and(|operation| {
        operation.brings_code() || operation.name() == "UpdateFunctionConfiguration"
    });
    invokes || code
}

fn service(folder: &Path, name: &str, credentials: Option<Credentials>) -> Option<Arc<Service>> {
    let page_access = match credentials {
        Some(_) => PageAccess::Token(PageToken::new(TOKEN).ok()?),
        None => PageAccess::Local,
    };
    let root = folder.join(name);
    let task_root = root.join(NAME);
    std::fs::create_dir_all(&task_root).ok()?;
    std::fs::write(task_root.join("bootstrap"), "").ok()?;
    let found = Found {
        name: NAME.to_owned(),
        origin: Origin { root: root.clone(), file: task_root.clone(), line: None },
        source: Source::Folder { path: task_root, files_only: false },
        layers: Vec::new(),
        runtime: "provided.al2023".parse().ok()?,
        handler: "h".to_owned(),
        timeout: None,
        memory_mb: None,
        description: String::new(),
        variables: BTreeMap::new(),
        reserved_concurrency: None,
        aliases: vec!["live".to_owned()],
        tags: BTreeMap::new(),
        events: None,
    };
    let settings = Settings {
        account: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
        credentials,
        variables: BTreeMap::new(),
        state: root.join("state"),
        durable: false,
        public: false,
        events: EventSettings {
            account: ACCOUNT.to_owned(),
            retry_delays: RETRY_DELAYS.to_vec(),
            endpoints: Endpoints::from_environment(REGION),
        },
        page: page_access,
    };
    let toolchain = Toolchain::from_environment().ok()?;
    Service::new(settings, &BTreeMap::from([(NAME.to_owned(), found)]), &toolchain, None)
        .ok()
        .map(Arc::new)
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::replay::replay;

    #[test]
    fn kept_inputs_of_the_fuzzer() {
        replay("local_name", super::local_name);
        replay("local_archive", super::local_archive);
        replay("event_stream", super::event_stream);
        replay("local_request", super::local_request);
    }
}
