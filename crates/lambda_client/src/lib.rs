//! Invokes an AWS Lambda function: credentials, signing, pooled connections, retries.
//!
//! The crate knows no database. A [`Client`] lives as long as the process that calls (a PostgreSQL
//! backend, a MariaDB server): it keeps credentials until they expire and connections until their
//! peer closes them. Dropping the future of [`Client::invoke`] abandons the call and closes its
//! connection.

#![forbid(unsafe_code)]

mod attempts;
mod config;
mod connection;
mod credentials;
pub mod diagnose;
mod exchange;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod io_thread;
mod many;
mod pool;
mod proxy;
mod redact;
mod route;
mod sign;
mod tls;

pub use crate::many::{Calls, Landed, Request, Sink, invoke_many};

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lambda_core::{AllowedFunctions, Answer, Endpoint, Invocation, InvokeError, Region};
use tokio::sync::Mutex;

use crate::attempts::Throttled;
use crate::config::AwsConfig;
use crate::pool::Pool;

/// What a caller may decide for one call.
#[derive(Clone, Debug)]
pub struct CallOptions {
    /// The function's region; `None` asks the AWS default chain.
    pub region: Option<Region>,
    /// Where to send the request; `None` means `AWS_ENDPOINT_URL_LAMBDA`, `AWS_ENDPOINT_URL`, the
    /// profile's `endpoint_url`, or else the region's own endpoint.
    pub endpoint: Option<Endpoint>,
    /// Limit for DNS, TCP and TLS of one connection.
    pub connect_timeout: Duration,
    /// Limit for the whole call, retries and waits between them included.
    pub request_timeout: Duration,
    /// How often the call may be tried, 1 or more.
    pub max_attempts: u32,
    /// The functions that may be called; `None` allows all. Checked once the region is known and
    /// before anything is sent.
    pub allowed_functions: Option<Arc<AllowedFunctions>>,
    /// Largest answer that is read, in bytes, at most [`lambda_core::limits::ANSWER_BYTES`].
    pub max_response_bytes: usize,
}

/// What a call did on its way, whether it succeeded or not.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The region that it was resolved to, as soon as that is known.
    pub region: Option<Region>,
    /// How often it was tried again.
    pub retries: u32,
    /// How often the service answered that there are too many calls (429).
    pub throttles: u32,
    /// Bytes of the payloads that were sent, those of each try.
    pub bytes_out: u64,
    /// Bytes of the answers that were read, those of refusals too.
    pub bytes_in: u64,
}

impl Report {
    /// Adds what a later sending of the same call did.
    pub(crate) fn add(&mut self, later: Self) {
        self.region = later.region.or(self.region.take());
        self.retries += later.retries;
        self.throttles += later.throttles;
        self.bytes_out += later.bytes_out;
        self.bytes_in += later.bytes_in;
    }
}

/// Credentials, connections and configuration, shared by all calls of a process.
#[derive(Debug, Default)]
pub struct Client {
    config: Mutex<Option<Arc<AwsConfig>>>,
    pool: Pool,
}

impl Client {
    /// A client that has read nothing yet: configuration and credentials are loaded by the first
    /// call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes one call.
    ///
    /// A synchronous function runs at most once: what may have reached it is not sent again.
    ///
    /// # Errors
    /// Every [`InvokeError`]; none carries a credential, a token or a signature.
    pub async fn invoke(
        &self,
        invocation: Invocation,
        options: &CallOptions,
    ) -> Result<Answer, InvokeError> {
        self.invoke_and_report(invocation, options).await.0
    }

    /// Makes one call, as [`Self::invoke`] does, and tells what it did on its way.
    pub async fn invoke_and_report(
        &self,
        mut invocation: Invocation,
        options: &CallOptions,
    ) -> (Result<Answer, InvokeError>, Report) {
        let body = Bytes::from(std::mem::take(&mut invocation.payload));
        self.call(&invocation, body, options, Throttled::TriesAgain).await
    }

    /// Makes one call with `body` as its payload.
    async fn call(
        &self,
        invocation: &Invocation,
        body: Bytes,
        options: &CallOptions,
        throttled: Throttled,
    ) -> (Result<Answer, InvokeError>, Report) {
        match invocation.invocation_type.check_size(body.len()) {
            Ok(()) => attempts::run(self, invocation, body, options, throttled).await,
            Err(error) => (Err(error), Report::default()),
        }
    }

    async fn config(&self, options: &CallOptions) -> Arc<AwsConfig> {
        let mut config = self.config.lock().await;
        match config.as_ref() {
            Some(loaded) => Arc::clone(loaded),
            None => {
                // What is done once or seldom is boxed, here and below: it would make the future of
                // every call as large as itself, and futures are moved.
                let load = Box::pin(AwsConfig::load(options.region.clone()));
                let loaded = Arc::new(load.await);
                Arc::clone(config.insert(loaded))
            }
        }
    }

    /// Has the next call read the configuration again: it lacked something, which a DBA may add
    /// while the session goes on.
    async fn forget_config(&self) {
        *self.config.lock().await = None;
    }
}
