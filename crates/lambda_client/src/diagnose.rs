//! The steps of a call, taken one by one and told: for a program that says why calls fail.
//!
//! Nothing here is a second implementation: each step is the one that [`Client::invoke`] takes, with
//! the same configuration, trust and proxies. No report carries a secret or a token.

mod journey;
pub(crate) mod sources;

pub use journey::{Dialled, Entered, Greeting, Handshake, Journey, ProxyReport, TlsProblem, Trust};
pub use sources::{CredentialsReport, EndpointSource, RegionSource};

use lambda_core::{Answer, Endpoint, Invocation, InvokeError, Region};

use crate::{CallOptions, Client};

/// The configuration of this process, looked at as a call with these options would.
#[derive(Debug)]
pub struct Diagnosis {
    client: Client,
    options: CallOptions,
}

impl Diagnosis {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(options: CallOptions) -> Self {
        Self { client: Client::new(), options }
    }

    /// The region that a call is signed for, and who says so. May ask the instance metadata, which
    /// takes seconds where there is none.
    ///
    /// # Errors
    /// [`InvokeError::NoRegion`], or [`InvokeError::Client`] for a name that is none.
    pub async fn region(&self) -> Result<(Region, RegionSource), InvokeError> {
        let config = self.client.config(&self.options).await;
        let region = config.region(&self.options).await?;
        let source = match self.options.region {
            Some(_) => RegionSource::Given,
            None => sources::region_source().await,
        };
        Ok((region, source))
    }

    /// Who names the default region, right or wrong; for the errors of [`Self::region`].
    pub async fn region_source(&self) -> RegionSource {
        sources::region_source().await
    }

    /// The credentials of a call, without what is secret in them.
    ///
    /// # Errors
    /// [`InvokeError::Credentials`]
    pub async fn credentials(&self) -> Result<CredentialsReport, InvokeError> {
        let config = self.client.config(&self.options).await;
        config.credentials.get().await.map(|credentials| CredentialsReport::of(&credentials))
    }

    /// Where a call is sent, and who says so; without a region, only if one is configured.
    ///
    /// # Errors
    /// [`InvokeError::NoRegion`], or [`InvokeError::Endpoint`] for one that is no URL.
    pub async fn endpoint(
        &self,
        region: Option<&Region>,
    ) -> Result<(Endpoint, EndpointSource), InvokeError> {
        let config = self.client.config(&self.options).await;
        if let Some(endpoint) = &self.options.endpoint {
            return Ok((endpoint.clone(), EndpointSource::Given));
        }
        let source = config.endpoint_source();
        match (region, &source) {
            (Some(region), _) => Ok((config.endpoint(&self.options, region)?, source)),
            (None, EndpointSource::Region(_)) => Err(InvokeError::NoRegion),
            (None, _) => Ok((config.configured_endpoint()?, source)),
        }
    }

    /// Makes the call itself: a [`lambda_core::InvocationType::DryRun`] runs no function.
    ///
    /// # Errors
    /// Those of [`Client::invoke`].
    pub async fn call(&self, invocation: Invocation) -> Result<Answer, InvokeError> {
        self.client.invoke(invocation, &self.options).await
    }
}
