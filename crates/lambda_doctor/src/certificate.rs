//! What a person wants to know of a certificate.

use std::net::IpAddr;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A peer's certificate, as far as it could be read.
#[derive(Default)]
pub(crate) struct Certificate {
    /// The issuer's distinguished name.
    pub(crate) issuer: String,
    /// The hosts that it is for.
    pub(crate) names: Vec<String>,
    /// Its first and last moment.
    pub(crate) validity: (String, String),
}

impl Certificate {
    /// Reads a certificate in DER. A peer may send anything: what cannot be read stays empty.
    pub(crate) fn read(der: &[u8]) -> Self {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Self::default() };
        let alternatives = certificate.subject_alternative_name().ok().flatten();
        let names = alternatives.map(|extension| &extension.value.general_names);
        Self {
            issuer: lambda_core::cut(&certificate.issuer().to_string(), 200),
            names: names.into_iter().flatten().take(5).filter_map(host).collect(),
            validity: (
                certificate.validity().not_before.to_string(),
                certificate.validity().not_after.to_string(),
            ),
        }
    }
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(lambda_core::cut(name, 100)),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}
