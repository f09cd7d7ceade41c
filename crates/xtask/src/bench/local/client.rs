//! Plain HTTP over one kept connection: what every side of a comparison gets.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// What every call sends and, from an echo, gets.
pub const PAYLOAD: &str = r#"{"number":1}"#;

/// A kept connection.
pub struct Client {
    stream: BufReader<TcpStream>,
    head: String,
}

impl Client {
    /// Connects; the calls will be of this function.
    pub fn connect(address: &str, function: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let head = format!(
            "POST /2015-03-31/functions/{function}/invocations HTTP/1.1\r\nHost: {address}\r\n\
             Content-Length: {}\r\n\r\n{PAYLOAD}",
            PAYLOAD.len()
        );
        Ok(Self { stream: BufReader::new(stream), head })
    }

    /// Milliseconds of one call.
    pub fn call(&mut self) -> Result<f64> {
        let begin = Instant::now();
        self.stream.get_mut().write_all(self.head.as_bytes())?;
        let answer = self.read()?;
        let took = begin.elapsed().as_secs_f64() * 1_000.0;
        let same = answer.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(PAYLOAD.as_bytes());
        ensure!(same, "the answer is {}", String::from_utf8_lossy(&answer));
        Ok(took)
    }

    fn read(&mut self) -> Result<Vec<u8>> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        ensure!(line.contains(" 200"), "the answer begins with {line:?}");
        let (mut length, mut chunked) = (None, false);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().ok(),
                "transfer-encoding" => chunked = value.trim() == "chunked",
                _ => {}
            }
        }
        if chunked {
            return self.read_chunks();
        }
        let mut body = vec![0; length.context("an answer without a length")?];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    fn read_chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).context("a chunk's length")?;
            let begin = body.len();
            body.resize(begin + length + 2, 0);
            self.stream.read_exact(&mut body[begin..])?;
            body.truncate(begin + length);
            if length == 0 {
                return Ok(body);
            }
        }
    }
}

/// Calls per second of so many clients at once, each with its own connection, for a while.
pub fn rate(address: &str, function: &str, clients: usize, time: Duration) -> Result<f64> {
    let begin = Instant::now();
    let counts: Vec<Result<u32>> = std::thread::scope(|scope| {
        let client = || -> Result<u32> {
            let mut client = Client::connect(address, function)?;
            let mut count = 0;
            while begin.elapsed() < time {
                client.call()?;
                count += 1;
            }
            Ok(count)
        };
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(Ok(0))).collect()
    });
    let total: u32 = counts.into_iter().sum::<Result<u32>>()?;
    Ok(f64::from(total) / begin.elapsed().as_secs_f64())
}
