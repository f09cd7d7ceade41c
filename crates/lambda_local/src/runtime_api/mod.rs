//! The Runtime API (2018-06-01): how a function's process gets its events and gives its answers.
//!
//! Every execution environment has a listener of its own. Clients open several connections and
//! close them as they like, so nothing hangs on a connection.

mod answers;
mod finish;
mod handlers;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::environment::Environment;
use crate::http_io::serve_connection;
use crate::limits::RUNTIME_API_HEADER_BYTES;

/// How long to wait after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How long what a process had sent before it ended is still read.
const LAST_READ_TIME: Duration = Duration::from_millis(200);

/// Serves one environment until `ended`; then finishes what its process had already sent.
pub(crate) async fn serve(
    listener: TcpListener,
    environment: Arc<Environment>,
    mut ended: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut ended => break,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors: trying again at once would keep a processor busy.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        connections.spawn(connection(stream, Arc::clone(&environment)));
        while connections.try_join_next().is_some() {}
    }
    // An answer written just before the exit may still wait in the backlog or in a socket. The
    // process is gone, so each connection ends as soon as it is read to the end.
    while let Some((stream, _)) = accept_now(&listener).await {
        connections.spawn(connection(stream, Arc::clone(&environment)));
    }
    let finished = async { while connections.join_next().await.is_some() {} };
    tokio::pin!(finished);
    // An answer that is streamed ends when its caller has taken it, or with the call's time.
    while tokio::time::timeout(LAST_READ_TIME, &mut finished).await.is_err() {
        if !environment.is_streaming() {
            return;
        }
    }
}

async fn connection(stream: tokio::net::TcpStream, environment: Arc<Environment>) {
    let _ = stream.set_nodelay(true);
    let answer = |request| handlers::answer(Arc::clone(&environment), request);
    serve_connection(stream, RUNTIME_API_HEADER_BYTES, answer, std::future::pending()).await;
}

/// A connection that is already in the backlog.
async fn accept_now(
    listener: &TcpListener,
) -> Option<(tokio::net::TcpStream, std::net::SocketAddr)> {
    std::future::poll_fn(|context| match listener.poll_accept(context) {
        std::task::Poll::Ready(accepted) => std::task::Poll::Ready(accepted.ok()),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}
