//! The environments of one function: reused while warm, grown with demand, bounded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::child_env::ChildIdentity;
use super::machine::Event;
use super::process::{Environment, StartError};
use super::run::{Execution, InitLimit, NotRun, run};
use super::spawner::Spawner;
use crate::functions::Function;
use crate::limits::{IDLE_TIME, INIT_TIME, UNRESERVED_CONCURRENCY};
use crate::runtimes::{Launcher, RuntimeError};

/// What the pools of all functions share.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// Starts the processes.
    pub spawner: Spawner,
    /// The places of the whole account.
    pub account: Arc<Semaphore>,
    /// What processes are told about themselves.
    pub identity: ChildIdentity,
}

/// There is no room for another execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// Whether the function's own reservation is the limit, rather than the account's.
    pub reserved: bool,
}

/// The environments of one function.
#[derive(Debug)]
pub struct Pool {
    function: Arc<Function>,
    launcher: Result<Launcher, RuntimeError>,
    settings: PoolSettings,
    places: Arc<Semaphore>,
    /// Environments without a call, the most recently used last.
    warm: Mutex<Vec<Warm>>,
}

#[derive(Debug)]
struct Warm {
    environment: Arc<Environment>,
    since: Instant,
}

/// A place in the function's concurrency, and one in the account's.
type Place = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Pool {
    /// An empty pool; the first call starts the first process.
    pub fn new(
        function: Arc<Function>,
        launcher: Result<Launcher, RuntimeError>,
        settings: PoolSettings,
    ) -> Self {
        let places = function.reserved_concurrency.unwrap_or(UNRESERVED_CONCURRENCY);
        let places = Arc::new(Semaphore::new(places as usize));
        Self { function, launcher, settings, places, warm: Mutex::default() }
    }

    /// The function.
    pub fn function(&self) -> &Function {
        &self.function
    }

    /// Runs a call now, or says that there is no room.
    ///
    /// The call runs to its end even if the caller stops waiting: half a call would leave the
    /// process in a state that the next call would meet.
    pub async fn invoke(
        self: &Arc<Self>,
        event: Event,
        version: String,
    ) -> Result<Execution, Throttled> {
        let throttled = Throttled { reserved: self.function.reserved_concurrency.is_some() };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| throttled)?;
        let account = Arc::clone(&self.settings.account)
            .try_acquire_owned()
            .map_err(|_| Throttled { reserved: false })?;
        Ok(self.start(event, version, (place, account)).await)
    }

    /// Runs a call as soon as there is room. Nothing when there never will be.
    pub async fn invoke_when_free(
        self: &Arc<Self>,
        event: Event,
        version: String,
    ) -> Option<Execution> {
        if self.function.reserved_concurrency == Some(0) {
            return None;
        }
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let account = Arc::clone(&self.settings.account).acquire_owned().await.ok()?;
        Some(self.start(event, version, (place, account)).await)
    }

    async fn start(self: &Arc<Self>, event: Event, version: String, place: Place) -> Execution {
        let pool = Arc::clone(self);
        let request_id = event.request_id.clone();
        let running = tokio::spawn(async move {
            let execution = pool.run(Arc::new(event), &version).await;
            // Free before the caller knows, or its next call could be refused for its last one.
            drop(place);
            execution
        });
        running.await.unwrap_or_else(|error| {
            Execution::not_started(&request_id, &format!("internal error: {error}"))
        })
    }

    /// Tries environments until one has taken the call.
    async fn run(&self, event: Arc<Event>, version: &str) -> Execution {
        let mut init = InitLimit::First(INIT_TIME);
        let mut patient = true;
        loop {
            let (environment, fresh) = match self.environment(patient).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::error!(function = self.function.name, "{error}");
                    return Execution::not_started(&event.request_id, &error.to_string());
                }
            };
            let ran = run(&environment, &self.function, &event, version, init).await;
            if !environment.lock().is_dead() {
                self.keep(environment);
            }
            match ran {
                Ok(execution) => return execution,
                // AWS starts the initialisation once more, in the time of the call.
                // AWS starts the initialisation once more, in the time of the call.
                Err(NotRun::InitTimedOut) => init = InitLimit::Second(self.function.timeout),
                Err(NotRun::Gone) if fresh => {
                    let reason = "the process was stopped before it took the call";
                    return Execution::not_started(&event.request_id, reason);
                }
                Err(NotRun::Gone) => {}
                Err(NotRun::StillBusy) => patient = false,
            }
        }
    }

    /// A warm environment, or a new one; the second member says which. `patient`: one that is about
    /// to ask for its next event will do.
    async fn environment(&self, patient: bool) -> Result<(Arc<Environment>, bool), StartError> {
        if let Some(environment) = self.take_warm(patient) {
            return Ok((environment, false));
        }
        let launcher = self.launcher.as_ref().map_err(RuntimeError::clone)?;
        let mut identity = self.settings.identity.clone();
        identity.log_stream = log_stream();
        let spawner = &self.settings.spawner;
        let environment = Environment::start(&self.function, launcher, identity, spawner).await?;
        Ok((environment, true))
    }

    /// The most recently used one that waits for an event, else one that is about to.
    fn take_warm(&self, patient: bool) -> Option<Arc<Environment>> {
        let mut warm = self.warm();
        warm.retain(|warm| !warm.environment.lock().is_dead());
        let waiting = warm.iter().rposition(|warm| warm.environment.lock().is_waiting());
        let settling = || warm.len().checked_sub(1).filter(|_| patient);
        let index = waiting.or_else(settling)?;
        Some(warm.remove(index).environment)
    }

    fn keep(&self, environment: Arc<Environment>) {
        self.warm().push(Warm { environment, since: Instant::now() });
    }

    /// Stops what has been idle for long, and what never asked for its next event.
    pub fn stop_idle(&self) {
        let now = Instant::now();
        self.warm().retain(|warm| {
            let idle = now.duration_since(warm.since) > IDLE_TIME;
            let stop = idle || warm.environment.lock().is_overdue(now);
            if stop {
                warm.environment.stop();
            }
            !stop
        });
    }

    fn warm(&self) -> MutexGuard<'_, Vec<Warm>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_stream() -> String {
    let now = time::OffsetDateTime::now_utc();
    let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
    format!("{year:04}/{month:02}/{day:02}/[$LATEST]{}", uuid::Uuid::new_v4().simple())
}
