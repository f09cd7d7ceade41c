//! The service: its functions, their environments, and the front door.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use tokio::net::{TcpListener, TcpStream};

use crate::auth::Credentials;
use crate::code::{CodeStore, Needed};
use crate::connections::{self, Connections, Place};
use crate::control_api::LocationKey;
use crate::environment::{ChildIdentity, Guard, Pool, PoolSettings, Spawner};
use crate::events::Events;
use crate::functions::Found;
use crate::invocations::Invocations;
use crate::model::{
    Code, Described, Functions, Progress, Record, Store, StoreError, Version, new_id,
};
use crate::page::{Door, PageAccess};
use crate::pools::{Launchers, Pools, runnable};
use crate::runtimes::{RuntimeError, Toolchain};
use crate::settings::{ServiceError, Settings};
use crate::stop::{Stop, Tally};

/// How often idle processes, late connections and unused archives are looked for. Not on any call's
/// path.
const SWEEP: Duration = Duration::from_secs(1);

/// How long running calls have to end by themselves when the service stops.
const STOP_TIME: Duration = Duration::from_millis(1_700);

/// How long those that did not have to be answered.
const LAST_ANSWERS_TIME: Duration = Duration::from_millis(150);

/// Header buffer of the front door; client contexts and session tokens fit many times.
const HEADER_BYTES: usize = 64 * 1024;

/// A Lambda service.
#[derive(Debug)]
pub struct Service {
    settings: Settings,
    functions: Arc<Functions>,
    code: Arc<CodeStore>,
    pools: Arc<Pools>,
    connections: Arc<Connections>,
    events: Arc<Events>,
    location_key: LocationKey,
    invocations: Arc<Invocations>,
    page_door: Door,
    started_at: SystemTime,
    /// Whether code may be there that nothing refers to any more.
    untidy: AtomicBool,
    stop: Stop,
    /// The connections that are served.
    answering: Tally,
    calls: Tally,
}

impl Service {
    /// A service of the functions in its state and in folders. Their runtimes are installed first,
    /// where they are not yet; a function whose runtime cannot be had, or whose handler is not there,
    /// is served with that as its error. The guard ends what the service leaves behind.
    pub fn new(
        settings: Settings,
        folders: &BTreeMap<String, Found>,
        toolchain: &Toolchain,
        guard: Option<Guard>,
    ) -> Result<Self, ServiceError> {
        let store = settings.durable.then(|| Store::open(&settings.state)).transpose()?;
        let code = Arc::new(CodeStore::open(&settings.state)?);
        let described = describe(folders, &code)?;
        let functions = Arc::new(Functions::load(store, described)?);
        let (stop, calls) = (Stop::default(), Tally::default());
        let invocations = Arc::<Invocations>::default();
        let shared = PoolSettings {
            spawner: Spawner::start(guard)?,
            calls: calls.clone(),
            stop: stop.clone(),
            identity: ChildIdentity {
                runtime_api: String::new(),
                region: settings.region.clone(),
                log_stream: String::new(),
                access_key: crate::auth::TEST_KEY.to_owned(),
                secret_key: crate::auth::TEST_KEY.to_owned(),
            },
            invocations: Arc::clone(&invocations),
        };
        let variables = settings.variables.clone();
        let (known, kept) = (Arc::clone(&functions), Arc::clone(&code));
        let pools = Arc::new(Pools::new(shared, toolchain.clone(), known, kept, variables));
        for record in functions.all().values().filter(|record| !record.latest.is_busy()) {
            let problem = pools.make_now(record);
            if let Some((problem, found)) = problem.zip(folders.get(&record.name)) {
                tracing::error!(function = record.name, "{}: {problem}", found.origin);
            }
        }
        pools.sync_reservations();
        let connections = Arc::new(Connections::new());
        let (known, running) = (Arc::clone(&functions), Arc::clone(&pools));
        let events = Events::open(&settings.state, settings.events.clone(), known, running)?;
        let events = Arc::new(events);
        let (location_key, untidy) = (LocationKey::new(), AtomicBool::new(true));
        Ok(Self {
            page_door: Door::new(settings.page.clone()),
            settings,
            functions,
            code,
            pools,
            connections,
            events,
            location_key,
            invocations,
            started_at: SystemTime::now(),
            untidy,
            stop,
            answering: Tally::default(),
            calls,
        })
    }

