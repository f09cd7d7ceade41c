//! The service's limits, in one place, with where each comes from.

use std::time::Duration;

/// The largest payload of a synchronous call: AWS's 6 MB.
pub const SYNC_PAYLOAD_BYTES: usize = 6_291_456;

/// The largest payload of an asynchronous call (`Event`): AWS's 1 MB.
pub const ASYNC_PAYLOAD_BYTES: usize = 1_048_576;

/// The largest answer of a function. AWS allows a hundred bytes more than for the request.
pub const RESPONSE_BYTES: usize = 6_291_556;

/// The largest answer that is streamed: 200 MB on AWS since July 2025.
pub const STREAMED_RESPONSE_BYTES: usize = 209_715_200;

/// The longest base64 form of a client context.
pub const CLIENT_CONTEXT_BYTES: usize = 3_583;

/// How much of the log `X-Amz-Log-Type: Tail` returns.
pub const LOG_TAIL_BYTES: usize = 4_096;

/// How much of a call's log is kept; the page shows it.
pub const LOG_BYTES: usize = 64 * 1024;

/// How many of the last invocations the page can show.
pub const INVOCATIONS: usize = 500;

/// How much of an event or an answer the page can show.
pub const EXCERPT_BYTES: usize = 256 * 1024;

/// What these events, answers and logs may take together. Older invocations are forgotten sooner.
pub const INVOCATIONS_BYTES: usize = 32 * 1024 * 1024;

/// Header buffer of the Runtime API: an error call carries an X-Ray header of up to 1 MiB, and the
/// usual limit of a few hundred kilobytes answers 431, which ends the Python client.
pub const RUNTIME_API_HEADER_BYTES: usize = 2 * 1024 * 1024;

/// How much of an oversize request is read and thrown away before it is refused, so that a client
/// that writes first and reads afterwards gets the answer rather than a reset connection.
pub const DISCARD_BYTES: usize = 64 * 1024 * 1024;

/// How long reading such a request may take.
pub const DISCARD_TIME: Duration = Duration::from_secs(10);

/// The most connections of the front door; fewer where the system gives fewer descriptors. An idle one
/// takes some 20 KB.
pub const CONNECTIONS: usize = 16_384;

/// How long a request, its head and its body, may take to arrive ...
pub const REQUEST_TIME: Duration = Duration::from_secs(10);

/// ... and for each so many bytes that have come, a second more: slow, but not for ever.
pub const REQUEST_BYTES_PER_SECOND: u64 = 1_024;

/// How long a client may take no byte of its answer.
pub const ANSWER_TIME: Duration = Duration::from_secs(5 * 60);

/// AWS stops an initialisation after 10 seconds.
pub const INIT_TIME: Duration = Duration::from_secs(10);

/// How far a signature's date may be from the service's clock.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// Running executions of one function that reserves none. AWS allows 1,000 in an account; each is a
/// process here, and 100 of the smallest are already more than a gigabyte.
pub const UNRESERVED_CONCURRENCY: u32 = 100;

/// Running executions of all functions together: AWS's default for an account.
pub const ACCOUNT_CONCURRENCY: u32 = 1_000;

/// How long an environment waits for its next event before it is stopped.
pub const IDLE_TIME: Duration = Duration::from_secs(5 * 60);

/// How often a running call's memory is looked at. Short calls end before the first look.
pub const MEMORY_POLL: Duration = Duration::from_millis(100);

/// The largest request of CreateFunction and UpdateFunctionCode: a 50 MB archive in base64.
pub const CODE_REQUEST_BYTES: usize = 70_167_211;

/// The largest archive in such a request.
pub const ZIPPED_BYTES: u64 = 52_428_800;

/// The size that an unpacked archive must stay below: AWS's 250 MB.
pub const UNZIPPED_BYTES: u64 = 262_144_000;

/// The most entries of an archive. AWS names no number; as many as the format's classic form holds.
pub const ARCHIVE_ENTRIES: usize = 65_535;

/// All archives together: AWS's default for an account, 75 GB.
pub const CODE_STORAGE_BYTES: u64 = 80_530_636_800;

/// What reservations must leave to the functions without one.
pub const LEAST_UNRESERVED: u32 = 100;

/// The most items of one page, whatever `MaxItems` says.
pub const PAGE_ITEMS: usize = 50;

/// How long a code location can be used: AWS's 10 minutes.
pub const LOCATION_TIME: Duration = Duration::from_secs(600);

/// The largest resource policy, in bytes.
pub const POLICY_BYTES: usize = 20_480;

/// All environment variables of a function together, in bytes.
pub const VARIABLES_BYTES: usize = 4_096;

/// The most tags of a function.
pub const TAGS: usize = 50;
