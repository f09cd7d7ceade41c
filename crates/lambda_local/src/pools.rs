//! The environments of all functions and versions, made when they are first needed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use crate::code::{CodeStore, UnpackError};
use crate::environment::{Account, Concurrency, Environments, Pool, PoolSettings};
use crate::functions::{Function, missing_handler};
use crate::model::{Functions, Progress, Record, Version};
use crate::runtimes::{Launcher, RuntimeError, Toolchain};

/// How to start the functions of each runtime.
#[derive(Debug)]
pub(crate) struct Launchers {
    toolchain: Toolchain,
    /// By runtime identifier. Asked for once: what is missing is told once, not for every function.
    runtimes: Mutex<HashMap<String, Result<Launcher, RuntimeError>>>,
}

impl Launchers {
    pub(crate) fn new(toolchain: Toolchain) -> Self {
        Self { toolchain, runtimes: Mutex::default() }
    }

    /// Asks again for what was missing.
    fn forget_failures(&self) {
        lock(&self.runtimes).retain(|_, runtime| runtime.is_ok());
    }

    /// How to start a function, or why what it needs cannot be had. Blocks while it installs.
    pub(crate) fn of(&self, function: &Function) -> Result<Launcher, RuntimeError> {
        let runtime = lock(&self.runtimes)
            .entry(function.runtime.identifier().to_owned())
            .or_insert_with(|| {
                self.toolchain.launcher(&function.runtime).inspect_err(|error| {
                    tracing::error!(runtime = %function.runtime, "cannot be served: {error}");
                })
            })
            .clone()?;
        self.toolchain.with_packages(runtime, function).inspect_err(|error| {
            tracing::error!(function = function.name, "cannot be served: {error}");
        })
    }
}

/// A function's name, and `$LATEST` or a version's number.
type Key = (String, String);

/// The environments of one version, and which build of it they run.
#[derive(Clone, Debug)]
struct Made {
    build: String,
    pool: Arc<Pool>,
}

/// The environments of all functions.
#[derive(Debug)]
pub(crate) struct Pools {
    settings: PoolSettings,
    launchers: Launchers,
    functions: Arc<Functions>,
    code: Arc<CodeStore>,
    /// Variables of every function, over its own.
    variables: BTreeMap<String, String>,
    made: RwLock<HashMap<Key, Made>>,
    /// Pools that were replaced and may still run calls.
    retired: Mutex<Vec<Weak<Pool>>>,
    account: Account,
    concurrency: Mutex<HashMap<String, Arc<Concurrency>>>,
}

impl Pools {
    pub(crate) fn new(
        settings: PoolSettings,
        toolchain: Toolchain,
        functions: Arc<Functions>,
        code: Arc<CodeStore>,
        variables: BTreeMap<String, String>,
    ) -> Self {
        Self {
            settings,
            launchers: Launchers::new(toolchain),
            functions,
            code,
            variables,
            made: RwLock::default(),
            retired: Mutex::default(),
            account: Account::new(),
            concurrency: Mutex::default(),
        }
    }

    /// The environments that run a version. While an update is under way, those of before.
    pub(crate) async fn of(self: &Arc<Self>, record: &Record, version: &Version) -> Arc<Pool> {
        let key = (record.name.clone(), version.name());
        let found = self.made.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        match found {
            Some(made) if made.build == version.build => made.pool,
            Some(made) if version.update == Progress::Doing => made.pool,
            _ => self.make(record, version).await,
        }
    }

    /// Makes the environments of a version's present build; those of an earlier one end with their
    /// last call.
    pub(crate) async fn make(self: &Arc<Self>, record: &Record, version: &Version) -> Arc<Pool> {
        let (pools, name, wanted) = (Arc::clone(self), record.name.clone(), version.clone());
        let prepared = tokio::task::spawn_blocking(move || pools.prepare(&name, &wanted)).await;
        let (function, launcher) = prepared.unwrap_or_else(|error| {
            let failed = RuntimeError::new(format!("internal error: {error}"));
            (bare(&record.name, version), Err(failed))
        });
        self.put(record, version, function, launcher)
    }

    /// The same for `$LATEST`, here and now. Blocks while something is installed. Returns why its
    /// handler cannot be found, if it is known.
    pub(crate) fn make_now(self: &Arc<Self>, record: &Record) -> Option<String> {
        let (function, launcher) = self.prepare(&record.name, &record.latest);
        let problem = handler_problem(&function, &launcher);
        self.put(record, &record.latest, function, launcher);
        problem
    }

    /// Why a version cannot run; nothing if it can, as far as is known. Blocks while something is
    /// installed, and looks again for what was missing.
    pub(crate) fn check(&self, name: &str, version: &Version) -> Option<String> {
        self.launchers.forget_failures();
        let (function, launcher) = self.prepare(name, version);
        let problem = launcher.as_ref().err().map(ToString::to_string);
        problem.or_else(|| handler_problem(&function, &launcher))
    }

    fn prepare(&self, name: &str, version: &Version) -> (Function, Result<Launcher, RuntimeError>) {
        let (mut function, problem) = match runnable(name, version, &self.code) {
            Ok(function) => (function, None),
            Err(error) => (bare(name, version), Some(RuntimeError::new(error.to_string()))),
        };
        function.variables.extend(self.variables.clone());
        let launcher = problem.map_or_else(|| self.launchers.of(&function), Err);
        (function, launcher)
    }

