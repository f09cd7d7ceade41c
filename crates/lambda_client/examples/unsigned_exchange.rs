//! The floor for a call: the same bytes over a kept-alive connection, neither signed nor checked.
//!
//! For `cargo xtask bench`. Takes an endpoint's URL and a number of exchanges, prints their median
//! in microseconds.

use std::time::Instant;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What `aws_lambda.invoke('echo', '{"body": "Hello from Postgres!"}')` sends.
const BODY: &str = r#"{"body": "Hello from Postgres!"}"#;
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, \
SignedHeaders=content-type;host;x-amz-date;x-amz-invocation-type, \
Signature=0000000000000000000000000000000000000000000000000000000000000000";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().context("usage: unsigned_exchange URL COUNT")?;
    let count: usize = arguments.next().context("usage: unsigned_exchange URL COUNT")?.parse()?;
    let address = url.strip_prefix("http://").context("the URL must begin with http://")?;

    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // Its error reaches the sender too.
        let _ = driver.await;
    });
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let begin = Instant::now();
        let response = sender.send_request(request(address)?).await?;
        let answer = response.into_body().collect().await?.to_bytes();
        times.push(begin.elapsed());
        anyhow::ensure!(answer == BODY, "the endpoint did not echo");
    }
    times.sort_unstable();
    let median = times.get(count / 2).context("COUNT must be 1 or more")?;
    println!("{:.2}", median.as_secs_f64() * 1e6);
    Ok(())
}

fn request(address: &str) -> Result<Request<Full<Bytes>>> {
    Ok(Request::post("/2015-03-31/functions/echo/invocations")
        .header("host", address)
        .header("user-agent", "sqlambda/0.1.0")
        .header("content-type", "application/json")
        .header("x-amz-invocation-type", "RequestResponse")
        .header("x-amz-date", "20260101T000000Z")
        .header("authorization", AUTHORIZATION)
        .body(Full::new(Bytes::from_static(BODY.as_bytes())))?)
}
