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
    account: Option<String>,
    name: String,
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
        let Some(parts) = parsed else {
            return Err(ArgumentError::invalid("function_name", text, RULE).with_hint(HINT));
        };
        Ok(Self {
            text: text.to_owned(),
            region: parts.region.and_then(|name| name.parse().ok()),
            account: parts.account.map(str::to_owned),
            name: parts.name.to_owned(),
            qualifier: parts.qualifier.map(str::to_owned),
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

    /// The account, when the name is an ARN or a partial ARN that carries one; else it is that of
    /// the credentials in use.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// The function's own name: no account, no region, no qualifier.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
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

/// The parts of a name, as they stand in its text.
#[derive(Clone, Copy)]
struct Parts<'a> {
    region: Option<&'a str>,
    account: Option<&'a str>,
    name: &'a str,
    qualifier: Option<&'a str>,
}

/// `region:account:function:name[:qualifier]`, what follows `arn:partition:lambda:`.
fn full_arn<'a>(parts: &[&'a str]) -> Option<Parts<'a>> {
    match parts {
        [region, account, "function", rest @ ..]
            if Region::is_valid(region) && is_account(account) =>
        {
            let named = name_and_qualifier(rest)?;
            Some(Parts { region: Some(region), account: Some(account), ..named })
        }
        _ => None,
    }
}

/// `[region:][account:][function:]name[:qualifier]`. Each optional part is taken when what follows
/// it still reads as a name: `function:$LATEST` is the function called "function".
fn partial_arn<'a>(parts: &[&'a str]) -> Option<Parts<'a>> {
    if let [region, rest @ ..] = parts
        && Region::is_valid(region)
        && let Some(named) = after_region(rest)
    {
        return Some(Parts { region: Some(region), ..named });
    }
    after_region(parts)
}

fn after_region<'a>(parts: &[&'a str]) -> Option<Parts<'a>> {
    if let [account, rest @ ..] = parts
        && is_account(account)
        && let Some(named) = after_account(rest)
    {
        return Some(Parts { account: Some(account), ..named });
    }
    after_account(parts)
}

fn after_account<'a>(parts: &[&'a str]) -> Option<Parts<'a>> {
    if let ["function", rest @ ..] = parts
        && let Some(named) = name_and_qualifier(rest)
    {
        return Some(named);
    }
    name_and_qualifier(parts)
}

/// A name and at most one qualifier.
fn name_and_qualifier<'a>(parts: &[&'a str]) -> Option<Parts<'a>> {
    let (name, qualifier) = match *parts {
        [name] => (name, None),
        [name, qualifier] if is_name_qualifier(qualifier) => (name, Some(qualifier)),
        _ => return None,
    };
    is_name(name).then_some(Parts { region: None, account: None, name, qualifier })
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
