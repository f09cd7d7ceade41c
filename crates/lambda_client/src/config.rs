//! The AWS configuration of the process, from `aws-config`: environment, profiles, web identity,
//! SSO, processes, ECS/EKS containers and EC2 instance metadata.

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_types::service_config::ServiceConfigKey;
use lambda_core::{Endpoint, EndpointVariant, InvokeError, Region};
use tokio::sync::OnceCell;

use crate::CallOptions;
use crate::credentials::CredentialsCache;
use crate::diagnose::EndpointSource;
use crate::diagnose::sources::profile;
use crate::tls;

/// What the environment and the profile say, read once.
#[derive(Debug)]
pub(crate) struct AwsConfig {
    /// Where credentials come from, and those in use.
    pub(crate) credentials: CredentialsCache,
    /// The endpoint from `AWS_ENDPOINT_URL_LAMBDA`, `AWS_ENDPOINT_URL` or the profile.
    endpoint_url: Option<(String, EndpointSource)>,
    variant: EndpointVariant,
    /// The default chain's region. The chain may ask the instance metadata, so it is only run
    /// when a call names no region.
    default_region: OnceCell<Option<String>>,
}

impl AwsConfig {
    /// Reads the configuration. `region` is the first call's; it spares the instance metadata the
    /// question, and is used for STS and SSO when nothing else is configured.
    pub(crate) async fn load(region: Option<Region>) -> Self {
        let sdk = match &region {
            None => loader().load().await,
            Some(region) => {
                let given = aws_types::region::Region::new(region.as_str().to_owned());
                let environment = EnvironmentVariableRegionProvider::new();
                let configured = RegionProviderChain::first_try(environment)
                    .or_else(ProfileFileRegionProvider::new());
                loader().region(configured.or_else(given)).load().await
            }
        };
        // A region that may be the first call's own says nothing about the next call.
        let chain_has_run = region.is_none();
        let default_region = sdk.region().map(ToString::to_string);
        Self {
            endpoint_url: lambda_endpoint_url(&sdk),
            variant: EndpointVariant {
                fips: sdk.use_fips().unwrap_or(false),
                dual_stack: sdk.use_dual_stack().unwrap_or(false),
            },
            credentials: CredentialsCache::new(sdk.credentials_provider()),
            default_region: OnceCell::new_with(chain_has_run.then_some(default_region)),
        }
    }

    /// The region that a call is signed for.
    pub(crate) async fn region(&self, options: &CallOptions) -> Result<Region, InvokeError> {
        if let Some(region) = &options.region {
            return Ok(region.clone());
        }
        let name = self.default_region.get_or_init(|| Box::pin(chain_region())).await;
        match name {
            None => Err(InvokeError::NoRegion),
            Some(name) => name.parse().map_err(|_| {
                let name = lambda_core::cut(name, 64);
                InvokeError::Client(format!("The configured AWS Region '{name}' is not a Region"))
            }),
        }
    }

    /// Where a call is sent.
    pub(crate) fn endpoint(
        &self,
        options: &CallOptions,
        region: &Region,
    ) -> Result<Endpoint, InvokeError> {
        if let Some(endpoint) = &options.endpoint {
            return Ok(endpoint.clone());
        }
        match &self.endpoint_url {
            None => Ok(Endpoint::of_region(region, self.variant)),
            Some(_) => self.configured_endpoint(),
        }
    }

    /// The endpoint that the environment or the profile names, whatever the region.
    pub(crate) fn configured_endpoint(&self) -> Result<Endpoint, InvokeError> {
        let url = self.endpoint_url.as_ref().map_or("", |(url, _source)| url.as_str());
        // The text is not repeated: it may carry a password.
        Endpoint::parse(url).map_err(|rule| {
            InvokeError::Endpoint(format!("The endpoint in AWS_ENDPOINT_URL is wrong: {rule}"))
        })
    }

    /// Who names the endpoint of a call that does not.
    pub(crate) fn endpoint_source(&self) -> EndpointSource {
        let configured = self.endpoint_url.as_ref().map(|(_url, source)| source.clone());
        configured.unwrap_or(EndpointSource::Region(self.variant))
    }
}

/// The region of the AWS default chain.
async fn chain_region() -> Option<String> {
    loader().load().await.region().map(ToString::to_string)
}

fn loader() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest()).http_client(tls::provider_client())
}

/// The service's own setting wins over the one for all services (AWS SDKs and Tools Reference
/// Guide, "Service-specific endpoints").
fn lambda_endpoint_url(sdk: &aws_types::SdkConfig) -> Option<(String, EndpointSource)> {
    let key = ServiceConfigKey::builder()
        .service_id("Lambda")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    let own = sdk.service_config().and_then(|config| config.load_config(key));
    let url =
        own.or_else(|| sdk.endpoint_url().map(str::to_owned)).filter(|url| !url.is_empty())?;
    // The libraries do not tell. A variable wins over the profile's line of the same kind.
    let is_it = |name: &&str| std::env::var(name).is_ok_and(|value| value == url);
    let variable = ["AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"].into_iter().find(is_it);
    let source = match variable {
        Some(variable) => EndpointSource::Environment(variable),
        None => EndpointSource::Profile(profile()),
    };
    Some((url, source))
}
