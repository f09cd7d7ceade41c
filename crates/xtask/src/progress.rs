//! Says what is being done, and how long it takes.
//!
//! On a terminal a line with a running clock; elsewhere a line at the start and the time at the end.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Announces a stage whose own output follows, such as cargo's.
pub fn stage(what: &str) {
    eprintln!("==> {what}");
}

/// The quiet steps of a stage: each ends when the next begins.
#[derive(Default)]
pub struct Steps {
    current: Option<Step>,
}

struct Step {
    what: String,
    begin: Instant,
    /// None: not on a terminal.
    spinner: Option<ProgressBar>,
}

impl Steps {
    /// Ends the step before, and begins this one.
    pub fn begin(&mut self, what: &str) {
        self.end();
        let spinner = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("    {spinner} {msg} {elapsed}");
            let bar = ProgressBar::new_spinner().with_message(what.to_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
            style.map_or(bar.clone(), |style| bar.with_style(style))
        });
        if spinner.is_none() {
            eprint!("    {what} ... ");
            // A flush that fails loses nothing but this line.
            let _ = std::io::stderr().flush();
        }
        self.current = Some(Step { what: what.to_owned(), begin: Instant::now(), spinner });
    }

    fn end(&mut self) {
        let Some(step) = self.current.take() else { return };
        let seconds = seconds(step.begin.elapsed());
        match step.spinner {
            Some(spinner) => {
                spinner.finish_and_clear();
                eprintln!("    {} ({seconds})", step.what);
            }
            None => eprintln!("{seconds}"),
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.end();
    }
}

/// `3.2 s`, `4 min 5 s`
pub fn seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        whole if whole >= 60 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{:.1} s", elapsed.as_secs_f64()),
    }
}