    fn put(
        &self,
        record: &Record,
        version: &Version,
        function: Function,
        launcher: Result<Launcher, RuntimeError>,
    ) -> Arc<Pool> {
        let concurrency = self.concurrency_of(&record.name);
        let key = (record.name.clone(), version.name());
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        // Another call may have been faster.
        if let Some(made) = made.get(&key).filter(|made| made.build == version.build) {
            return Arc::clone(&made.pool);
        }
        let settings = self.settings.clone();
        let pool = Arc::new(Pool::new(Arc::new(function), launcher, settings, concurrency));
        let new = Made { build: version.build.clone(), pool: Arc::clone(&pool) };
        if let Some(old) = made.insert(key, new) {
            self.retire(&old.pool);
        }
        pool
    }

    /// Ends the environments of a function, or of one of its versions; running calls finish.
    pub(crate) fn remove(&self, name: &str, version: Option<&str>) {
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        made.retain(|key, made| {
            let stays = key.0 != name || version.is_some_and(|version| version != key.1);
            if !stays {
                self.retire(&made.pool);
            }
            stays
        });
        if version.is_none() {
            lock(&self.concurrency).remove(name);
        }
    }

    fn retire(&self, pool: &Arc<Pool>) {
        pool.retire();
        lock(&self.retired).push(Arc::downgrade(pool));
    }

    /// The places of a function, for all its versions.
    pub(crate) fn concurrency_of(&self, name: &str) -> Arc<Concurrency> {
        let mut known = lock(&self.concurrency);
        // Asked under the lock, as in `sync_reservations`: the caller's record may be an old one.
        let now = || self.functions.get(name).and_then(|record| record.reserved_concurrency);
        let make = || Arc::new(Concurrency::new(self.account.clone(), now()));
        Arc::clone(known.entry(name.to_owned()).or_insert_with(make))
    }

    /// Takes over the functions' reservations as they are now.
    pub(crate) fn sync_reservations(&self) {
        let known = lock(&self.concurrency);
        // Under the lock: of two changes at once, the later one is seen by both.
        let records = self.functions.all();
        let reserved = records.values().filter_map(|record| record.reserved_concurrency).sum();
        self.account.set_reserved(reserved);
        for (name, concurrency) in known.iter() {
            if let Some(record) = records.get(name) {
                concurrency.set_reserved(record.reserved_concurrency);
            }
        }
    }

    /// What the environments of each function do at the moment, those of its former builds included.
    pub(crate) fn environments(&self) -> BTreeMap<String, Environments> {
        let retired: Vec<Arc<Pool>> =
            lock(&self.retired).iter().filter_map(Weak::upgrade).collect();
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        let mut counts = BTreeMap::<String, Environments>::new();
        for pool in made.values().map(|made| &made.pool).chain(&retired) {
            pool.count_environments(counts.entry(pool.function().name.clone()).or_default());
        }
        counts
    }

    /// Stops what has been idle for long.
    pub(crate) fn stop_idle(&self) {
        for made in self.made.read().unwrap_or_else(PoisonError::into_inner).values() {
            made.pool.stop_idle();
        }
    }

    /// Whether the service is to stop: what has not begun stays for the next start.
    pub(crate) fn is_stopping(&self) -> bool {
        self.settings.stop.is_wished()
    }

    /// Whether running calls were cut off.
    pub(crate) fn have_ended(&self) -> bool {
        self.settings.spawner.has_ended()
    }

    /// Ends all processes, also those that run a call, and starts no more.
    pub(crate) fn end_all(&self) {
        self.settings.spawner.end_all();
    }

    /// The folders that processes may still run in.
    pub(crate) fn task_roots(&self) -> HashSet<PathBuf> {
        let mut retired = lock(&self.retired);
        retired.retain(|pool| pool.strong_count() > 0);
        let retired: Vec<Arc<Pool>> = retired.iter().filter_map(Weak::upgrade).collect();
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        let pools = made.values().map(|made| &made.pool).chain(&retired);
        let roots = |pool: &Arc<Pool>| {
            let function = pool.function();
            let layers = function.layers.iter().cloned();
            layers.chain([function.task_root.clone()]).collect::<Vec<_>>()
        };
        pools.flat_map(roots).collect()
    }
}

/// A version as its processes see it. Blocks: archives are unpacked.
pub(crate) fn runnable(
    name: &str,
    version: &Version,
    code: &CodeStore,
) -> Result<Function, UnpackError> {
    let layers = version.configuration.layers.iter().map(|layer| code.task_root(&layer.code));
    let layers = layers.collect::<Result<_, _>>()?;
    Ok(Function { task_root: code.task_root(&version.code)?, layers, ..bare(name, version) })
}

/// The same without its code.
fn bare(name: &str, version: &Version) -> Function {
    let configuration = &version.configuration;
    Function {
        name: name.to_owned(),
        version: version.name(),
        task_root: PathBuf::new(),
        layers: Vec::new(),
        runtime: configuration.runtime.clone(),
        handler: configuration.handler.clone(),
        timeout: Duration::from_secs(configuration.timeout.into()),
        memory_mb: configuration.memory_mb,
        variables: configuration.variables.clone(),
    }
}

fn handler_problem(
    function: &Function,
    launcher: &Result<Launcher, RuntimeError>,
) -> Option<String> {
    let launcher = launcher.as_ref().ok()?;
    missing_handler(function, launcher.packages.as_deref())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
