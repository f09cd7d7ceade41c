//! A call is counted when it ends, in whatever way, and is shown while it has not.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use lambda_client::Report;
use lambda_core::statistics::{Begun, Ended, Key, OpenCalls, Outcome, Statistics};
use lambda_core::{Invocation, InvokeError, Region};
use pg_support::session::{Session, before_exit, now};
use pgrx::prelude::*;

use super::SHARED;

/// The calls of this backend that have not ended, by function: one, or one for each statement that
/// is running inside another.
struct Local {
    functions: Vec<Open>,
    watches_exit: bool,
}

struct Open {
    callee: Callee,
    calls: OpenCalls,
    /// Where they are shown.
    slot: Option<usize>,
}

thread_local! {
    /// What shared memory says, so as not to ask it for each call.
    static DEFAULT_REGION: RefCell<Option<Region>> = const { RefCell::new(None) };
    static LOCAL: RefCell<Local> =
        const { RefCell::new(Local { functions: Vec::new(), watches_exit: false }) };
}

/// What is called, and by whom: made once for many calls.
#[derive(Clone)]
pub(crate) struct Callee {
    key: Rc<Key>,
    /// Whether nothing but the AWS default chain says where.
    is_in_default_region: bool,
}

/// A call in flight. Dropping it, by an interrupt's unwinding or otherwise, counts it as cancelled.
#[must_use = "a call that is dropped counts as cancelled"]
pub(crate) struct Call {
    callee: Callee,
    number: u64,
    ended: bool,
}

impl Callee {
    /// The callee of `invocation`, made by the current role. `region` is the one that arguments and
    /// settings name, if they do.
    pub(crate) fn new(invocation: &Invocation, region: Option<&Region>) -> Self {
        let Session { user, database, .. } = Session::now();
        // Else a call that is cancelled would stand apart from those that were not.
        let default = if region.is_none() { default_region() } else { None };
        let key = Key::new(user, database, invocation, region.or(default.as_ref()));
        Self { key: Rc::new(key), is_in_default_region: region.is_none() }
    }

    /// Begins a call.
    pub(crate) fn begin(&self) -> Call {
        let begun = Begun { instant: Instant::now(), at: now() };
        let number = LOCAL.with_borrow_mut(|local| {
            if !local.watches_exit {
                before_exit(end_all);
                local.watches_exit = true;
            }
            let open = local.open(self);
            let number = open.calls.begin(begun);
            open.show();
            number
        });
        Call { callee: self.clone(), number, ended: false }
    }
}

impl Call {
    /// Counts the call, which took so long and succeeded or not. One that was not allowed was none.
    pub(crate) fn finish(mut self, took: Duration, error: Option<&InvokeError>, report: &Report) {
        let outcome = error.map_or(Outcome::Success, Outcome::of);
        let was_made = !matches!(error, Some(InvokeError::NotAllowed { .. }));
        self.end(report.region.as_ref(), was_made, |_begun| Ended {
            outcome,
            took,
            retries: report.retries,
            throttles: report.throttles,
            bytes_out: report.bytes_out,
            bytes_in: report.bytes_in,
            error: error.map(ToString::to_string),
            at: now(),
        });
    }

    fn end(&mut self, region: Option<&Region>, count: bool, ended: impl FnOnce(Begun) -> Ended) {
        self.ended = true;
        let begun = LOCAL.with_borrow_mut(|local| local.end(&self.callee, self.number));
        if let Some(begun) = begun
            && count
        {
            let found = match region {
                None if self.callee.is_in_default_region => default_region(),
                Some(region) if self.callee.is_in_default_region => Some(learn(region)),
                other => other.cloned(),
            };
            let key = found.and_then(|region| self.callee.key.in_region(&region));
            record(key.as_ref().unwrap_or(&self.callee.key), &ended(begun));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.ended {
            self.end(None, true, cancelled);
        }
    }
}

impl Local {
    fn open(&mut self, callee: &Callee) -> &mut Open {
        let found = self.functions.iter().position(|open| open.callee.is(callee));
        let index = found.unwrap_or_else(|| {
            let pid = Session::now().pid;
            let slot = SHARED.read(|shared| shared.activity.claim(pid, &callee.key)).flatten();
            let calls = OpenCalls::default();
            self.functions.push(Open { callee: callee.clone(), calls, slot });
            self.functions.len() - 1
        });
        &mut self.functions[index]
    }

    fn end(&mut self, callee: &Callee, number: u64) -> Option<Begun> {
        let index = self.functions.iter().position(|open| open.callee.is(callee))?;
        let open = &mut self.functions[index];
        let begun = open.calls.end(number);
        if open.calls.count() > 0 {
            open.show();
        } else {
            self.functions.swap_remove(index).hide();
        }
        begun
    }
}

impl Callee {
    fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.key, &other.key) || self.key == other.key
    }
}

impl Open {
    fn show(&self) {
        if let (Some(slot), Some(oldest)) = (self.slot, self.calls.oldest()) {
            let count = self.calls.count();
            SHARED.read(|shared| shared.activity.set(slot, count, oldest.at));
        }
    }

    fn hide(self) {
        if let Some(slot) = self.slot {
            SHARED.read(|shared| shared.activity.release(slot));
        }
    }
}

fn cancelled(begun: Begun) -> Ended {
    Ended {
        outcome: Outcome::Cancel,
        took: begun.instant.elapsed(),
        retries: 0,
        throttles: 0,
        bytes_out: 0,
        bytes_in: 0,
        error: None,
        at: now(),
    }
}

fn default_region() -> Option<Region> {
    DEFAULT_REGION.with_borrow_mut(|known| {
        if known.is_none() {
            *known = SHARED.read(Statistics::default_region).flatten();
        }
        known.clone()
    })
}

/// Remembers the default region, for this backend and all others.
fn learn(region: &Region) -> Region {
    if DEFAULT_REGION.with_borrow(|known| known.as_ref() != Some(region)) {
        SHARED.write(|shared| shared.learn_default_region(region));
        DEFAULT_REGION.set(Some(region.clone()));
    }
    region.clone()
}

fn record(key: &Key, call: &Ended) {
    let counted =
        call.error.is_none() && SHARED.read(|shared| shared.table.count(key, call)).unwrap_or(true);
    if !counted {
        SHARED.write(|shared| shared.table.count_new(key, call));
    }
}

/// A backend that is told to end does so from within the wait: nothing unwinds.
#[pg_guard]
unsafe extern "C-unwind" fn end_all(_code: i32, _argument: pg_sys::Datum) {
    let functions =
        LOCAL.with(|local| local.try_borrow_mut().map(|mut l| std::mem::take(&mut l.functions)));
    for mut open in functions.unwrap_or_default() {
        for begun in open.calls.drain() {
            record(&open.callee.key, &cancelled(begun));
        }
        open.hide();
    }
}
