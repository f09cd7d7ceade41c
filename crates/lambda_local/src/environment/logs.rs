//! A process's output: shown line by line, and kept as the log of the call it belongs to.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::net::unix::pipe::Receiver;

use crate::limits::{LOG_BYTES, LOG_TAIL_BYTES};

/// The end of a call's log.
#[derive(Debug, Default)]
pub struct Log(VecDeque<u8>);

impl Log {
    /// A log of just these lines.
    pub(crate) fn of(lines: &[String]) -> Self {
        let mut log = Self::default();
        for line in lines {
            log.push(line.as_bytes());
            log.push(b"\n");
        }
        log
    }

    fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(LOG_BYTES)..];
        let over = (self.0.len() + bytes.len()).saturating_sub(LOG_BYTES);
        self.0.drain(..over);
        self.0.extend(bytes);
    }

    /// All that is kept, up to [`LOG_BYTES`].
    pub fn to_bytes(&self) -> Bytes {
        let (first, second) = self.0.as_slices();
        [first, second].concat().into()
    }

    /// What `X-Amz-Log-Type: Tail` returns: the last 4 KB.
    pub fn tail(&self) -> Vec<u8> {
        self.0.range(self.0.len().saturating_sub(LOG_TAIL_BYTES)..).copied().collect()
    }
}

/// The pipe that a process writes its output into, and what is known of it.
#[derive(Debug)]
pub(super) struct Logs {
    function: String,
    pipe: Receiver,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The call that the output belongs to.
    call: Option<(String, Log)>,
    /// A line whose end has not come yet.
    partial: Vec<u8>,
}

/// A line longer than this is shown in pieces.
const LONGEST_LINE: usize = 64 * 1024;

impl Logs {
    pub(super) fn new(function: &str, read_end: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            function: function.to_owned(),
            pipe: Receiver::from_owned_fd(read_end)?,
            state: Mutex::default(),
        })
    }

    /// Shows the output as it comes, until every process that holds the other end has closed it.
    pub(super) async fn pump(&self) {
        let mut buffer = vec![0; 16 * 1024];
        while self.pipe.readable().await.is_ok() {
            let mut state = self.lock();
            match self.pipe.try_read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => state.take(&self.function, &buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    /// Takes everything that was written before this moment.
    ///
    /// Reads the descriptor itself: the async wrapper would first wait to be told that there is
    /// something to read, and a log line written just before the answer would miss its call.
    fn drain(&self, state: &mut State) {
        let mut buffer = [0; 8 * 1024];
        while let Ok(count) = nix::unistd::read(self.pipe.as_fd(), &mut buffer) {
            if count == 0 {
                break;
            }
            state.take(&self.function, &buffer[..count]);
        }
    }

    /// A call begins: from now on the output is its log.
    pub(super) fn begin(&self, request_id: &str, version: &str) {
        let mut state = self.lock();
        self.drain(&mut state);
        state.flush_partial(&self.function);
        state.call = Some((request_id.to_owned(), Log::default()));
        state
            .own_line(&self.function, &format!("START RequestId: {request_id} Version: {version}"));
    }

    /// A call ends: `lines` (END, REPORT ...) close its log.
    pub(super) fn end(&self, lines: &[String]) -> Log {
        let mut state = self.lock();
        self.drain(&mut state);
        state.flush_partial(&self.function);
        for line in lines {
            state.own_line(&self.function, line);
        }
        state.call.take().map(|(_, log)| log).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, function: &str, bytes: &[u8]) {
        // Amazon's Python client joins the lines of an error with carriage returns.
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => self.line_end(function, *byte),
                byte => self.partial.push(*byte),
            }
            if self.partial.len() >= LONGEST_LINE {
                self.flush_partial(function);
            }
        }
    }

    fn line_end(&mut self, function: &str, byte: u8) {
        // The second half of "\r\n" ends no line of its own; an empty line of the function does.
        if byte == b'\n' || !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            self.show(function, &line);
        }
    }

    fn flush_partial(&mut self, function: &str) {
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            self.show(function, &line);
        }
    }

    fn own_line(&mut self, function: &str, line: &str) {
        self.show(function, line.as_bytes());
    }

    fn show(&mut self, function: &str, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        match &mut self.call {
            Some((request_id, log)) => {
                log.push(line);
                log.push(b"\n");
                tracing::info!(target: "function", function, request_id, "{text}");
            }
            None => tracing::info!(target: "function", function, "{text}"),
        }
    }
}
