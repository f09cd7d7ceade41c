//! Where the service is: a region's own endpoint, or one that was configured.

use std::fmt;

use crate::region::Region;

/// Which of a region's endpoints is used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EndpointVariant {
    /// FIPS 140 validated (`AWS_USE_FIPS_ENDPOINT`).
    pub fips: bool,
    /// IPv4 and IPv6 (`AWS_USE_DUALSTACK_ENDPOINT`).
    pub dual_stack: bool,
}

/// A partition's name and DNS suffixes. Source: botocore's `partitions.json`.
struct Partition {
    /// What stands after `arn:`.
    name: &'static str,
    /// Region prefixes that belong to it.
    prefixes: &'static [&'static str],
    suffix: &'static str,
    dual_stack_suffix: &'static str,
}

/// `aws` comes last: its prefix matches every region.
const PARTITIONS: &[Partition] = &[
    Partition {
        name: "aws-us-gov",
        prefixes: &["us-gov-"],
        suffix: "amazonaws.com",
        dual_stack_suffix: "api.aws",
    },
    Partition {
        name: "aws-iso-b",
        prefixes: &["us-isob-"],
        suffix: "sc2s.sgov.gov",
        dual_stack_suffix: "api.aws.scloud",
    },
    Partition {
        name: "aws-iso-f",
        prefixes: &["us-isof-", "eu-isof-"],
        suffix: "csp.hci.ic.gov",
        dual_stack_suffix: "api.aws.hci.ic.gov",
    },
    Partition {
        name: "aws-iso",
        prefixes: &["us-iso-"],
        suffix: "c2s.ic.gov",
        dual_stack_suffix: "api.aws.ic.gov",
    },
    Partition {
        name: "aws-iso-e",
        prefixes: &["eu-isoe-"],
        suffix: "cloud.adc-e.uk",
        dual_stack_suffix: "api.cloud-aws.adc-e.uk",
    },
    Partition {
        name: "aws-eusc",
        prefixes: &["eusc-"],
        suffix: "amazonaws.eu",
        dual_stack_suffix: "api.amazonwebservices.eu",
    },
    Partition {
        name: "aws-cn",
        prefixes: &["cn-"],
        suffix: "amazonaws.com.cn",
        dual_stack_suffix: "api.amazonwebservices.com.cn",
    },
    Partition {
        name: "aws",
        prefixes: &[""],
        suffix: "amazonaws.com",
        dual_stack_suffix: "api.aws",
    },
];

fn partition_of(region: &Region) -> Option<&'static Partition> {
    let name = region.as_str();
    PARTITIONS.iter().find(|p| p.prefixes.iter().any(|prefix| name.starts_with(prefix)))
}

/// The name of the partition that a region belongs to: what stands after `arn:`.
#[must_use]
pub fn partition(region: &Region) -> &'static str {
    partition_of(region).map_or("aws", |partition| partition.name)
}

/// Scheme, host, port and path prefix of a Lambda service.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Endpoint {
    /// Whether TLS is used.
    pub https: bool,
    /// Host name or address; an IPv6 address stands in brackets.
    pub host: String,
    /// The port, when it is not the scheme's own.
    pub port: Option<u16>,
    /// What stands before `/2015-03-31`: empty, or a path without a slash at its end.
    pub path: String,
}

impl Endpoint {
    /// The region's own endpoint: `https://lambda.{region}.{dnsSuffix}`.
    #[must_use]
    pub fn of_region(region: &Region, variant: EndpointVariant) -> Self {
        let name = region.as_str();
        let (suffix, dual_stack_suffix) = partition_of(region)
            .map_or(("amazonaws.com", "api.aws"), |p| (p.suffix, p.dual_stack_suffix));
        let service = if variant.fips { "lambda-fips" } else { "lambda" };
        let suffix = if variant.dual_stack { dual_stack_suffix } else { suffix };
        Self {
            https: true,
            host: format!("{service}.{name}.{suffix}"),
            port: None,
            path: String::new(),
        }
    }

    /// Reads a configured endpoint: `http(s)://host[:port][/path]`, nothing else.
    ///
    /// # Errors
    /// The rule that the text breaks. A password in the text is not repeated.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (https, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            _ => return Err("it must begin with http:// or https://"),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("it must not carry a user name or password");
        }
        if path.contains(['?', '#']) {
            return Err("it must not carry a query or a fragment");
        }
        if !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~".contains(&b))
            || path.split('/').any(|segment| segment == "." || segment == "..")
        {
            return Err("its path may hold letters, digits, '-', '.', '_', '~' and '/' only");
        }
        let (host, port) = split_port(authority)?;
        Ok(Self {
            https,
            host: check_host(host)?,
            port,
            path: path.trim_end_matches('/').to_owned(),
        })
    }

    /// Host and port as they stand in the `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority(), self.path)
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let colon = match authority.rfind(']') {
        Some(bracket) => authority[bracket..].find(':').map(|at| bracket + at),
        None => authority.rfind(':'),
    };
    let Some(colon) = colon else { return Ok((authority, None)) };
    let port = &authority[colon + 1..];
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|b| b.is_ascii_digit()) => {
            Ok((&authority[..colon], Some(number)))
        }
        _ => Err("its port must be a number from 1 to 65535"),
    }
}

fn check_host(host: &str) -> Result<String, &'static str> {
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return match inner.parse::<std::net::Ipv6Addr>() {
            Ok(address) => Ok(format!("[{address}]")),
            Err(_) => Err("the address in brackets must be IPv6"),
        };
    }
    let name = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    // One dot at the end makes the name absolute.
    if host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(name) {
        return Ok(host.to_ascii_lowercase());
    }
    Err("it must name a host")
}
