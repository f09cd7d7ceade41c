//! The service: its functions, their pools, and the front door.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::auth::Credentials;
use crate::environment::{ChildIdentity, Guard, Pool, PoolSettings, Spawner};
use crate::functions::Function;
use crate::http_io::serve_connection;
use crate::limits::ACCOUNT_CONCURRENCY;
use crate::runtimes::{Launcher, RuntimeError, Toolchain};

/// How often idle processes are looked for. Not on any call's path.
const SWEEP: Duration = Duration::from_secs(1);

/// Header buffer of the front door; client contexts and session tokens fit many times.
const HEADER_BYTES: usize = 64 * 1024;

/// What a service is like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account in ARNs.
    pub account: String,
    /// The region of unsigned requests and of the functions' own environment.
    pub region: String,
    /// Who may call; nothing lets everyone.
    pub credentials: Option<Credentials>,
}

/// A Lambda service.
#[derive(Debug)]
pub struct Service {
    settings: Settings,
    pools: BTreeMap<String, Arc<Pool>>,
}

impl Service {
    /// A service of these functions. Their runtimes are installed first, where they are not yet; a
    /// function whose runtime cannot be had is served with that as its error. The guard ends what the service leaves behind.
    pub fn new(
        settings: Settings,
        functions: BTreeMap<String, Function>,
        toolchain: &Toolchain,
        guard: Option<Guard>,
    ) -> io::Result<Self> {
        let shared = PoolSettings {
            spawner: Spawner::start(guard)?,
            account: Arc::new(Semaphore::new(ACCOUNT_CONCURRENCY as usize)),
            identity: ChildIdentity {
                runtime_api: String::new(),
                region: settings.region.clone(),
                log_stream: String::new(),
                access_key: crate::auth::TEST_KEY.to_owned(),
                secret_key: crate::auth::TEST_KEY.to_owned(),
            },
        };
        let launchers = launchers(&functions, toolchain);
        let pools = functions
            .into_iter()
            .map(|(name, function)| {
                let launcher = launchers[&name].clone();
                (name, Arc::new(Pool::new(Arc::new(function), launcher, shared.clone())))
            })
            .collect();
        Ok(Self { settings, pools })
    }

    /// Serves connections until the future is dropped.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        let sweeping = tokio::spawn(Arc::clone(&self).sweep());
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    tokio::spawn(Arc::clone(&self).connection(stream, peer));
                }
                Err(error) => {
                    // Out of descriptors, most likely: give running calls a moment to free some.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            if sweeping.is_finished() {
                return;
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: tokio::net::TcpStream, peer: SocketAddr) {
        tracing::trace!(%peer, "connected");
        serve_connection(stream, HEADER_BYTES, |request| {
            crate::invoke_api::answer(Arc::clone(&self), request)
        })
        .await;
    }

    async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            for pool in self.pools.values() {
                pool.stop_idle();
            }
        }
    }

    /// The functions, by name.
    pub fn functions(&self) -> impl Iterator<Item = &Function> {
        self.pools.values().map(|pool| pool.function())
    }

    pub(crate) fn pool(&self, function: &str) -> Option<Arc<Pool>> {
        self.pools.get(function).cloned()
    }

    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.settings.credentials.as_ref()
    }

    pub(crate) fn account(&self) -> &str {
        &self.settings.account
    }

    pub(crate) fn region(&self) -> &str {
        &self.settings.region
    }
}

/// How to start each function, by name, or why what it needs cannot be had.
pub(crate) fn launchers(
    functions: &BTreeMap<String, Function>,
    toolchain: &Toolchain,
) -> BTreeMap<String, Result<Launcher, RuntimeError>> {
    let mut runtimes = BTreeMap::new();
    let launcher = |function: &Function| {
        // Asked for once: what is missing is told once, not for every function.
        let runtime =
            runtimes.entry(function.runtime.identifier().to_owned()).or_insert_with(|| {
                toolchain.launcher(&function.runtime).inspect_err(|error| {
                    tracing::error!(runtime = %function.runtime, "cannot be served: {error}");
                })
            });
        toolchain.with_packages(runtime.clone()?, function).inspect_err(|error| {
            tracing::error!(function = function.name, "cannot be served: {error}");
        })
    };
    let names = functions.keys().cloned();
    names.zip(functions.values().map(launcher)).collect()
}
