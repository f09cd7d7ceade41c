//! The environments of one version of a function: reused while warm, grown with demand, bounded.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use tokio::sync::mpsc;

use super::child_env::ChildIdentity;
use super::event::Event;
use super::machine::Activity;
use super::places::{Concurrency, Held, Throttled};
use super::process::{Environment, StartError};
use super::run::{Execution, InitLimit, NotRun, run};
use super::spawner::Spawner;
use super::stream::{self, Part};
use crate::functions::Function;
use crate::invocations::{Invocations, Kind};
use crate::limits::{IDLE_TIME, INIT_TIME};
use crate::runtimes::{Launcher, RuntimeError};
use crate::stop::{Stop, Tally};

/// What the pools of all functions share.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// Starts the processes.
    pub spawner: Spawner,
    /// What processes are told about themselves.
    pub identity: ChildIdentity,
    /// Where executions are noted.
    pub invocations: Arc<Invocations>,
    /// The calls that run.
    pub calls: Tally,
    /// Whether the service is to stop.
    pub stop: Stop,
}

/// The environments of one version of a function.
#[derive(Debug)]
pub struct Pool {
    function: Arc<Function>,
    launcher: Result<Launcher, RuntimeError>,
    settings: PoolSettings,
    /// Shared with the function's other versions.
    concurrency: Arc<Concurrency>,
    /// Environments without a call, the most recently used last.
    warm: Mutex<Vec<Warm>>,
    /// All that were started and may not have ended.
    started: Mutex<Vec<Weak<Environment>>>,
    /// Whether the version has changed or gone: what still runs is the last.
    retired: AtomicBool,
}

/// How many environments do what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Environments {
    /// That have not asked for their first event.
    pub starting: u32,
    /// That wait for an event.
    pub idle: u32,
    /// That work on one.
    pub busy: u32,
}

#[derive(Debug)]
struct Warm {
    environment: Arc<Environment>,
    since: Instant,
}

impl Pool {
    /// An empty pool; the first call starts the first process.
    pub fn new(
        function: Arc<Function>,
        launcher: Result<Launcher, RuntimeError>,
        settings: PoolSettings,
        concurrency: Arc<Concurrency>,
    ) -> Self {
        let (warm, started, retired) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        Self { function, launcher, settings, concurrency, warm, started, retired }
    }

    /// The function.
    pub fn function(&self) -> &Function {
        &self.function
    }

    /// Why no environment can be started.
    pub fn problem(&self) -> Option<String> {
        self.launcher.as_ref().err().map(ToString::to_string)
    }

    /// Runs a call now, or says that there is no room.
    ///
    /// The call runs to its end even if the caller stops waiting: half a call would leave the
    /// process in a state that the next call would meet.
    pub async fn invoke(self: &Arc<Self>, event: Event) -> Result<Execution, Throttled> {
        let noted = |_: &Throttled| self.settings.invocations.throttled(&self.function, &event);
        let place = self.concurrency.try_take().inspect_err(noted)?;
        Ok(self.start(event, place).await)
    }

    /// Runs a call in a place that it has already.
    pub async fn invoke_in(self: &Arc<Self>, event: Event, place: Held) -> Execution {
        self.start(event, place).await
    }

    /// Runs a call now whose answer is taken bit by bit, or says that there is no room.
    ///
    /// The function waits with its answer while the parts are not taken. Dropping them does not
    /// stop the call, as on AWS.
    pub fn invoke_streaming(
        self: &Arc<Self>,
        mut event: Event,
    ) -> Result<mpsc::Receiver<Part>, Throttled> {
        event.kind = Kind::Stream;
        let noted = |_: &Throttled| self.settings.invocations.throttled(&self.function, &event);
        let place = self.concurrency.try_take().inspect_err(noted)?;
        let (sink, parts) = stream::channel();
        event.sink = Some(sink.clone());
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            let execution = pool.start(event, place).await;
            // The caller may be gone.
            let _ = sink.send(Part::End(execution)).await;
        });
        Ok(parts)
    }

    async fn start(self: &Arc<Self>, event: Event, place: Held) -> Execution {
        let pool = Arc::clone(self);
        let request_id = event.request_id.clone();
        let counted = self.settings.calls.begin();
        let running = tokio::spawn(async move {
            let running = pool.settings.invocations.begin(&pool.function, &event);
            let execution = pool.run(Arc::new(event)).await;
            running.end(&execution);
            // Free before the caller knows, or its next call could be refused for its last one.
            drop((place, counted));
            execution
        });
        running.await.unwrap_or_else(|error| {
            Execution::not_started(&request_id, &format!("internal error: {error}"))
        })
    }

    /// Tries environments until one has taken the call.
    async fn run(&self, event: Arc<Event>) -> Execution {
        let mut init = InitLimit::First(INIT_TIME);
        let mut patient = true;
        loop {
            let (environment, fresh) = match self.environment(patient).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::error!(function = self.function.name, "{error}");
                    let not_started = Execution::not_started(&event.request_id, &error.to_string());
                    return Execution { of_service: error.may_pass(), ..not_started };
                }
            };
            let ran = run(&environment, &self.function, &event, init).await;
            if !environment.lock().is_dead() {
                self.keep(environment);
            }
            match ran {
                Ok(execution) => return execution,
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
        identity.log_stream = log_stream(&self.function.version);
        let spawner = &self.settings.spawner;
        let environment = Environment::start(&self.function, launcher, identity, spawner).await?;
        let mut started = self.started();
        started.retain(|known| known.strong_count() > 0);
        started.push(Arc::downgrade(&environment));
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
        let mut warm = self.warm();
        // Looked at under the lock, or it could be kept just after all others were stopped.
        if self.retired.load(Ordering::SeqCst) {
            environment.stop();
        } else {
            warm.push(Warm { environment, since: Instant::now() });
        }
    }

    /// Stops the environments: those that run a call, when it has ended.
    pub fn retire(&self) {
        let mut warm = self.warm();
        self.retired.store(true, Ordering::SeqCst);
        for warm in warm.drain(..) {
            warm.environment.stop();
        }
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

    /// What its environments do at the moment, added to `count`.
    pub(crate) fn count_environments(&self, count: &mut Environments) {
        for environment in self.started().iter().filter_map(Weak::upgrade) {
            match environment.lock().activity() {
                Some(Activity::Starting) => count.starting += 1,
                Some(Activity::Idle) => count.idle += 1,
                Some(Activity::Busy) => count.busy += 1,
                None => {}
            }
        }
    }

    fn started(&self) -> MutexGuard<'_, Vec<Weak<Environment>>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn warm(&self) -> MutexGuard<'_, Vec<Warm>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_stream(version: &str) -> String {
    let now = time::OffsetDateTime::now_utc();
    let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
    let unique = uuid::Uuid::new_v4().simple();
    format!("{year:04}/{month:02}/{day:02}/[{version}]{unique}")
}
