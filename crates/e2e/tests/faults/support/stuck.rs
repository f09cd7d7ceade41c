//! Peers at which a call gets stuck, each at another stage.

use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use e2e::{RawConnection, RawServer, wait_until};
use nix::sys::socket::sockopt::RcvBuf;
use nix::sys::socket::{Backlog, listen, setsockopt};

use super::proc;

/// Bytes of a large payload, close to the limit of 6 MB.
const LARGE: usize = 6_000_000;

/// Bytes of a payload of many: more than the kernel takes off a sender whose peer does not read.
const LARGE_OF_MANY: usize = 500_000;

/// Where a call is when it does not go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// SYNs are dropped: the listener's backlog is full.
    Connecting,
    /// The peer never answers the TLS handshake.
    Handshaking,
    /// The peer never reads the request.
    Sending,
    /// The peer never answers.
    Waiting,
    /// The peer's answer comes slowly, and is long.
    Receiving,
}

/// Every stage.
pub const STAGES: [Stage; 5] =
    [Stage::Connecting, Stage::Handshaking, Stage::Sending, Stage::Waiting, Stage::Receiving];

/// A peer at which calls get stuck.
pub struct Peer {
    stage: Stage,
    kind: Kind,
}

enum Kind {
    Full { address: SocketAddr, _listener: TcpListener, _queued: Vec<TcpStream> },
    Scripted { server: RawServer, seen: Arc<Seen> },
}

/// What a scripted peer has seen.
#[derive(Default)]
struct Seen {
    /// Calls that got to the stage.
    reached: AtomicUsize,
    /// Connections that the caller closed.
    closed: AtomicUsize,
    /// Lets such a peer read on, because that is the only way to see a close behind unread bytes.
    release: AtomicBool,
}

impl Peer {
    /// Starts one.
    pub fn at(stage: Stage) -> Self {
        let kind = if stage == Stage::Connecting { full() } else { scripted(stage) };
        Self { stage, kind }
    }

    /// Its endpoint.
    pub fn url(&self) -> String {
        match &self.kind {
            Kind::Full { address, .. } => format!("http://{address}"),
            Kind::Scripted { server, .. } if self.stage == Stage::Handshaking => {
                server.url().replace("http:", "https:")
            }
            Kind::Scripted { server, .. } => server.url(),
        }
    }

    /// The payload to call with.
    pub fn payload(&self) -> String {
        let size = if self.stage == Stage::Sending { LARGE } else { 8 };
        format!("\"{}\"", "x".repeat(size))
    }

    /// The payload of each of many calls in flight.
    pub fn payload_of_many(&self) -> String {
        let size = if self.stage == Stage::Sending { LARGE_OF_MANY } else { 8 };
        format!("\"{}\"", "x".repeat(size))
    }

    /// Whether a call has got to the stage; where no call gets anywhere, that is no question.
    pub fn was_reached(&self) -> bool {
        match &self.kind {
            Kind::Full { .. } => true,
            Kind::Scripted { seen, .. } => seen.reached.load(Ordering::SeqCst) > 0,
        }
    }

    /// Waits until so many calls are stuck at the same time, the last of `calls` in all.
    #[track_caller]
    pub fn wait_for_flight(&self, at_once: usize, calls: usize) {
        wait_until(&format!("{at_once} calls are {:?}", self.stage), || match &self.kind {
            Kind::Full { address, .. } => proc::connecting_to(address.port()) >= at_once,
            Kind::Scripted { server, seen } => {
                seen.reached.load(Ordering::SeqCst) >= calls
                    && (self.stage != Stage::Sending
                        || proc::sending_to(server.address().port()) >= at_once)
            }
        });
    }

    /// Waits until `calls` calls in all have got stuck.
    #[track_caller]
    pub fn wait_for_stuck(&self, calls: usize) {
        wait_until(&format!("{calls} calls are {:?}", self.stage), || match &self.kind {
            Kind::Full { address, .. } => proc::connecting_to(address.port()) > 0,
            Kind::Scripted { server, seen } => {
                seen.reached.load(Ordering::SeqCst) >= calls
                    && (self.stage != Stage::Sending || is_partly_sent(server))
            }
        });
    }

    /// Waits until the caller has closed every connection that it made, however many these are.
    #[track_caller]
    pub fn wait_for_all_closed(&self) {
        self.wait_for_closed(match &self.kind {
            Kind::Full { .. } => 0,
            Kind::Scripted { server, .. } => server.connections(),
        });
    }

    /// Waits until the caller has closed the connections of `calls` calls in all.
    #[track_caller]
    pub fn wait_for_closed(&self, calls: usize) {
        if let Kind::Scripted { seen, .. } = &self.kind {
            seen.release.store(true, Ordering::SeqCst);
        }
        wait_until(&format!("{calls} connections are closed, {:?}", self.stage), || {
            match &self.kind {
                Kind::Full { address, .. } => proc::connecting_to(address.port()) == 0,
                Kind::Scripted { seen, .. } => seen.closed.load(Ordering::SeqCst) >= calls,
            }
        });
        if let Kind::Scripted { seen, .. } = &self.kind {
            seen.release.store(false, Ordering::SeqCst);
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Kind::Scripted { seen, .. } = &self.kind {
            seen.release.store(true, Ordering::SeqCst);
        }
    }
}

/// A listener that never accepts, with as many connections as its backlog holds.
fn full() -> Kind {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    // A second listen(2) only changes the length of the backlog.
    listen(&listener, Backlog::new(0).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
    let queued = std::iter::from_fn(connect).take(16).collect();
    wait_until("the test's own attempt ends", || proc::connecting_to(address.port()) == 0);
    Kind::Full { address, _listener: listener, _queued: queued }
}

fn scripted(stage: Stage) -> Kind {
    let seen = Arc::new(Seen::default());
    let record = Arc::clone(&seen);
    let server = RawServer::start(move |connection| {
        // However it ends, the caller has closed: no script ends by itself.
        let _ = play(stage, connection, &record);
        record.closed.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    Kind::Scripted { server: server.unwrap(), seen }
}

fn play(stage: Stage, connection: &mut RawConnection, seen: &Seen) -> io::Result<()> {
    let reached = || seen.reached.fetch_add(1, Ordering::SeqCst);
    match stage {
        Stage::Connecting => Ok(()),
        Stage::Handshaking => {
            let mut stream = connection.stream();
            // The first bytes of the caller's first TLS message.
            stream.read_exact(&mut [0; 16])?;
            reached();
            drain(stream)
        }
        Stage::Sending => {
            let mut stream = connection.stream();
            // Or the kernel would take the whole request on its own.
            setsockopt(&stream, RcvBuf, &65_536)?;
            stream.read_exact(&mut [0; 16])?;
            reached();
            while !seen.release.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(2));
            }
            setsockopt(&stream, RcvBuf, &LARGE)?;
            drain(stream)
        }
        Stage::Waiting => {
            connection.read_request()?;
            reached();
            drain(connection.stream())
        }
        Stage::Receiving => {
            connection.read_request()?;
            connection.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n\""))?;
            reached();
            loop {
                connection.write([b'x'; 100])?;
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// Whether the kernel holds a part of a large request, and cannot take the whole of it.
fn is_partly_sent(server: &RawServer) -> bool {
    let (unsent, unread) = proc::unread_at(server.address().port());
    assert!(unsent + unread < LARGE, "the request has been sent whole");
    unsent > 0
}

/// Reads until the peer closes.
fn drain(mut stream: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 65_536];
    while stream.read(&mut buffer)? > 0 {}
    Ok(())
}
