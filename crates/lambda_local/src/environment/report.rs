//! The lines that close a call's log: what went wrong, END and REPORT.

use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::exit::ExitReason;
use super::process::Environment;
use super::run::{End, NotRun};
use crate::functions::Function;
use crate::invocations::Usage;

/// What a call took that ends now.
pub(super) fn usage(environment: &Environment, cold: bool) -> Usage {
    let now = Instant::now();
    let (ready_at, delivered_at) = {
        let machine = environment.lock();
        (machine.ready_at(), machine.delivered_at())
    };
    Usage {
        // A call that failed to initialise has no time of its own: all of it was initialisation.
        duration: now - delivered_at.unwrap_or(environment.started_at),
        cold,
        init: ready_at.filter(|_| cold).map(|ready_at| ready_at - environment.started_at),
        memory_peak_mb: environment.memory_peak_kib().div_ceil(1024),
    }
}

/// The lines for a call that ended like this.
pub(super) fn lines(function: &Function, id: &str, end: &End, usage: &Usage) -> Vec<String> {
    let mut lines = what_happened(function, id, end);
    lines.push(format!("END RequestId: {id}"));
    let mut report = format!(
        "REPORT RequestId: {id}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\t\
         Max Memory Used: {} MB\t",
        millis(usage.duration),
        usage.billed_ms(),
        function.memory_mb,
        usage.memory_peak_mb,
    );
    if let Some(init) = usage.init {
        report.push_str(&format!("Init Duration: {:.2} ms\t", millis(init)));
    }
    report.push_str(status(end));
    lines.push(report);
    lines
}

/// The lines for a call that has to be run again elsewhere.
pub(super) fn not_run(reason: &NotRun, init_time: Duration) -> Vec<String> {
    if *reason != NotRun::InitTimedOut {
        return Vec::new();
    }
    let time = millis(init_time);
    vec![format!("INIT_REPORT Init Duration: {time:.2} ms\tPhase: init\tStatus: timeout")]
}

fn what_happened(function: &Function, id: &str, end: &End) -> Vec<String> {
    match end {
        End::Answered(_)
        | End::Failed(_)
        | End::Streamed(_)
        | End::TooLarge
        | End::Truncated
        | End::InvalidMode => Vec::new(),
        End::Exited(reason) => exit_lines(id, reason),
        End::OutOfMemory => exit_lines(id, &ExitReason::Signal(9)),
        End::TimedOut => {
            let seconds = function.timeout.as_secs_f64();
            let now = timestamp(OffsetDateTime::now_utc());
            vec![format!("{now} {id} Task timed out after {seconds:.2} seconds"), String::new()]
        }
    }
}

fn exit_lines(id: &str, reason: &ExitReason) -> Vec<String> {
    vec![format!("RequestId: {id} Error: {reason}"), "Runtime.ExitError".to_owned()]
}

fn status(end: &End) -> &'static str {
    match end {
        End::Answered(_) | End::Failed(_) | End::Streamed(_) => "",
        End::Truncated => "Status: error\tError Type: Runtime.TruncatedResponse",
        End::InvalidMode => "Status: error\tError Type: Runtime.InvalidResponseModeHeader",
        End::TooLarge => "Status: error\tError Type: Function.ResponseSizeTooLarge",
        End::Exited(_) => "Status: error\tError Type: Runtime.ExitError",
        End::OutOfMemory => "Status: error\tError Type: Runtime.OutOfMemory",
        End::TimedOut => "Status: timeout",
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// `2026-11-21T10:00:00.000Z`
pub(crate) fn timestamp(at: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}
