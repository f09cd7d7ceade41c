//! Where region, credentials and endpoint come from.

use std::env;
use std::fmt;
use std::time::SystemTime;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::ProfileFileRegionProvider;
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature as Feature;
use lambda_core::EndpointVariant;

/// Who names the region.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RegionSource {
    /// The caller, by the options of the call.
    Given,
    /// This environment variable.
    Environment(&'static str),
    /// This profile of the shared configuration files.
    Profile(String),
    /// The instance metadata, which is asked last.
    InstanceMetadata,
}

impl fmt::Display for RegionSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("the call's own"),
            Self::Environment(name) => f.write_str(name),
            Self::Profile(name) => write!(f, "the profile \"{name}\""),
            Self::InstanceMetadata => f.write_str("the instance metadata"),
        }
    }
}

/// Who names the endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EndpointSource {
    /// The caller, by the options of the call.
    Given,
    /// This environment variable.
    Environment(&'static str),
    /// This profile of the shared configuration files.
    Profile(String),
    /// Nobody: it is the region's own.
    Region(EndpointVariant),
}

impl fmt::Display for EndpointSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("the call's own"),
            Self::Environment(name) => f.write_str(name),
            Self::Profile(name) => write!(f, "the profile \"{name}\""),
            Self::Region(variant) => {
                f.write_str("the Region's own")?;
                f.write_str(if variant.fips { ", FIPS" } else { "" })?;
                f.write_str(if variant.dual_stack { ", dual-stack" } else { "" })
            }
        }
    }
}

/// What may be told of credentials.
#[derive(Clone, Debug)]
pub struct CredentialsReport {
    /// The access key id with its middle hidden.
    pub access_key_id: String,
    /// Where they come from, in words.
    pub source: String,
    /// When they end; long-term keys have no end, and variables do not tell theirs.
    pub expiry: Option<SystemTime>,
    /// Whether there is a session token: they are of a role or a session, and end.
    pub is_temporary: bool,
    /// Whether they come from variables or a file's plain keys: nobody renews them.
    pub is_static: bool,
}

impl CredentialsReport {
    pub(crate) fn of(credentials: &Credentials) -> Self {
        let features = credentials.get_property::<Vec<Feature>>().map_or(&[][..], Vec::as_slice);
        Self {
            access_key_id: masked(credentials.access_key_id()),
            source: source_of(features),
            expiry: credentials.expiry(),
            is_temporary: credentials.session_token().is_some(),
            is_static: features
                .iter()
                .all(|it| matches!(it, Feature::CredentialsEnvVars | Feature::CredentialsProfile)),
        }
    }
}

/// The providers mark credentials with what took part in giving them, the source first and the
/// profile that names it last.
fn source_of(features: &[Feature]) -> String {
    let mut names: Vec<String> =
        features.iter().filter_map(name_of).map(ToOwned::to_owned).collect();
    if features.contains(&Feature::CredentialsProfile) {
        let way = if names.is_empty() { "the keys of the profile" } else { "by the profile" };
        names.push(format!("{way} \"{}\"", profile()));
    }
    if names.is_empty() { "an unnamed source".to_owned() } else { names.join(", ") }
}

fn name_of(feature: &Feature) -> Option<&'static str> {
    Some(match feature {
        Feature::CredentialsEnvVars => "environment variables",
        Feature::CredentialsStsAssumeRole => "an assumed role",
        Feature::CredentialsEnvVarsStsWebIdToken
        | Feature::CredentialsProfileStsWebIdToken
        | Feature::CredentialsStsAssumeRoleWebId => "a role for a web identity token",
        Feature::CredentialsProfileSso | Feature::CredentialsSso => "IAM Identity Center (SSO)",
        Feature::CredentialsProfileProcess | Feature::CredentialsProcess => "a credential_process",
        Feature::CredentialsHttp => "the container credentials endpoint (ECS or EKS)",
        Feature::CredentialsImds => "the instance metadata (EC2)",
        Feature::CredentialsProfileLogin | Feature::CredentialsLogin => "aws login",
        _ => return None,
    })
}

/// Enough to know a key by, as IAM's console shows it, and no more.
fn masked(key: &str) -> String {
    let (start, end) =
        if key.len() >= 16 { (4, key.len() - 4) } else { (key.len().min(2), key.len()) };
    match (key.get(..start), key.get(end..)) {
        (Some(first), Some(last)) => format!("{first}{}{last}", "*".repeat(end - start)),
        _ => "*".repeat(key.len()),
    }
}

/// The order of `aws-config`'s default chain.
pub(crate) async fn region_source() -> RegionSource {
    if EnvironmentVariableRegionProvider::new().region().await.is_some() {
        let names = ["AWS_REGION", "AWS_DEFAULT_REGION"];
        let is_set = |name: &&str| env::var(name).is_ok_and(|value| !value.is_empty());
        return RegionSource::Environment(names.into_iter().find(is_set).unwrap_or("AWS_REGION"));
    }
    if ProfileFileRegionProvider::new().region().await.is_some() {
        return RegionSource::Profile(profile());
    }
    RegionSource::InstanceMetadata
}

/// The profile in force.
pub(crate) fn profile() -> String {
    let name = env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
    lambda_core::cut(name.as_deref().unwrap_or("default"), 64)
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_key_is_known_by_its_ends() {
        assert_eq!(masked("AKIAIOSFODNN7EXAMPLE"), "AKIA************MPLE");
        assert_eq!(masked("test"), "te**");
        assert_eq!(masked("é"), "é");
        assert_eq!(masked(""), "");
    }
}
