//! Says what is being done, and how long it takes.
//!
//! On a terminal a line with a running clock; elsewhere a line at the start and the time at the end.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
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
        let spinner = spinner();
        if let Some(spinner) = &spinner {
            spinner.set_message(what.to_owned());
        } else {
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

/// Several things that are done at the same time: names them while they run, and shows what each has
/// to show when it ends.
pub struct Several {
    running: Mutex<Running>,
    /// None: not on a terminal.
    spinner: Option<ProgressBar>,
}

struct Running {
    names: Vec<String>,
    ended: usize,
    total: usize,
}

impl Several {
    /// Of `total` things, none of which has begun.
    pub fn of(total: usize) -> Self {
        let running = Mutex::new(Running { names: Vec::new(), ended: 0, total });
        Self { running, spinner: spinner() }
    }

    /// One begins.
    pub fn begin(&self, name: &str) {
        self.change(|running| running.names.push(name.to_owned()));
        if self.spinner.is_none() {
            eprintln!("    {name} begins");
        }
    }

    /// One has ended after this time, with a text to show on the standard output.
    pub fn end(&self, name: &str, elapsed: Duration, text: &str) {
        let show = || {
            print!("{text}");
            eprintln!("    {name} has ended after {}", seconds(elapsed));
        };
        self.change(|running| {
            running.ended += 1;
            if let Some(place) = running.names.iter().position(|running| running == name) {
                running.names.remove(place);
            }
            // With the lock: two texts must not mix.
            match &self.spinner {
                Some(spinner) => spinner.suspend(show),
                None => show(),
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Running)) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut running);
        if let Some(spinner) = &self.spinner {
            let Running { names, ended, total } = &*running;
            spinner.set_message(format!("{ended} of {total} done; {}", names.join(", ")));
        }
    }
}

impl Drop for Several {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

/// A running clock, if there is a terminal to show it.
fn spinner() -> Option<ProgressBar> {
    std::io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("    {spinner} {wide_msg} {elapsed}");
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(100));
        style.map_or(bar.clone(), |style| bar.with_style(style))
    })
}

/// `3.2 s`, `4 min 5 s`
pub fn seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        whole if whole >= 60 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{:.1} s", elapsed.as_secs_f64()),
    }
}
