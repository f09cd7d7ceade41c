//! Execution environments: child processes that run a function's code, one call at a time.

mod before_exec;
mod child_env;
mod event;
mod exit;
mod guard;
mod logs;
mod machine;
mod memory;
mod places;
mod pool;
mod process;
mod report;
mod run;
mod spawner;
mod stream;

pub use child_env::{ChildIdentity, child_variables};
pub use event::{Event, Outcome};
pub use exit::ExitReason;
pub use guard::{GUARD_COMMAND, Guard, watch};
pub use logs::Log;
pub use machine::{Activity, InvalidTransition, Machine, Next};
pub use places::{Account, Concurrency, Held, Place, Places, Throttled};
pub use pool::{Environments, Pool, PoolSettings};
pub use process::{Environment, StartError};
pub(crate) use report::timestamp;
pub use run::Execution;
pub use spawner::Spawner;
pub use stream::{Part, Sink, StreamError};
