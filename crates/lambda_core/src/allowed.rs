//! Which functions may be called: a list of patterns over ARNs.
//!
//! A pattern has one of the forms in which a function is named, and `*` in any part stands for any
//! characters of that part. Its parts are compared with those of the resolved call, one by one, so
//! that no way of writing a name passes where another does not.

use std::fmt;

use crate::endpoint::partition;
use crate::invocation::Invocation;
use crate::region::Region;

/// A list of patterns, of which a call must match one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AllowedFunctions(Vec<Pattern>);

/// One pattern.
///
/// `None` for partition and region is any. `None` for account is the credentials' own account, as
/// in a call that names none: whether an account that is named is the own one cannot be known.
/// `None` for qualifier is a call without one.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Pattern {
    partition: Option<String>,
    region: Option<String>,
    account: Option<String>,
    name: String,
    qualifier: Option<String>,
    /// `*` alone: every function, as in a policy of IAM.
    everything: bool,
}

/// Why a list cannot be read: one sentence without a full stop.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

const FORMS: &str = "is not name[:qualifier], account:function:name[:qualifier] or \
arn:aws:lambda:region:account:function:name[:qualifier]";

const NO_PARTITION: &str = "has a partition that is not one, such as aws";
const NO_REGION: &str = "has a Region that is not one, such as us-east-1";
const NO_ACCOUNT: &str = "has an account that is not 12 digits";
const NO_QUALIFIER: &str = "has a qualifier that is not a version or alias";

impl AllowedFunctions {
    /// Reads patterns separated by commas. `None` for an empty text, which allows everything.
    ///
    /// # Errors
    /// [`PatternError`] for the first pattern that has none of the forms.
    pub fn parse(text: &str) -> Result<Option<Self>, PatternError> {
        if text.is_empty() {
            return Ok(None);
        }
        let patterns = text.split(',').map(|pattern| Pattern::parse(pattern.trim_ascii()));
        patterns.collect::<Result<_, _>>().map(|patterns| Some(Self(patterns)))
    }

    /// A list that allows nothing, in place of one that cannot be read.
    #[must_use]
    pub fn nothing() -> Self {
        Self(Vec::new())
    }

    /// Whether a call that goes to `region` is allowed.
    #[must_use]
    pub fn allows(&self, invocation: &Invocation, region: &Region) -> bool {
        self.0.iter().any(|pattern| pattern.matches(invocation, region))
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, PatternError> {
        let parts: Vec<&str> = text.split(':').collect();
        let any = Self {
            partition: None,
            region: None,
            account: None,
            name: "*".to_owned(),
            qualifier: None,
            everything: text == "*",
        };
        let (pattern, named) = match parts.as_slice() {
            ["arn", partition, "lambda", region, account, "function", named @ ..] => {
                let part = |text: &str| Some(text.to_owned());
                let (partition, region) = (part(partition), part(region));
                (Self { partition, region, account: part(account), ..any }, named)
            }
            [account, "function", named @ ..] if !named.is_empty() => {
                (Self { account: Some((*account).to_owned()), ..any }, named)
            }
            // Short forms of a call, which a pattern would not be read as.
            [first, _, ..] if is_no_name(first) => return Err(error(text, FORMS)),
            named => (any, named),
        };
        let pattern = match *named {
            [name] => Self { name: name.to_owned(), ..pattern },
            [name, qualifier] => {
                Self { name: name.to_owned(), qualifier: Some(qualifier.to_owned()), ..pattern }
            }
            _ => return Err(error(text, FORMS)),
        };
        pattern.check().map_err(|rule| error(text, rule))?;
        Ok(pattern)
    }

    /// A pattern that could match nothing is a mistake, and said so when it is set.
    fn check(&self) -> Result<(), &'static str> {
        let check = |text: Option<&str>, is_good: fn(u8) -> bool, rule| match text {
            Some(text) if text.is_empty() || !text.bytes().all(|b| b == b'*' || is_good(b)) => {
                Err(rule)
            }
            _ => Ok(()),
        };
        let partition = |b: u8| b.is_ascii_lowercase() || b == b'-';
        let region = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let name = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let qualifier = |b: u8| b.is_ascii_alphanumeric() || b"-_$.".contains(&b);
        check(self.partition.as_deref(), partition, NO_PARTITION)?;
        check(self.region.as_deref(), region, NO_REGION)?;
        check(self.account.as_deref(), |b| b.is_ascii_digit(), NO_ACCOUNT)?;
        check(Some(&self.name), name, FORMS)?;
        check(self.qualifier.as_deref(), qualifier, NO_QUALIFIER)?;
        let digits = self.account.as_deref().filter(|account| !account.contains('*'));
        if digits.is_some_and(|digits| digits.len() != 12) {
            return Err(NO_ACCOUNT);
        }
        let region = self.region.as_deref().filter(|region| !region.contains('*'));
        if region.is_some_and(|region| !Region::is_valid(region)) {
            return Err(NO_REGION);
        }
        Ok(())
    }

    fn matches(&self, call: &Invocation, region: &Region) -> bool {
        if self.everything {
            return true;
        }
        let optional = |pattern: &Option<String>, text: &str| {
            pattern.as_deref().is_none_or(|pattern| glob(pattern, text))
        };
        let account = match (&self.account, call.function.account()) {
            (None, named) => named.is_none(),
            (Some(pattern), Some(account)) => glob(pattern, account),
            // The own account, which is not known: only a pattern for all accounts is sure.
            (Some(pattern), None) => pattern.bytes().all(|b| b == b'*'),
        };
        let qualifier = match (&self.qualifier, call.effective_qualifier()) {
            (Some(pattern), Some(qualifier)) => glob(pattern, qualifier),
            (pattern, qualifier) => pattern.is_none() && qualifier.is_none(),
        };
        account
            && qualifier
            && glob(&self.name, call.function.name())
            && optional(&self.region, region.as_str())
            && optional(&self.partition, partition(region))
    }
}

/// Whether a part that stands before another is more likely meant as something else than a name.
fn is_no_name(part: &str) -> bool {
    let digits = part.bytes().all(|b| b.is_ascii_digit());
    matches!(part, "arn" | "function") || (part.len() == 12 && digits) || Region::is_valid(part)
}

fn error(pattern: &str, rule: &str) -> PatternError {
    PatternError(format!("\"{}\" {rule}", crate::text::cut(pattern, 200)))
}

/// Whether `text` is what `pattern` says, where `*` stands for any characters or none. Takes at
/// most the product of both lengths: a pattern is tried again only after its last `*`.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                (p, t) = (at + 1, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// What a call was resolved to, for an error: one sentence without a full stop.
pub(crate) struct Resolved<'a>(pub(crate) &'a Invocation, pub(crate) &'a Region);

impl fmt::Display for Resolved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(call, region) = self;
        write!(f, "It is the function {}", call.function.name())?;
        match call.effective_qualifier() {
            Some(qualifier) => write!(f, ", qualifier {qualifier}")?,
            None => f.write_str(", without a qualifier")?,
        }
        match call.function.account() {
            Some(account) => write!(f, ", of account {account}")?,
            None => f.write_str(", of the credentials' own account")?,
        }
        write!(f, ", in {region}")
    }
}
