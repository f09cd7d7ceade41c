//! What a fuzzer may try, each with what must hold of every input. The inputs that are kept, in
//! `fuzz/corpus`, are run by the tests below.

use std::cell::OnceCell;
use std::time::Duration;

use bytes::Bytes;
use lambda_core::{Arguments, Endpoint, InvokeError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, Runtime};

use crate::connection::Connection;
use crate::exchange::{ExchangeError, build_request, exchange};

/// The largest answer that the reader is told to take.
const LIMIT: usize = 2_000;

thread_local! {
    static RUNTIME: OnceCell<Option<Runtime>> = const { OnceCell::new() };
}

/// All that a peer sends in answer to a request, up to the end of its stream.
pub fn response(data: &[u8]) {
    RUNTIME.with(|runtime| {
        let new = || Builder::new_current_thread().enable_time().build().ok();
        if let Some(runtime) = runtime.get_or_init(new) {
            runtime.block_on(converse(data));
        }
    });
}

async fn converse(data: &[u8]) {
    let arguments = Arguments { function_name: Some("f".to_owned()), ..Arguments::default() };
    let Ok((invocation, _)) = arguments.check() else { return };
    let Ok(endpoint) = Endpoint::parse("http://127.0.0.1:9") else { return };
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let peer = async {
        // An answer that came before the request would be a different fault.
        let mut request = [0; 1_024];
        let _ = theirs.read(&mut request).await;
        let _ = theirs.write_all(data).await;
        drop(theirs);
    };
    let call = async {
        let path = invocation.path_and_query();
        let request = build_request(&invocation, &endpoint, &path, Bytes::from_static(b"{}"));
        let mut connection = Connection::over(Box::new(ours), &endpoint).await?;
        match exchange(&mut connection, request?, "f", LIMIT).await {
            Ok(answer) => {
                assert!(answer.is_refusal() || answer.body.len() <= LIMIT);
                answer.interpret(&invocation)
            }
            Err(ExchangeError::Failed(error)) => Err(error),
            Err(ExchangeError::NotSent(_)) => Err(InvokeError::NoRegion),
        }
    };
    let conversation = async { tokio::join!(call, peer).0 };
    // The peer's end is a fault like any other: nothing may wait for more.
    let ended = tokio::time::timeout(Duration::from_secs(20), conversation).await;
    assert!(ended.is_ok(), "the reader waits for a peer that has gone");
    if let Ok(Err(error)) = ended {
        assert!(error.to_string().len() < 100_000);
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    #[test]
    fn kept_inputs_of_the_fuzzer() {
        super::replay::replay("response", super::response);
    }
}
