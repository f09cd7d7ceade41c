//! What `/proc` tells of a backend.

use std::collections::BTreeMap;
use std::fs;

/// Threads by number.
pub fn threads(pid: u32) -> Vec<u32> {
    numbers(&format!("/proc/{pid}/task"))
}

/// Open file descriptors.
pub fn descriptors(pid: u32) -> Vec<u32> {
    numbers(&format!("/proc/{pid}/fd"))
}

fn numbers(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut numbers: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// A field of `/proc/<pid>/task/<thread>/status`.
pub fn thread_status(pid: u32, thread: u32, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/status")).unwrap();
    find(&text, field)
}

fn find(text: &str, field: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field} in\n{text}")).trim().to_owned()
}

/// Anonymous memory in KB: what the process holds for itself. Whether pages of libraries and of
/// shared buffers count as its own depends on which other processes use them just now.
pub fn private_kb(pid: u32) -> u64 {
    thread_status(pid, pid, "RssAnon").trim_end_matches(" kB").parse().unwrap()
}

/// The most memory that the process ever had resident, in KB.
pub fn peak_kb(pid: u32) -> u64 {
    thread_status(pid, pid, "VmHWM").trim_end_matches(" kB").parse().unwrap()
}

/// How often each thread was put on or taken off a processor.
pub fn switches(pid: u32) -> BTreeMap<u32, u64> {
    let count = |thread, field| thread_status(pid, thread, field).parse::<u64>().unwrap();
    let all = |thread| {
        count(thread, "voluntary_ctxt_switches") + count(thread, "nonvoluntary_ctxt_switches")
    };
    threads(pid).into_iter().map(|thread| (thread, all(thread))).collect()
}

/// Whether the process is there and no zombie.
pub fn is_running(pid: u32) -> bool {
    e2e::ProcessId::of(pid).is_ok_and(|process| process.is_running())
}

/// Sockets of this machine that try to connect to `port`.
pub fn connecting_to(port: u16) -> usize {
    const SYN_SENT: &str = "02";
    let sockets = sockets(port);
    sockets.iter().filter(|socket| socket.peer_port == port && socket.state == SYN_SENT).count()
}

/// Sockets of this machine that are connected to `port`, or were until their peer closed.
pub fn connected_to(port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    const CLOSE_WAIT: &str = "08";
    let sockets = sockets(port);
    let open = |socket: &&Socket| [ESTABLISHED, CLOSE_WAIT].contains(&socket.state.as_str());
    sockets.iter().filter(|socket| socket.peer_port == port).filter(open).count()
}

/// Bytes that were written to `port` and not read there: those still in the sender's kernel
/// buffers, and those in the receiver's.
pub fn unread_at(port: u16) -> (usize, usize) {
    let sockets = sockets(port);
    let sent = sockets.iter().filter(|socket| socket.peer_port == port).map(|socket| socket.unsent);
    let received = sockets.iter().filter(|socket| socket.port == port).map(|socket| socket.unread);
    (sent.sum(), received.sum())
}

/// Sockets of this machine with bytes for `port` that their kernel buffers still hold.
pub fn sending_to(port: u16) -> usize {
    sockets(port).iter().filter(|socket| socket.peer_port == port && socket.unsent > 0).count()
}

/// A line of `/proc/net/tcp`.
struct Socket {
    port: u16,
    peer_port: u16,
    state: String,
    unsent: usize,
    unread: usize,
}

/// Those of this machine with `port` at one of their ends.
fn sockets(port: u16) -> Vec<Socket> {
    let text = fs::read_to_string("/proc/net/tcp").unwrap();
    // There are thousands while other tests run, and one that waits asks very often.
    let port = format!(":{port:04X} ");
    let of_port = text.lines().filter(|line| line.contains(&port));
    // It is read in pieces: what others open or close between two of them can make the kernel tell of a
    // socket twice.
    let by_ends: BTreeMap<&str, Socket> =
        of_port.filter_map(|line| Some((ends(line)?, socket(line)?))).collect();
    by_ends.into_values().collect()
}

/// Its two addresses, which no other socket has: `number: address:port address:port ...`.
fn ends(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(": ")?;
    let (second, _) = rest.match_indices(' ').nth(1)?;
    rest.get(..second)
}

/// `number: address:port address:port state unsent:unread ...`, all in hexadecimal.
fn socket(line: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let port = |field: &str| u16::from_str_radix(field.split_once(':')?.1, 16).ok();
    let (unsent, unread) = fields.get(4)?.split_once(':')?;
    Some(Socket {
        port: port(fields.get(1)?)?,
        peer_port: port(fields.get(2)?)?,
        state: (*fields.get(3)?).to_owned(),
        unsent: usize::from_str_radix(unsent, 16).ok()?,
        unread: usize::from_str_radix(unread, 16).ok()?,
    })
}
