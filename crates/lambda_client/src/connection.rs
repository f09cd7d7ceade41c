//! One HTTP/1.1 connection.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use lambda_core::{Endpoint, InvokeError};
use rustls::pki_types::ServerName;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service as _;

use crate::tls;

/// Largest head of a response in bytes. The service's own is under 8 KB, of which 5.5 KB are the
/// log's tail in base64. Also the size of the read buffer, which bounds how much a peer that sends
/// without end can have read before a timer is looked at.
const HEAD_BYTES: usize = 65_536;

/// A function may think for 15 minutes without a byte on the wire; routers forget a connection
/// earlier. The kernel sends these probes: the process is not woken.
const TCP_KEEPALIVE: Duration = Duration::from_secs(45);

/// An open connection. Dropping it closes the socket, also in the middle of an exchange.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Sends one request at a time.
    pub(crate) sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Connection {
    /// Opens a connection: DNS, TCP and, for `https`, TLS, all within `limit`.
    pub(crate) async fn open(endpoint: &Endpoint, limit: Duration) -> Result<Self, InvokeError> {
        match timeout(limit, connect(endpoint)).await {
            Ok(result) => result,
            Err(_) => {
                let cause = format!("no connection within {} ms", limit.as_millis());
                Err(connect_error(endpoint, cause))
            }
        }
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

async fn connect(endpoint: &Endpoint) -> Result<Connection, InvokeError> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_keepalive(Some(TCP_KEEPALIVE));
    let uri: Uri = format!("{}://{}/", endpoint.scheme(), endpoint.authority())
        .parse()
        .map_err(|_| InvokeError::Endpoint("The endpoint is not a URL".to_owned()))?;
    let tcp = connector.call(uri).await.map_err(|error| connect_error(endpoint, last(&error)))?;
    if !endpoint.https {
        return handshake(endpoint, tcp).await;
    }
    let host = endpoint.host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| connect_error(endpoint, error.to_string()))?;
    let tls = TlsConnector::from(tls::client_config()?)
        .connect(name, tcp.into_inner())
        .await
        .map_err(|error| connect_error(endpoint, last(&error)))?;
    handshake(endpoint, TokioIo::new(tls)).await
}

/// Hands the stream to hyper, whose driver then also watches it between calls.
async fn handshake<T>(endpoint: &Endpoint, stream: T) -> Result<Connection, InvokeError>
where
    T: Read + Write + Send + Unpin + 'static,
{
    let (sender, driver) = Builder::new()
        .max_header_size(HEAD_BYTES)
        .max_buf_size(HEAD_BYTES)
        .handshake(stream)
        .await
        .map_err(|error| connect_error(endpoint, last(&error)))?;
    // The driver's error is also the sender's, who reports it.
    let driver = tokio::spawn(async move {
        let _ = driver.await;
    });
    Ok(Connection { sender, driver: driver.abort_handle() })
}

fn connect_error(endpoint: &Endpoint, cause: String) -> InvokeError {
    let endpoint = format!("{}://{}", endpoint.scheme(), endpoint.authority());
    InvokeError::Connect { endpoint, cause: lambda_core::cut(&cause, 300) }
}

/// The innermost cause: "Connection refused", not "client error (Connect)".
pub(crate) fn last(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
