//! AWS Regions: the only caller's text that may become part of a host name.

use std::fmt;
use std::str::FromStr;

use crate::error::ArgumentError;

/// A name that has the form of an AWS Region, such as `us-east-1` or `us-gov-west-1`.
///
/// The grammar is the one in the service's own function-name pattern:
/// `(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}`. It has no dot, slash or `#`: a region
/// can never lead a request to another host than AWS's.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Region(String);

impl Region {
    /// Whether `text` has the form of a region.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        // Longest known: eusc-de-east-1, us-gov-east-1, ap-southeast-1. 32 leaves room.
        if text.len() > 32 {
            return false;
        }
        let mut parts: Vec<&str> = text.split('-').collect();
        if parts.first() == Some(&"eusc") {
            parts.remove(0);
        }
        let lower = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
        let digit = |part: &str| part.len() == 1 && part.as_bytes()[0].is_ascii_digit();
        match parts.as_slice() {
            [country, area, number] => {
                country.len() == 2 && lower(country) && lower(area) && digit(number)
            }
            [country, kind, area, number] => {
                let kind =
                    *kind == "gov" || (kind.starts_with("iso") && kind.len() <= 4 && lower(kind));
                country.len() == 2 && lower(country) && kind && lower(area) && digit(number)
            }
            _ => false,
        }
    }

    /// The region's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = ArgumentError;

    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        if Self::is_valid(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(ArgumentError::invalid("region", text, "is not the name of an AWS Region")
            .with_hint("A Region looks like us-east-1 or eu-central-1."))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
