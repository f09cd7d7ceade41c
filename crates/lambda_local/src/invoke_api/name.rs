//! Function names as callers write them: a name, a partial or a full ARN, each with a qualifier.

use super::ApiError;

/// The pattern that AWS prints when a name does not fit it.
const NAME_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";

/// The pattern of qualifiers.
const QUALIFIER_PATTERN: &str = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";

const LONGEST_NAME: usize = 256;
const LONGEST_QUALIFIER: usize = 128;

/// A function name, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionName {
    /// The region of an ARN.
    pub region: Option<String>,
    /// The account of an ARN.
    pub account: Option<String>,
    /// The bare name.
    pub name: String,
    /// The version or alias after the name.
    pub qualifier: Option<String>,
}

/// A member of the request that does not fit its rule, in the words of AWS's validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameProblem(String);

impl NameProblem {
    pub(crate) fn new(value: &str, member: &str, rule: &str) -> Self {
        Self(format!(
            "Value '{value}' at '{member}' failed to satisfy constraint: Member must {rule}"
        ))
    }

    /// An entry of a map; the rule says which part of it.
    pub(crate) fn of_map(value: &str, member: &str, rule: &str) -> Self {
        Self(format!("Value '{value}' at '{member}' failed to satisfy constraint: {rule}"))
    }

