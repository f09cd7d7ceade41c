//! One HTTP/1.1 connection.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use lambda_core::{Endpoint, InvokeError};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::route::{Route, Stream, connect_error};

/// Largest head of a response in bytes. The service's own is under 8 KB, of which 5.5 KB are the
/// log's tail in base64. Also the size of the read buffer, which bounds how much a peer that sends
/// without end can have read before a timer is looked at.
const HEAD_BYTES: usize = 65_536;

/// A function may think for 15 minutes without a byte on the wire; routers forget a connection
/// earlier. The kernel sends these probes: the process is not woken.
pub(crate) const TCP_KEEPALIVE: Duration = Duration::from_secs(45);

/// An open connection. Dropping it closes the socket, also in the middle of an exchange.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Sends one request at a time.
    pub(crate) sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Connection {
    /// Opens a connection: DNS, TCP, a proxy's tunnel and, for `https`, TLS, all within `limit`.
    pub(crate) async fn open(endpoint: &Endpoint, limit: Duration) -> Result<Self, InvokeError> {
        let open = async { Self::over(Route::to(endpoint)?.open().await?, endpoint).await };
        match timeout(limit, open).await {
            Ok(result) => result,
            Err(_) => {
                let cause = format!("no connection within {} ms", limit.as_millis());
                Err(connect_error(endpoint, &cause))
            }
        }
    }

    /// Hands the stream to hyper, whose driver then also watches it between calls.
    pub(crate) async fn over(stream: Stream, endpoint: &Endpoint) -> Result<Self, InvokeError> {
        let (sender, driver) = Builder::new()
            .max_header_size(HEAD_BYTES)
            .max_buf_size(HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| connect_error(endpoint, &last(&error)))?;
        // The driver's error is also the sender's, who reports it.
        let driver = tokio::spawn(async move {
            let _ = driver.await;
        });
        Ok(Self { sender, driver: driver.abort_handle() })
    }

    /// Whether the peer has closed it.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The innermost cause: "Connection refused", not "client error (Connect)".
pub(crate) fn last(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
