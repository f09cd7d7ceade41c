//! Answers to InvokeWithResponseStream, event by event as they arrive, taken apart by hand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Chunk(Vec<u8>),
    Complete(serde_json::Value),
}

/// An answer that is being read.
pub struct Events {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    reader: BufReader<TcpStream>,
    /// Bytes of HTTP's present chunk that are not read yet.
    left: usize,
}

impl Events {
    /// Calls a function and reads the answer's head.
    pub fn call(address: &str, function: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let path = format!("/2021-11-15/functions/{function}/response-streaming-invocations");
        let mut head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer =
            Self { status: 0, headers: Vec::new(), reader: BufReader::new(stream), left: 0 };
        answer.status = answer.line().split(' ').nth(1).unwrap().parse().unwrap();
        loop {
            let line = answer.line();
            let Some((name, value)) = line.split_once(": ") else { break };
            answer.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        answer
    }

    /// A header's value, its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The next event; nothing at the end.
    #[allow(clippy::should_implement_trait, reason = "not to be collected by accident")]
    pub fn next(&mut self) -> Option<Event> {
        let prelude: [u8; 12] = self.take(12)?.try_into().unwrap();
        let number = |at: usize| u32::from_be_bytes(prelude[at..at + 4].try_into().unwrap());
        let (total, headers) = (number(0) as usize, number(4) as usize);
        let headers = String::from_utf8_lossy(&self.take(headers).unwrap()).into_owned();
        let payload = self.take(total - 16 - headers.len()).unwrap();
        self.take(4).unwrap();
        if headers.contains("PayloadChunk") {
            return Some(Event::Chunk(payload));
        }
        assert!(headers.contains("InvokeComplete"), "{headers}");
        Some(Event::Complete(serde_json::from_slice(&payload).unwrap()))
    }

    /// The next event, which must be this text.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        assert_eq!(self.next(), Some(Event::Chunk(text.as_bytes().to_vec())));
    }

    /// How many bytes are streamed from here on, and how it ended.
    pub fn drain(&mut self) -> (usize, serde_json::Value) {
        let mut bytes = 0;
        loop {
            match self.next().expect("an end") {
                Event::Chunk(chunk) => bytes += chunk.len(),
                Event::Complete(end) => {
                    assert_eq!(self.next(), None, "nothing after the end");
                    return (bytes, end);
                }
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// So many bytes of the body; nothing at its end.
    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; count];
        let mut filled = 0;
        while filled < count {
            if self.left == 0 {
                let size = self.line();
                self.left = usize::from_str_radix(&size, 16)
                    .unwrap_or_else(|_| panic!("cut off after {filled} of {count} bytes: {size}"));
                if self.left == 0 {
                    assert_eq!(filled, 0, "in the middle of an event");
                    return None;
                }
            }
            let part = (count - filled).min(self.left);
            self.reader.read_exact(&mut bytes[filled..filled + part]).unwrap();
            filled += part;
            self.left -= part;
            if self.left == 0 {
                self.line();
            }
        }
        Some(bytes)
    }
}
