//! Counts of calls, shared by the processes of a server.
//!
//! Everything here is made of atomics and is good when all its bytes are zero, so that it can lie
//! in shared memory. The processes agree on one lock: each method says whether it wants it shared
//! or exclusively. Without the lock nothing breaks but the counts.

mod activity;
mod histogram;
mod key;
mod open;
mod table;
mod text;

pub use activity::{Activity, InFlight, SLOTS};
pub use histogram::Histogram;
pub use key::{Function, Key};
pub use open::{Begun, OpenCalls};
pub use table::{Counts, Ended, FUNCTIONS, Outcome, Table};

use crate::region::Region;

use text::SharedText;

/// All that is shared: a few megabytes. The default is all zeroes.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Statistics {
    /// The calls that have ended.
    pub table: Table,
    /// The calls in flight.
    pub activity: Activity,
    default_region: SharedText<4>,
}

impl Statistics {
    /// The region of calls that name none, once one of them has found it out. Wants the lock shared.
    #[must_use]
    pub fn default_region(&self) -> Option<Region> {
        self.default_region.load().parse().ok()
    }

    /// Remembers that region. Wants the lock exclusively.
    pub fn learn_default_region(&self, region: &Region) {
        self.default_region.store(region.as_str());
    }
}
