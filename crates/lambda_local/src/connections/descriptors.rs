//! How many files and connections this process may have open.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// What a function's process may have open: AWS's 1,024.
pub(crate) const FUNCTION_DESCRIPTORS: rlim_t = 1_024;

/// What is taken to be allowed where the system sets no limit, or takes none that high: macOS.
const WITHOUT_LIMIT: rlim_t = 10_240;

/// Raises the limit as far as the system lets this process: each connection takes one descriptor,
/// each running function several, and the usual limit is 1,024.
pub(crate) fn raise_limit() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let raised = [hard, hard.min(WITHOUT_LIMIT)]
        .into_iter()
        .filter(|wanted| *wanted > soft)
        .any(|wanted| setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok());
    if !raised && soft < hard {
        tracing::warn!(soft, hard, "the limit of open files cannot be raised");
    }
}

/// How many there may be.
pub(super) fn limit() -> rlim_t {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(WITHOUT_LIMIT, |(soft, _)| soft)
}
