//! What both HTTP servers share: bodies with a limit, answers, and serving a connection.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::limits::{DISCARD_BYTES, DISCARD_TIME};

/// A request as hyper hands it over.
pub(crate) type Request = http::Request<Incoming>;

/// An answer. Nearly all bodies are complete when the answer begins, and cost no more than their
/// bytes; the others are whatever yields frames.
pub(crate) type Answer = Response<Either<Full<Bytes>, UnsyncBoxBody<Bytes, io::Error>>>;

/// An answer with these bytes.
pub(crate) fn complete(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(body.into())));
    *answer.status_mut() = status;
    answer
}

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = complete(status, body);
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    answer
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    complete(status, Bytes::new())
}

/// An answer whose body comes bit by bit. It is asked for more only when the client has taken what
/// came before, but for a buffer of the connection. An error in it closes the connection before the
/// body's end, so that the client notices.
pub(crate) fn streaming<B>(status: StatusCode, body: B) -> Answer
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<io::Error>,
{
    let body = UnsyncBoxBody::new(body.map_err(Into::into));
    let mut answer = Response::new(Either::Right(body));
    *answer.status_mut() = status;
    answer
}

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is larger than allowed. A bounded part of it was read and thrown away.
    TooLarge,
    /// The connection broke.
    Broken,
}

/// A body, and the trailers after it.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) bytes: Bytes,
    pub(crate) trailers: HeaderMap,
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read_body(mut body: Incoming, limit: usize) -> Result<Collected, BodyError> {
    let announced = body.size_hint().exact();
    if announced.is_some_and(|length| length > limit as u64) {
        discard(body, 0).await;
        return Err(BodyError::TooLarge);
    }
    let mut buffer = BytesMut::with_capacity(announced.unwrap_or(0) as usize);
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| BodyError::Broken)?.into_data() {
            Ok(data) if buffer.len() + data.len() > limit => {
                discard(body, buffer.len() + data.len()).await;
                return Err(BodyError::TooLarge);
            }
            Ok(data) => buffer.extend_from_slice(&data),
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    Ok(Collected { bytes: buffer.freeze(), trailers })
}

/// Reads on without keeping anything, so that a client that is still writing gets to read the
/// answer: closing a socket with unread bytes in it resets the connection. `seen` bytes were read
/// before.
pub(crate) async fn discard(mut body: Incoming, mut seen: usize) {
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > DISCARD_BYTES {
                return;
            }
        }
    };
    // A client that neither sends nor closes gets the answer after a while.
    let _ = tokio::time::timeout(DISCARD_TIME, reading).await;
}

/// Serves one connection until it ends, or until the answer that it is at when `stop` is ready.
pub(crate) async fn serve_connection<S, F, R, B>(
    stream: S,
    buffer: usize,
    answer: F,
    stop: impl Future<Output = ()>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request) -> R,
    R: Future<Output = Response<B>>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let service = service_fn(|request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        // It would count the silence between requests, and pooled clients and busy runtimes are
        // silent for minutes. The front door's connections are watched by `connections`.
        .header_read_timeout(None)
        .max_buf_size(buffer)
        // A process may exit right after it sent its answer: the answer counts.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection, stop);
    let served = tokio::select! {
        served = &mut connection => served,
        () = stop => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended");
    }
}