    /// A member that is not there.
    pub(crate) fn missing(member: &str) -> Self {
        Self(format!(
            "Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    }

    /// A value that is not one of a few.
    pub(crate) fn not_one_of(value: &str, member: &str, allowed: &str) -> Self {
        Self::new(value, member, &format!("satisfy enum value set: [{allowed}]"))
    }
}

/// All problems in one error, as AWS reports them.
pub(crate) fn validation_error(problems: &[NameProblem]) -> ApiError {
    let texts: Vec<&str> = problems.iter().map(|problem| problem.0.as_str()).collect();
    let count = match problems.len() {
        1 => "1 validation error".to_owned(),
        count => format!("{count} validation errors"),
    };
    ApiError::validation(format!("{count} detected: {}", texts.join("; ")))
}

impl FunctionName {
    /// Takes a name apart.
    pub fn parse(text: &str) -> Result<Self, NameProblem> {
        if text.len() > LONGEST_NAME {
            let rule = format!("have length less than or equal to {LONGEST_NAME}");
            return Err(NameProblem::new(text, "functionName", &rule));
        }
        Self::matching(text).ok_or_else(|| {
            let rule = format!("satisfy regular expression pattern: {NAME_PATTERN}");
            NameProblem::new(text, "functionName", &rule)
        })
    }

    /// Reads the parts in the pattern's order; each but the name is optional, and is taken when what
    /// follows it still reads as a name: `function:$LATEST` is the function called "function".
    fn matching(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            // AWS refuses a full ARN that leaves out region or account, which the pattern allows.
            ["arn", partition, "lambda", region, account, rest @ ..]
                if is_partition(partition) && is_region(region) && is_account(account) =>
            {
                let found = Self::after_account(rest)?;
                let (region, account) = (Some((*region).to_owned()), Some((*account).to_owned()));
                Some(Self { region, account, ..found })
            }
            ["arn", partition, "lambda", _, ..] if is_partition(partition) => None,
            [region, rest @ ..] if is_region(region) => {
                let found = Self::after_region(rest);
                let region = Some((*region).to_owned());
                let found = found.map(|found| Self { region, ..found });
                found.or_else(|| Self::after_region(&parts))
            }
            _ => Self::after_region(&parts),
        }
    }

    fn after_region(parts: &[&str]) -> Option<Self> {
        if let [account, rest @ ..] = parts
            && is_account(account)
            && let Some(found) = Self::after_account(rest)
        {
            return Some(Self { account: Some((*account).to_owned()), ..found });
        }
        Self::after_account(parts)
    }

    fn after_account(parts: &[&str]) -> Option<Self> {
        if let ["function", rest @ ..] = parts
            && let Some(found) = Self::name_and_qualifier(rest)
        {
            return Some(found);
        }
        Self::name_and_qualifier(parts)
    }

    fn name_and_qualifier(parts: &[&str]) -> Option<Self> {
        let (name, qualifier) = match *parts {
            [name] => (name, None),
            [name, qualifier] if is_name_qualifier(qualifier) => (name, Some(qualifier.to_owned())),
            _ => return None,
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_name = !name.is_empty() && name.bytes().all(fits);
        is_name.then(|| Self { name: name.to_owned(), qualifier, ..Self::default() })
    }
}

/// Checks the `Qualifier` parameter.
pub(crate) fn check_qualifier(qualifier: &str) -> Vec<NameProblem> {
    let mut problems = Vec::new();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_$".contains(&byte);
    let known = ["$LATEST", "$LATEST.PUBLISHED"].contains(&qualifier);
    if !known && !qualifier.bytes().all(fits) {
        let rule = format!("satisfy regular expression pattern: {QUALIFIER_PATTERN}");
        problems.push(NameProblem::new(qualifier, "qualifier", &rule));
    }
    if qualifier.len() > LONGEST_QUALIFIER {
        let rule = format!("have length less than or equal to {LONGEST_QUALIFIER}");
        problems.push(NameProblem::new(qualifier, "qualifier", &rule));
    }
    problems
}

fn is_name_qualifier(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    ["$LATEST", "$LATEST.PUBLISHED"].contains(&text) || !text.is_empty() && text.bytes().all(fits)
}

fn is_partition(text: &str) -> bool {
    let named = text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    text.is_empty() || text.starts_with("aws") && named
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}`
fn is_region(text: &str) -> bool {
    let mut parts: Vec<&str> = text.split('-').collect();
    if parts.first() == Some(&"eusc") {
        parts.remove(0);
    }
    let lower = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let digit = |part: &str| part.len() == 1 && part.bytes().all(|b| b.is_ascii_digit());
    let special = |part: &str| {
        part == "gov"
            || part
                .strip_prefix("iso")
                .is_some_and(|rest| rest.is_empty() || rest.len() == 1 && lower(rest))
    };
    match parts.as_slice() {
        [area, place, number] => area.len() == 2 && lower(area) && lower(place) && digit(number),
        [area, kind, place, number] => {
            area.len() == 2 && lower(area) && special(kind) && lower(place) && digit(number)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts = (Option<String>, Option<String>, String, Option<String>);

    fn parts(text: &str) -> Option<Parts> {
        let found = FunctionName::parse(text).ok()?;
        Some((found.region, found.account, found.name, found.qualifier))
    }

    #[test]
    fn every_form_of_name_is_taken_apart() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parts("f"), Some((None, None, "f".into(), None)));
        assert_eq!(parts("f:v_1"), Some((None, None, "f".into(), some("v_1"))));
        assert_eq!(parts("function:f"), Some((None, None, "f".into(), None)));
        assert_eq!(
            parts("000000000000:function:f:$LATEST"),
            Some((None, some("000000000000"), "f".into(), some("$LATEST")))
        );
        assert_eq!(
            parts("us-gov-west-1:000000000000:function:f"),
            Some((some("us-gov-west-1"), some("000000000000"), "f".into(), None))
        );
        assert_eq!(
            parts("arn:aws-cn:lambda:cn-north-1:000000000000:function:f:live"),
            Some((some("cn-north-1"), some("000000000000"), "f".into(), some("live")))
        );
        assert_eq!(
            parts("arn:aws:lambda:eusc-de-east-1:000000000000:function:f").unwrap().0,
            some("eusc-de-east-1")
        );
        // What could be the beginning of an ARN can be a name.
        for name in ["function", "us-east-1", "000000000000"] {
            let found = parts(&format!("{name}:$LATEST"));
            assert_eq!(found, Some((None, None, name.to_owned(), some("$LATEST"))));
        }
        assert_eq!(parts("arn:live"), Some((None, None, "arn".into(), some("live"))));
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        for bad in [
            "",
            "f:1:2",
            "f:",
            "f:$latest",
            "f:$LATES",
            "f g",
            "f/g",
            "é",
            "f:a.b",
            "arn:aws:lambda:function:f",
            "arn:aws:lambda:us-east-1:function:f",
            "arn:aws:lambda:000000000000:function:f",
            "arn:xws:lambda:us-east-1:000000000000:function:f",
        ] {
            assert!(FunctionName::parse(bad).is_err(), "{bad}");
        }
        // Longer than a name can be made, but not against the pattern: not found, not invalid.
        assert!(FunctionName::parse(&"f".repeat(65)).is_ok());
        assert!(FunctionName::parse(&"f".repeat(257)).is_err());
    }

    #[test]
    fn a_qualifier_can_be_wrong_in_two_ways_at_once() {
        assert_eq!(check_qualifier("$latest"), []);
        assert_eq!(check_qualifier("a b").len(), 1);
        let error = validation_error(&check_qualifier(&"é".repeat(70)));
        assert!(error.message().starts_with("2 validation errors detected: Value '"), "{error:?}");
    }
}
