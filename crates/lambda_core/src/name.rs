//! Function names as the Invoke API takes them: a name, a partial ARN or a full ARN, each with an
//! optional version or alias.

use crate::error::ArgumentError;
use crate::limits::{FUNCTION_NAME_CHARS, QUALIFIER_CHARS};
use crate::region::Region;

const RULE: &str = "is not a function name, partial ARN or ARN";
const HINT: &str = "Use a name (my-function), a partial ARN (111122223333:function:my-function) \
or an ARN (arn:aws:lambda:us-east-1:111122223333:function:my-function), each with an optional \
:version or :alias.";

/// A function's name as it was given, with the parts that matter to a call.
///
/// The grammar is the live service's, with the two cases it refuses itself refused here too: an
/// ARN that lacks region, account or `function:`, and a second qualifier.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FunctionName {
    text: String,
    region: Option<Region>,
    qualifier: Option<String>,
}

impl FunctionName {
    /// Reads a function name.
    ///
    /// # Errors
    /// [`ArgumentError`] for `function_name` when the text is longer than 256 characters or does
    /// not follow the grammar.
    pub fn parse(text: &str) -> Result<Self, ArgumentError> {
        if text.len() > FUNCTION_NAME_CHARS {
            let rule = "is longer than 256 characters";
            return Err(ArgumentError::invalid("function_name", text, rule).with_hint(HINT));
        }
        let parts: Vec<&str> = text.split(':').collect();
        let parsed = match parts.as_slice() {
            ["arn", partition, "lambda", rest @ ..] if is_partition(partition) => full_arn(rest),
            _ => partial_arn(&parts),
        };
        let Some((region, qualifier)) = parsed else {
            return Err(ArgumentError::invalid("function_name", text, RULE).with_hint(HINT));
        };
        Ok(Self {
            text: text.to_owned(),
            region: region.and_then(|name| name.parse().ok()),
            qualifier: qualifier.map(str::to_owned),
        })
    }

    /// The name exactly as it was given: what travels in the request's path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The region, when the name is an ARN or a partial ARN that carries one.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// The version or alias that the name carries.
    #[must_use]
    pub fn qualifier(&self) -> Option<&str> {
        self.qualifier.as_deref()
    }
}

/// Checks a `qualifier` argument: `\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`, at most 128.
///
/// # Errors
/// [`ArgumentError`] for `qualifier` when the text breaks that rule.
pub fn check_qualifier(text: &str) -> Result<(), ArgumentError> {
    let rule = if text.len() > QUALIFIER_CHARS {
        "is longer than 128 characters"
    } else if text == "$LATEST.PUBLISHED"
        || (!text.is_empty() && text.bytes().all(|b| is_word(b) || b == b'$'))
    {
        return Ok(());
    } else {
        "is not a version or alias"
    };
    Err(ArgumentError::invalid("qualifier", text, rule)
        .with_hint("A qualifier is a version number, an alias, or $LATEST."))
}

type Parts<'a> = Option<(Option<&'a str>, Option<&'a str>)>;

/// `region:account:function:name[:qualifier]`, what follows `arn:partition:lambda:`.
fn full_arn<'a>(parts: &[&'a str]) -> Parts<'a> {
    match parts {
        [region, account, "function", rest @ ..]
            if Region::is_valid(region) && is_account(account) =>
        {
            Some((Some(*region), name_and_qualifier(rest)?))
        }
        _ => None,
    }
}

/// `[region:][account:][function:]name[:qualifier]`. Each optional part is taken when what follows
/// it still reads as a name: `function:$LATEST` is the function called "function".
fn partial_arn<'a>(parts: &[&'a str]) -> Parts<'a> {
    if let [region, rest @ ..] = parts
        && Region::is_valid(region)
        && let Some(qualifier) = after_region(rest)
    {
        return Some((Some(*region), qualifier));
    }
    after_region(parts).map(|qualifier| (None, qualifier))
}

fn after_region<'a>(parts: &[&'a str]) -> Option<Option<&'a str>> {
    if let [account, rest @ ..] = parts
        && is_account(account)
        && let Some(qualifier) = after_account(rest)
    {
        return Some(qualifier);
    }
    after_account(parts)
}

fn after_account<'a>(parts: &[&'a str]) -> Option<Option<&'a str>> {
    if let ["function", rest @ ..] = parts
        && let Some(qualifier) = name_and_qualifier(rest)
    {
        return Some(qualifier);
    }
    name_and_qualifier(parts)
}

/// The qualifier, if the parts are a name and at most one qualifier.
fn name_and_qualifier<'a>(parts: &[&'a str]) -> Option<Option<&'a str>> {
    match parts {
        [name] if is_name(name) => Some(None),
        [name, qualifier] if is_name(name) && is_name_qualifier(qualifier) => {
            Some(Some(*qualifier))
        }
        _ => None,
    }
}

/// The service's pattern lets the partition be empty.
fn is_partition(text: &str) -> bool {
    let rest = if text.is_empty() { Some("") } else { text.strip_prefix("aws") };
    rest.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-'))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// The service's pattern allows dots, but `.` and `..` would be read as steps in a path.
fn is_name(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && text.bytes().all(|b| is_word(b) || b == b'.')
}

fn is_name_qualifier(text: &str) -> bool {
    matches!(text, "$LATEST" | "$LATEST.PUBLISHED")
        || (!text.is_empty() && text.bytes().all(is_word))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}