    /// Installs what these functions need, and serves nothing.
    pub fn prepare(
        folders: &BTreeMap<String, Found>,
        toolchain: &Toolchain,
    ) -> Result<(), ServiceError> {
        let state = tempfile::Builder::new().prefix("sqlambda-").tempdir()?;
        let code = CodeStore::open(state.path())?;
        let launchers = Launchers::new(toolchain.clone());
        let mut failed = None;
        for described in describe(folders, &code)? {
            let function = runnable(described.name(), described.latest(), &code)
                .map_err(|error| RuntimeError::new(error.to_string()))?;
            // The others are installed all the same.
            failed = failed.or(launchers.of(&function).err());
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Runs a function as its folder or template describes it now: also when only its code has
    /// changed. Running calls finish with the code of before. Blocks while something is installed.
    /// What could not run is told, and changes nothing unless the function is new.
    pub(crate) fn reload(
        &self,
        found: &Found,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), String> {
        let arriving = runtime.block_on(self.code.arrival());
        let described = Described::of(found, &self.code).map_err(|error| error.to_string())?;
        if let Some(problem) = self.pools.check(&found.name, described.latest()) {
            if self.functions.get(&found.name).is_some() {
                return Err(problem);
            }
            tracing::error!(function = found.name, "{}: {problem}", found.origin);
        }
        let record = self.functions.describe(described).map_err(|error| error.to_string())?;
        drop(arriving);
        self.pools.make_now(&record);
        self.pools.sync_reservations();
        self.code_was_dropped();
        Ok(())
    }

    /// Serves a function no more whose folder has gone.
    pub(crate) fn forget(&self, name: &str) -> Result<(), StoreError> {
        self.functions.change(name, |record, _| {
            *record = None;
            Ok::<_, StoreError>(())
        })?;
        self.pools.remove(name, None);
        self.pools.sync_reservations();
        self.code_was_dropped();
        Ok(())
    }

    /// Serves connections until the service is stopped.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        self.resume();
        self.events.resume();
        let sweeping = tokio::spawn(Arc::clone(&self).sweep());
        loop {
            let (stream, place) = tokio::select! {
                accepted = self.connections.accept(&listener) => accepted,
                () = self.stop.wished() => break sweeping.abort(),
            };
            tokio::spawn(Arc::clone(&self).connection(stream, place));
            if sweeping.is_finished() {
                return;
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, place: Place) {
        let _answering = self.answering.begin();
        let answer = |request| crate::front_door::answer(Arc::clone(&self), request);
        connections::serve(stream, place, HEADER_BYTES, answer, self.stop.wished()).await;
    }

    /// Takes no more connections, lets running calls finish, and ends those that take too long: they
    /// are answered as when their process is killed. Done within 2 seconds.
    pub async fn stop(&self) {
        self.stop.wish();
        let finished = async {
            self.calls.none().await;
            self.answering.none().await;
        };
        if tokio::time::timeout(STOP_TIME, finished).await.is_err() {
            let running = self.calls.count();
            tracing::warn!("ending {running} calls that still run");
        }
        self.pools.end_all();
        let _ = tokio::time::timeout(LAST_ANSWERS_TIME, self.answering.none()).await;
    }

    /// Whether the service stops.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_wished()
    }

    /// Waits until the service is to stop.
    pub(crate) async fn stopping(&self) {
        self.stop.wished().await;
    }

    /// Finishes what was under way when the service was last stopped.
    fn resume(self: &Arc<Self>) {
        for record in self.functions.all().values() {
            if record.all_versions().any(Version::is_busy) {
                self.activate(record);
            }
        }
    }

    /// Gets a function ready that was made or changed; then it is Active, and its update Successful.
    pub(crate) fn activate(self: &Arc<Self>, record: &Record) {
        let (service, name) = (Arc::clone(self), record.name.clone());
        let build = record.latest.build.clone();
        tokio::spawn(async move {
            let Some(record) = service.functions.get(&name) else { return };
            let pool = service.pools.make(&record, &record.latest).await;
            let done = pool.problem().map_or(Progress::Done, Progress::Failed);
            let change = |record: &mut Option<Record>, _: &_| {
                // It may have been changed again, or be gone: then this is no news of it.
                if let Some(record) = record.as_mut().filter(|now| now.latest.build == build) {
                    settle(record, &done);
                }
                Ok::<_, StoreError>(())
            };
            if let Err(error) = service.functions.change(&name, change) {
                tracing::error!(function = name, "its state cannot be written: {error}");
            }
        });
    }

    async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            self.pools.stop_idle();
            self.connections.end_late();
            if self.untidy.swap(false, Ordering::SeqCst) {
                tokio::task::block_in_place(|| self.tidy());
            }
        }
    }

