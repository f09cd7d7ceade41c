//! Serving a connection that is watched.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use hyper::body::{Body, Frame, SizeHint};
use tokio::net::TcpStream;

use super::Place;
use super::line::Answering;
use super::stream::Watched;
use crate::http_io::{Request, serve_connection};

/// Serves a connection of the front door until it ends, or has to. A handler that has read a
/// request's body says so with [`super::Line::has_arrived`] on the line in its extensions. When
/// `stop` is ready, the answer that it is at is its last.
pub(crate) async fn serve<F, R, B>(
    stream: TcpStream,
    place: Place,
    buffer: usize,
    answer: F,
    stop: impl Future<Output = ()>,
) where
    F: Fn(Request) -> R,
    R: Future<Output = Response<B>>,
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let _ = stream.set_nodelay(true);
    let line = &place.line;
    let answer = |mut request: Request| {
        if request.body().is_end_stream() {
            line.has_arrived();
        } else {
            request.extensions_mut().insert(line.clone());
        }
        let answered = answer(request);
        let line = line.clone();
        async move {
            let answer = answered.await;
            let answering = line.answering();
            answer.map(|body| Answered { body, _until: answering })
        }
    };
    let served = serve_connection(Watched::new(stream, line.clone()), buffer, answer, stop);
    tokio::select! {
        () = served => {}
        () = line.ended() => {}
    }
}

/// A body that is being sent; when it is dropped, the request is answered.
struct Answered<B> {
    body: B,
    _until: Answering,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answered<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
