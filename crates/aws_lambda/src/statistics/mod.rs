//! Counts of calls, and what is in flight, for the views of `sql/`.

mod calls;
pub mod views;

pub(crate) use calls::{Call, Callee};

use lambda_core::statistics::Statistics;
use pg_support::shared::SharedMemory;

/// The name ends in the version of the layout: two versions of the library may run side by side
/// while one is replaced.
// SAFETY: `Statistics` is made of atomics, and all zeroes are a good one.
static SHARED: SharedMemory<Statistics> = unsafe { SharedMemory::new(c"aws_lambda statistics 1") };

/// Reserves the memory, if the library is being preloaded.
pub(crate) fn reserve() {
    SHARED.reserve();
}