    /// Removes code that nothing refers to.
    fn tidy(&self) {
        match self.code.collect(|| self.needed()) {
            Ok(true) => {}
            Ok(false) => self.untidy.store(true, Ordering::SeqCst),
            Err(error) => tracing::warn!("cannot remove unused code: {error}"),
        }
    }

    fn needed(&self) -> Needed {
        let mut needed = Needed { running: self.pools.task_roots(), ..Needed::default() };
        for record in self.functions.all().values() {
            needed.used.extend(record.all_code().filter_map(|code| match code {
                Code::Archive { sha256, .. } => Some(sha256.clone()),
                Code::Folder { .. } => None,
            }));
        }
        needed
    }

    /// Says that code may have become unused.
    pub(crate) fn code_was_dropped(&self) {
        self.untidy.store(true, Ordering::SeqCst);
    }

    /// The environments of one version.
    pub(crate) async fn pool(&self, record: &Record, version: &Version) -> Arc<Pool> {
        self.pools.of(record, version).await
    }

    /// What the service knows.
    pub fn functions(&self) -> &Functions {
        &self.functions
    }

    /// The asynchronous events.
    pub fn events(&self) -> &Arc<Events> {
        &self.events
    }

    pub(crate) fn pools(&self) -> &Arc<Pools> {
        &self.pools
    }

    pub(crate) fn code(&self) -> &Arc<CodeStore> {
        &self.code
    }

    pub(crate) fn location_key(&self) -> &LocationKey {
        &self.location_key
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// The last invocations.
    pub(crate) fn invocations(&self) -> &Invocations {
        &self.invocations
    }

    /// Who may see the page.
    pub(crate) fn page_access(&self) -> &PageAccess {
        &self.settings.page
    }

    /// Lets callers in to the page.
    pub(crate) fn page_door(&self) -> &Door {
        &self.page_door
    }

    pub(crate) fn started_at(&self) -> SystemTime {
        self.started_at
    }

    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.settings.credentials.as_ref()
    }

    /// Whether it may be known by any name.
    pub(crate) fn is_public(&self) -> bool {
        self.settings.public
    }

    pub(crate) fn account(&self) -> &str {
        &self.settings.account
    }

    pub(crate) fn region(&self) -> &str {
        &self.settings.region
    }
}

/// The functions with their code.
fn describe(
    folders: &BTreeMap<String, Found>,
    code: &CodeStore,
) -> Result<Vec<Described>, ServiceError> {
    let described = folders.values().map(|found| {
        Described::of(found, code).map_err(|error| ServiceError::Code {
            name: found.name.clone(),
            origin: Box::new(found.origin.clone()),
            error,
        })
    });
    described.collect()
}

/// Notes how the creation or the update ended, also for what was published with it.
fn settle(record: &mut Record, done: &Progress) {
    for version in std::iter::once(&mut record.latest).chain(record.versions.values_mut()) {
        if !version.is_busy() {
            continue;
        }
        if version.state == Progress::Doing {
            version.state = done.clone();
        }
        version.update = done.clone();
        version.revision_id = new_id();
    }
}
