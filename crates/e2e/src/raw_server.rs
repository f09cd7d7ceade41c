//! A scripted TCP server, for faults that no real Lambda service can be made to show, and for
//! looking at a request byte by byte.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// One HTTP request as it came over the wire.
#[derive(Clone, Debug, Default)]
pub struct RawRequest {
    /// Request line and headers, up to and including the empty line.
    pub head: Vec<u8>,
    /// The body, by `Content-Length`.
    pub body: Vec<u8>,
}

impl RawRequest {
    /// The value of a header, if it is there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        String::from_utf8_lossy(&self.head).lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// The request line, such as `POST /path HTTP/1.1`.
    #[must_use]
    pub fn request_line(&self) -> String {
        String::from_utf8_lossy(&self.head).lines().next().unwrap_or_default().to_owned()
    }
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct RawConnection {
    reader: BufReader<TcpStream>,
    requests: Arc<Mutex<Vec<RawRequest>>>,
}

impl RawConnection {
    /// Reads and records one request; `None` when the peer has closed.
    ///
    /// # Errors
    /// The socket's.
    pub fn read_request(&mut self) -> io::Result<Option<RawRequest>> {
        let mut request = RawRequest::default();
        loop {
            let before = request.head.len();
            if self.reader.read_until(b'\n', &mut request.head)? == 0 {
                return Ok(None);
            }
            if matches!(&request.head[before..], b"\r\n" | b"\n") {
                break;
            }
        }
        let length =
            request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        request.body.resize(length, 0);
        self.reader.read_exact(&mut request.body)?;
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        Ok(Some(request))
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// The socket's.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes.as_ref())
    }

    /// Writes a response with a correct `Content-Length`; `headers` are whole lines without their
    /// line ends.
    ///
    /// # Errors
    /// The socket's.
    pub fn respond(&mut self, status: u16, headers: &[&str], body: &[u8]) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {status} Any\r\nContent-Length: {}\r\n", body.len());
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        self.write([head.as_bytes(), body].concat())
    }

    /// The socket, for whatever else a fault needs.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }
}

/// A server on a free port of 127.0.0.1. It ends when it is dropped; connections that a script
/// still holds end with their scripts.
#[derive(Debug)]
pub struct RawServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<RawRequest>>>,
    connections: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl RawServer {
    /// Starts a server that runs `script` for each connection, on a thread of its own.
    ///
    /// # Errors
    /// The socket's.
    pub fn start(
        script: impl Fn(&mut RawConnection) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let requests = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let stopping = Arc::new(AtomicBool::new(false));
        let (record, count, stop) =
            (Arc::clone(&requests), Arc::clone(&connections), Arc::clone(&stopping));
        let script = Arc::new(script);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                let (script, requests) = (Arc::clone(&script), Arc::clone(&record));
                std::thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    let mut connection = RawConnection { reader: BufReader::new(stream), requests };
                    // A script that fails has lost its peer, which is what many tests make happen.
                    let _ = script(&mut connection);
                });
            }
        });
        Ok(Self { address, requests, connections, stopping, accepting: Some(accepting) })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Address and port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests read so far.
    #[must_use]
    pub fn requests(&self) -> Vec<RawRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees that it should stop.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.accepting.take() {
            let _ = thread.join();
        }
    }
}
