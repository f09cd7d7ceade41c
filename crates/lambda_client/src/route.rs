//! The way to an endpoint, step by step: TCP to it or to its proxy, a tunnel through the proxy,
//! TLS. Calls take all steps at once; a diagnosis takes them one by one.

use std::io;
use std::sync::Arc;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use lambda_core::{Endpoint, InvokeError};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service as _;

use crate::connection::{TCP_KEEPALIVE, last};
use crate::proxy::{Proxy, proxy_for, uri_of};
use crate::tls;

/// What HTTP is spoken over: TCP, or TLS over it, once or twice. One type for all, because a
/// virtual call is nothing beside the system call that follows it.
pub(crate) type Stream = Box<dyn Duplex>;

pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// An endpoint and the proxy before it.
pub(crate) struct Route<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) proxy: Option<Proxy>,
}

impl<'a> Route<'a> {
    /// The way that the process's environment says.
    pub(crate) fn to(endpoint: &'a Endpoint) -> Result<Self, InvokeError> {
        Ok(Self { endpoint, proxy: proxy_for(endpoint)? })
    }

    /// All steps: the stream that requests are sent over.
    pub(crate) async fn open(&self) -> Result<Stream, InvokeError> {
        let stream = self.enter(self.dial().await?).await?;
        if !self.endpoint.https {
            return Ok(stream);
        }
        let tls = self.secure(stream, tls::client_config()?).await;
        Ok(Box::new(tls.map_err(|error| connect_error(self.endpoint, &last(&error)))?))
    }

    /// Where the socket leads: the proxy, or else the endpoint.
    pub(crate) fn peer(&self) -> Result<Uri, InvokeError> {
        self.proxy.as_ref().map_or_else(|| uri_of(self.endpoint), |proxy| Ok(proxy.uri.clone()))
    }

    /// DNS and TCP.
    pub(crate) async fn dial(&self) -> Result<TcpStream, InvokeError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_keepalive(Some(TCP_KEEPALIVE));
        let opened = connector.call(self.peer()?).await;
        opened.map(TokioIo::into_inner).map_err(|error| self.error(&last(&error)))
    }

    /// Through the proxy, if there is one. To a proxy, plain `http` requests are handed as they
    /// are: many connect to port 443 only.
    pub(crate) async fn enter(&self, tcp: TcpStream) -> Result<Stream, InvokeError> {
        let Some(proxy) = &self.proxy else { return Ok(Box::new(tcp)) };
        let mut stream: Stream = Box::new(tcp);
        if proxy.is_https() {
            let host = proxy.uri.host().unwrap_or_default();
            let tls = start_tls(host, stream, tls::client_config()?).await;
            stream = Box::new(tls.map_err(|error| self.error(&last(&error)))?);
        }
        if self.endpoint.https {
            stream = proxy.tunnel(self.endpoint, TokioIo::new(stream)).await?.into_inner();
        }
        Ok(stream)
    }

    /// TLS with the endpoint itself.
    pub(crate) async fn secure(
        &self,
        stream: Stream,
        config: Arc<ClientConfig>,
    ) -> io::Result<TlsStream<Stream>> {
        start_tls(&self.endpoint.host, stream, config).await
    }

    /// A step that failed before the endpoint itself was reached.
    pub(crate) fn error(&self, cause: &str) -> InvokeError {
        match &self.proxy {
            Some(proxy) => proxy.error(self.endpoint, cause),
            None => connect_error(self.endpoint, cause),
        }
    }
}

async fn start_tls(
    host: &str,
    stream: Stream,
    config: Arc<ClientConfig>,
) -> io::Result<TlsStream<Stream>> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(config).connect(name, stream).await
}

pub(crate) fn connect_error(endpoint: &Endpoint, cause: &str) -> InvokeError {
    let endpoint = format!("{}://{}", endpoint.scheme(), endpoint.authority());
    InvokeError::Connect { endpoint, cause: lambda_core::cut(cause, 300) }
}
