//! The log on stderr, as text or JSON.
//!
//! Lines are written by a thread of their own: a terminal that is slow, or a pipe that nobody
//! reads, must not hold up a call. What does not fit into the queue is dropped and counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::cli::LogFormat;

/// Lines that may wait. Ten thousand of usual length are about a megabyte.
const QUEUE: usize = 10_000;

/// The most lines that are written at once.
const AT_ONCE: usize = 100;

/// How long the stop of the service waits for the last lines.
const FLUSH_TIME: Duration = Duration::from_millis(200);

enum Job {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Writes the remaining lines when asked to.
pub(crate) struct LogGuard {
    queue: SyncSender<Job>,
}

impl LogGuard {
    /// Waits for the lines so far.
    pub(crate) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.queue.try_send(Job::Flush(done)).is_ok() {
            let _ = written.recv_timeout(FLUSH_TIME);
        }
    }
}

/// Starts the log. Once in a process.
pub(crate) fn start(format: LogFormat, level: LevelFilter) -> LogGuard {
    let (queue, lines) = sync_channel(QUEUE);
    let dropped = Arc::new(AtomicU64::new(0));
    let writer = Queue { queue: queue.clone(), dropped: Arc::clone(&dropped) };
    let _ = std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_lines(&lines, &dropped, format));
    if format == LogFormat::Json {
        std::panic::set_hook(Box::new(|panic| tracing::error!("internal error: {panic}")));
    }
    let builder = tracing_subscriber::fmt().with_writer(writer).with_max_level(level);
    // A second start in one process (tests of the library) keeps the first.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    LogGuard { queue }
}

fn write_lines(jobs: &Receiver<Job>, dropped: &AtomicU64, format: LogFormat) {
    let mut stderr = io::stderr();
    while let Ok(job) = jobs.recv() {
        let mut lines = Vec::new();
        let mut waiting = Vec::new();
        // With those that have come meanwhile.
        for job in std::iter::once(job).chain(jobs.try_iter()).take(AT_ONCE) {
            match job {
                Job::Line(line) => lines.extend(line),
                Job::Flush(done) => waiting.push(done),
            }
        }
        // There is nowhere to report that the log cannot be written.
        let _ = stderr.write_all(&lines);
        for done in waiting {
            let _ = done.try_send(());
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            // Written here: the queue is what is full.
            let _ = match format {
                LogFormat::Text => writeln!(stderr, "{lost} lines of the log were lost"),
                LogFormat::Json => writeln!(
                    stderr,
                    "{{\"level\":\"WARN\",\"message\":\"lines of the log were lost\",\"lost\":{lost}}}"
                ),
            };
        }
    }
}

#[derive(Clone)]
struct Queue {
    queue: SyncSender<Job>,
    dropped: Arc<AtomicU64>,
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // The formatter hands over whole lines.
        if self.queue.try_send(Job::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
