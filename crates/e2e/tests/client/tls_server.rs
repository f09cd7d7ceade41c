//! An `https` server on loopback, with a certificate that the test makes.

use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A certificate authority of a test's own.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // A name of its own: an authority is known by name and key.
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test authority {}", MADE.fetch_add(1, Ordering::SeqCst));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate, as a bundle holds it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A key for `name` and its certificate, whose last year is `until`.
    fn issue(&self, name: &str, until: i32) -> (KeyPair, Certificate) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 12, 31);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (key, certificate)
    }

    /// The same for another program: key and certificate in PEM.
    pub fn pems(&self, name: &str) -> (String, String) {
        let (key, certificate) = self.issue(name, 2090);
        (key.serialize_pem(), certificate.pem())
    }

    /// What a server for `name` needs; `until` is the last year of its certificate.
    pub fn server_config(&self, name: &str, until: i32) -> ServerConfig {
        let (key, certificate) = self.issue(name, until);
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap()
    }
}

/// What the server has seen.
#[derive(Default)]
pub struct Seen {
    pub connections: AtomicUsize,
    pub requests: AtomicUsize,
    /// Connections that the server has closed.
    pub closed: AtomicUsize,
}

/// A server that answers every request alike. It ends when it is dropped.
pub struct TlsServer {
    address: SocketAddr,
    pub seen: Arc<Seen>,
    stopping: Arc<AtomicBool>,
}

impl TlsServer {
    /// Starts one that answers `null`. With `close` it closes each connection after one answer,
    /// unannounced.
    pub fn start(config: ServerConfig, close: bool) -> Self {
        Self::answering(config, "null", close)
    }

    /// Starts one that answers `body`.
    pub fn answering(config: ServerConfig, body: &'static str, close: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, stopping) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let (config, record, stop) = (Arc::new(config), Arc::clone(&seen), Arc::clone(&stopping));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                record.connections.fetch_add(1, Ordering::SeqCst);
                let (config, record) = (Arc::clone(&config), Arc::clone(&record));
                std::thread::spawn(move || {
                    // A client that refuses the certificate ends the connection.
                    let _ = serve(stream, config, &record, body, close);
                    record.closed.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, seen, stopping }
    }

    /// `https://HOST:PORT`
    pub fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.address.port())
    }

    pub fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    pub fn closed(&self) -> usize {
        self.seen.closed.load(Ordering::SeqCst)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    seen: &Seen,
    body: &str,
    close: bool,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    while read_request(&mut reader)? {
        seen.requests.fetch_add(1, Ordering::SeqCst);
        let stream = reader.get_mut();
        let length = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")?;
        stream.flush()?;
        if close {
            stream.conn.send_close_notify();
            stream.flush()?;
            return stream.sock.shutdown(std::net::Shutdown::Both);
        }
    }
    Ok(())
}

/// Reads one request; false at the end of the connection.
fn read_request(reader: &mut impl io::BufRead) -> io::Result<bool> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim_end().parse().map_err(io::Error::other)?;
        }
    }
    io::copy(&mut reader.take(length), &mut io::sink())?;
    Ok(true)
}
