//! What all sessions of the server share: one I/O thread, one pool of connections, one cache of
//! credentials. A new session's first call finds them warm.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use lambda_client::io_thread::IoThread;
use lambda_client::{CallOptions, Client};
use lambda_core::{Answer, Invocation, InvokeError};

use crate::failure::Failure;
use crate::server::Session;

/// How often a waiting session looks whether it was killed. The servers wake only a thread that
/// waits on a condition variable of their own, whose layout is theirs; a look takes nanoseconds.
const KILL_CHECK: Duration = Duration::from_millis(4);

struct Process {
    io: IoThread,
    client: Arc<Client>,
}

/// Set by the server's first call.
static PROCESS: OnceLock<Process> = OnceLock::new();

/// Makes a call and waits for it: the call's own result, or why there is none.
///
/// The call runs on the I/O thread and not here: a session's stack, 292 KB in MariaDB, may be deep
/// in stored procedures already, and reading the AWS configuration alone can take that much.
///
/// # Errors
/// [`Failure::Killed`] as soon as the session is; the call is then dropped, its connection closed.
pub(crate) fn call(
    invocation: Invocation,
    options: CallOptions,
    session: Session,
) -> Result<Result<Answer, InvokeError>, Failure> {
    let process = process()
        .map_err(|error| Failure::setup(format!("The I/O thread could not be started: {error}")))?;
    let (finish, finished) = sync_channel(1);
    let client = Arc::clone(&process.client);
    let task = process.io.handle().spawn(async move {
        let result = client.invoke(invocation, &options).await;
        // Nobody waits any more when the session was killed meanwhile.
        let _ = finish.send(result);
    });
    loop {
        match finished.recv_timeout(KILL_CHECK) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) if session.is_killed() => {
                task.abort();
                return Err(Failure::Killed);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::bug("the call ended without a result"));
            }
        }
    }
}

fn process() -> std::io::Result<&'static Process> {
    if let Some(process) = PROCESS.get() {
        return Ok(process);
    }
    let io = IoThread::start()?;
    static AT_EXIT: Once = Once::new();
    AT_EXIT.call_once(|| {
        // SAFETY: a library that is never unloaded keeps the function as long as the process. It
        // fails without memory, and then the thread ends with the process.
        let _ = unsafe { libc::atexit(stop) };
    });
    // Another session may have been first: then this thread ends as it is dropped.
    Ok(PROCESS.get_or_init(|| Process { io, client: Arc::new(Client::new()) }))
}

/// Ends the thread before the C library's own clean-up.
extern "C" fn stop() {
    if let Some(process) = PROCESS.get() {
        process.io.stop();
    }
}
