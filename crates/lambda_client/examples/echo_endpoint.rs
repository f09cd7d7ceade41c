//! The fastest Lambda endpoint that can be had: answers each request with its own body.
//!
//! For `cargo xtask bench`: what is measured against it is the caller, not a function. Prints its
//! URL, serves until its standard input is closed, checks no signature. The function `after-20ms`
//! answers 20 ms later.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    tokio::select! {
        result = serve(listener) => result,
        _ = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0])) => Ok(()),
    }
}

async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            // A connection that breaks is its client's affair.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(echo))
                .await;
        });
    }
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path().contains("/functions/after-20ms/") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let mut response = Response::new(Full::new(body));
    response
        .headers_mut()
        .insert("x-amz-executed-version", http::HeaderValue::from_static("$LATEST"));
    Ok(response)
}
