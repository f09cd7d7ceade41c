//! What a service is like, and why one cannot start.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use crate::auth::Credentials;
use crate::code::UnpackError;
use crate::events::EventSettings;
use crate::functions::Origin;
use crate::model::StoreError;
use crate::page::PageAccess;
use crate::runtimes::RuntimeError;

/// What a service is like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account in ARNs.
    pub account: String,
    /// The region of unsigned requests and of the functions' own environment.
    pub region: String,
    /// Who may call; nothing lets everyone.
    pub credentials: Option<Credentials>,
    /// Environment variables of every function, over its own.
    pub variables: BTreeMap<String, String>,
    /// The folder that code archives are kept in, beside the database.
    pub state: PathBuf,
    /// Whether functions are to be known after a restart.
    pub durable: bool,
    /// Whether the service may be reached from elsewhere, and so by any name.
    pub public: bool,
    /// How asynchronous events are handled.
    pub events: EventSettings,
    /// Who may see the page and the metrics.
    pub page: PageAccess,
}

/// Why a service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// What was known cannot be read or written.
    #[error(transparent)]
    State(#[from] StoreError),
    /// The code of a function cannot be used.
    #[error("{origin}: the code of function `{name}`: {error}")]
    Code {
        /// The function.
        name: String,
        /// Where it is described.
        origin: Box<Origin>,
        /// What is wrong with its code.
        error: UnpackError,
    },
    /// A runtime or a package that was to be installed cannot be had.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The system refuses.
    #[error(transparent)]
    System(#[from] io::Error),
}
