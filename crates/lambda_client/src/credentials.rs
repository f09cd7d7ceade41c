//! Credentials, kept until shortly before they expire.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use lambda_core::InvokeError;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long before their end credentials are replaced. AWS's SDKs use five minutes where the
/// source hands out new ones early, as STS and instance metadata do.
const REFRESH_BEFORE_EXPIRY: Duration = Duration::from_secs(300);

/// How long a source may take to replace credentials that still work. Without a limit, a source
/// that is down would use up the time of every call in the last minutes of those credentials.
const REFRESH_PATIENCE: Duration = Duration::from_secs(1);

/// The provider chain and the credentials that it last gave.
#[derive(Debug)]
pub(crate) struct CredentialsCache {
    provider: Option<SharedCredentialsProvider>,
    current: Mutex<Option<Credentials>>,
}

impl CredentialsCache {
    pub(crate) fn new(provider: Option<SharedCredentialsProvider>) -> Self {
        Self { provider, current: Mutex::new(None) }
    }

    /// Credentials that are valid now. One caller at a time asks the provider, so that many calls
    /// at once make one request to it.
    pub(crate) async fn get(&self) -> Result<Credentials, InvokeError> {
        let mut current = self.current.lock().await;
        if let Some(credentials) = current.as_ref()
            && !expires_within(credentials, REFRESH_BEFORE_EXPIRY)
        {
            return Ok(credentials.clone());
        }
        let provider = self.provider.as_ref().ok_or_else(no_credentials)?;
        let still_good = current.clone().filter(|old| !expires_within(old, REFRESH_PATIENCE));
        let fresh = match still_good {
            None => provider.provide_credentials().await.map_err(|error| describe(&error))?,
            // If the source fails for the moment, what we have still works.
            Some(old) => match timeout(REFRESH_PATIENCE, provider.provide_credentials()).await {
                Ok(Ok(fresh)) => fresh,
                Ok(Err(_)) | Err(_) => return Ok(old),
            },
        };
        *current = Some(fresh.clone());
        Ok(fresh)
    }

    /// Forgets credentials that the service called expired.
    pub(crate) async fn forget(&self) {
        *self.current.lock().await = None;
    }
}

fn expires_within(credentials: &Credentials, margin: Duration) -> bool {
    credentials.expiry().is_some_and(|expiry| SystemTime::now() + margin >= expiry)
}

fn no_credentials() -> InvokeError {
    let profile = match std::env::var("AWS_PROFILE") {
        Ok(name) => format!(" (profile \"{}\")", lambda_core::cut(&name, 64)),
        Err(_) => String::new(),
    };
    InvokeError::Credentials(format!(
        "No AWS credentials found: tried the environment, the shared credentials and \
         configuration files{profile}, the web identity token, the container and the instance \
         metadata"
    ))
}

/// The provider's error and its causes. Providers name files, profiles, URLs and status codes,
/// never a secret.
fn describe(error: &CredentialsError) -> InvokeError {
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        return no_credentials();
    }
    let mut text = format!("AWS credentials could not be loaded: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    InvokeError::Credentials(lambda_core::cut(&text, 1000))
}
