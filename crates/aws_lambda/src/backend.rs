//! What a backend keeps between calls: its I/O thread, its connections and its credentials.

use std::sync::{Arc, OnceLock};

use lambda_client::{CallOptions, Client, Report};
use lambda_core::{Answer, Invocation, InvokeError};
use pg_support::io_thread::{IoThread, at_backend_exit};
use pgrx::prelude::*;

use crate::statistics::Callee;

struct Backend {
    io: IoThread,
    client: Arc<Client>,
}

/// Set by a backend's first call, never in the postmaster: threads do not survive a fork.
static BACKEND: OnceLock<Backend> = OnceLock::new();

/// Makes a call and waits for it. An interrupt unwinds, and the call is abandoned.
pub(crate) fn call(invocation: Invocation, options: CallOptions) -> Result<Answer, InvokeError> {
    let backend = backend()?;
    let client = Arc::clone(&backend.client);
    let counted = Callee::new(&invocation, options.region.as_ref()).begin();
    let call = async move { client.invoke_and_report(invocation, &options).await };
    let (result, report) = backend.io.run(call).unwrap_or_else(|_panicked| {
        let bug = "The client failed; please report this as a bug".to_owned();
        (Err(InvokeError::Client(bug)), Report::default())
    });
    counted.finish(&result, &report);
    result
}

fn backend() -> Result<&'static Backend, InvokeError> {
    if let Some(backend) = BACKEND.get() {
        return Ok(backend);
    }
    let io = IoThread::start(c"AwsLambdaInvoke").map_err(|error| {
        InvokeError::Client(format!("The I/O thread could not be started: {error}"))
    })?;
    at_backend_exit(stop);
    Ok(BACKEND.get_or_init(|| Backend { io, client: Arc::new(Client::new()) }))
}

#[pg_guard]
unsafe extern "C-unwind" fn stop(_code: i32, _argument: pg_sys::Datum) {
    if let Some(backend) = BACKEND.get() {
        backend.io.stop();
    }
}
