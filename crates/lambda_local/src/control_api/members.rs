//! The rules of a request's members, checked as AWS does: all problems in one error.

use regex_lite::Regex;
use serde_json::{Map, Value};

use crate::invoke_api::{ApiError, NameProblem};

/// What a member's value must be.
#[derive(Debug)]
pub(super) enum Shape {
    /// Text of so many characters.
    Text(usize, usize, Rule),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A whole number from the first to the second.
    Integer(i64, i64),
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// Bytes in base64.
    Blob,
    /// So many items.
    List(usize, usize, &'static Shape),
    /// Names and values; the flag says that neither may be shown.
    Map(&'static Shape, &'static Shape, bool),
    /// Members of its own.
    Structure(&'static [Member]),
}

/// The form of a text.
#[derive(Debug)]
pub(super) enum Rule {
    Any,
    /// AWS's pattern, which AWS also prints.
    Pattern(&'static str),
    /// The pattern of an alias: not a number.
    Alias,
    /// The pattern of tags, whose classes are Unicode's.
    Tag,
}

/// A member of a request or of a structure in it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) shape: Shape,
}

const ALIAS_PATTERN: &str = "(?!^[0-9]+$)([a-zA-Z0-9-_]+)";
const TAG_PATTERN: &str = r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)";

impl Rule {
    /// The pattern that a text does not fit.
    fn broken_by(&self, text: &str) -> Option<&'static str> {
        let (fits, pattern) = match self {
            Self::Any => return None,
            Self::Pattern(pattern) => (matches(pattern, text), *pattern),
            Self::Alias => {
                let number = text.bytes().all(|byte| byte.is_ascii_digit());
                (!number && matches("[a-zA-Z0-9_-]+", text), ALIAS_PATTERN)
            }
            Self::Tag => {
                let fits = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
                (text.chars().all(fits), TAG_PATTERN)
            }
        };
        (!fits).then_some(pattern)
    }
}

/// Whether the whole text fits. AWS writes `9-_` for "9, then a hyphen, then an underscore".
fn matches(pattern: &str, text: &str) -> bool {
    let pattern = format!("^(?:{})$", pattern.replace("9-_", r"9_\-"));
    // The patterns are this program's own; a test reads them all.
    Regex::new(&pattern).is_ok_and(|pattern| pattern.is_match(text))
}

/// Checks the members of a request; the problems are added to `problems`. A value of a wrong JSON
/// type is an error of its own kind, at once.
pub(super) fn check(
    members: &[Member],
    body: &Map<String, Value>,
    problems: &mut Vec<NameProblem>,
) -> Result<(), ApiError> {
    check_structure(members, body, "", problems)
}

fn check_structure(
    members: &[Member],
    body: &Map<String, Value>,
    path: &str,
    problems: &mut Vec<NameProblem>,
) -> Result<(), ApiError> {
    for member in members {
        let mut path = path.to_owned();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&lower_first(member.name));
        match body.get(member.name) {
            None | Some(Value::Null) if member.required => {
                problems.push(NameProblem::missing(&path))
            }
            None | Some(Value::Null) => {}
            Some(value) => check_value(&member.shape, value, &path, problems)?,
        }
    }
    Ok(())
}

fn check_value(
    shape: &Shape,
    value: &Value,
    path: &str,
    problems: &mut Vec<NameProblem>,
) -> Result<(), ApiError> {
    match (shape, value) {
        (Shape::List(least, most, of), Value::Array(items)) => {
            if items.len() < *least || items.len() > *most {
                let rule = length_rule(items.len() < *least, *least, *most);
                problems.push(NameProblem::new(&printed(value), path, &rule));
            }
            for item in items {
                check_value(of, item, path, problems)?;
            }
        }
        (Shape::Map(key_shape, value_shape, hidden), Value::Object(entries)) => {
            for (key, item) in entries {
                let shown = if *hidden { "***".to_owned() } else { printed(value) };
                let mut rules = rules_of(key_shape, &Value::from(key.as_str()))?;
                if !rules.is_empty() {
                    let rule = format!("Map keys must satisfy constraint: [{}]", rules.join(", "));
                    problems.push(NameProblem::of_map(&shown, path, &rule));
                }
                rules = rules_of(value_shape, item)?;
                if !rules.is_empty() {
                    let rule = format!("Map value must satisfy constraint: [{}]", rules.join(", "));
                    problems.push(NameProblem::of_map(&shown, path, &rule));
                }
            }
        }
        (Shape::Structure(members), Value::Object(inner)) => {
            check_structure(members, inner, path, problems)?;
        }
        (shape, value) => {
            for rule in rules_of(shape, value)? {
                let rule = rule.strip_prefix("Member must ").unwrap_or(&rule);
                problems.push(NameProblem::new(&printed(value), path, rule));
            }
        }
    }
    Ok(())
}

/// The rules that a single value breaks.
fn rules_of(shape: &Shape, value: &Value) -> Result<Vec<String>, ApiError> {
    let mut broken = Vec::new();
    match (shape, value) {
        (Shape::Text(least, most, rule), Value::String(text)) => {
            if let Some(pattern) = rule.broken_by(text) {
                broken.push(format!("satisfy regular expression pattern: {pattern}"));
            }
            let length = text.chars().count();
            if length < *least || length > *most {
                broken.push(length_rule(length < *least, *least, *most));
            }
        }
        (Shape::OneOf(allowed), Value::String(text)) => {
            if !allowed.contains(&text.as_str()) {
                broken.push(format!("satisfy enum value set: [{}]", allowed.join(", ")));
            }
        }
        (Shape::Integer(least, most), Value::Number(number)) => match number.as_i64() {
            None => return Err(wrong_type("DECIMAL_VALUE", "an Integer")),
            Some(number) if number > *most => {
                broken.push(format!("have value less than or equal to {most}"));
            }
            Some(number) if number < *least => {
                broken.push(format!("have value greater than or equal to {least}"));
            }
            Some(_) => {}
        },
        (Shape::Number, Value::Number(_))
        | (Shape::Flag, Value::Bool(_))
        | (Shape::Blob, Value::String(_)) => {}
        (_, Value::Null) => broken.push("not be null".to_owned()),
        (shape, value) => return Err(wrong_type(token(value), wanted(shape))),
    }
    Ok(broken.into_iter().map(|rule| format!("Member must {rule}")).collect())
}

fn length_rule(short: bool, least: usize, most: usize) -> String {
    if short {
        format!("have length greater than or equal to {least}")
    } else {
        format!("have length less than or equal to {most}")
    }
}

fn wrong_type(found: &str, wanted: &str) -> ApiError {
    ApiError::serialization(format!("{found} can not be converted to {wanted}"))
}

fn token(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    }
}

fn wanted(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text(..) | Shape::OneOf(_) => "a String",
        Shape::Integer(..) => "an Integer",
        Shape::Number => "a Double",
        Shape::Flag => "a Boolean",
        Shape::Blob => "a Blob",
        Shape::List(..) => "a List",
        Shape::Map(..) => "a Map",
        Shape::Structure(_) => "a Structure",
    }
}

/// A value as AWS prints it in an error.
fn printed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(printed).collect::<Vec<_>>().join(", "))
        }
        Value::Object(entries) => {
            let entry = |(key, value)| format!("{key}={}", printed(value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// `FunctionName` is `functionName` in AWS's errors.
fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + characters.as_str()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::shapes;
    use super::*;
    use crate::invoke_api::validation_error;

    fn message(members: &[Member], body: Value) -> String {
        let mut problems = Vec::new();
        match check(members, body.as_object().unwrap(), &mut problems) {
            Err(error) => error.message().to_owned(),
            Ok(()) if problems.is_empty() => String::new(),
            Ok(()) => validation_error(&problems).message().to_owned(),
        }
    }

    #[test]
    fn problems_are_told_in_awss_words() {
        let found = message(
            shapes::CREATE_FUNCTION,
            json!({
                "FunctionName": "f", "Code": {}, "Role": "r1", "Timeout": 901,
                "Environment": { "Variables": { "1A": "secret" } },
                "Architectures": ["x86_64", "arm64"],
            }),
        );
        for part in [
            "4 validation errors detected: ",
            r"Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
            "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900",
            "Value '***' at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
            "Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1",
        ] {
            assert!(found.contains(part), "{part}\n{found}");
        }
        assert!(!found.contains("secret"), "{found}");
        let role = "Value null at 'role' failed to satisfy constraint: Member must not be null";
        let body = json!({ "FunctionName": "f", "Code": {} });
        assert!(message(shapes::CREATE_FUNCTION, body).contains(role));
    }

    #[test]
    fn a_wrong_type_is_told_at_once() {
        let found =
            message(shapes::PUT_CONCURRENCY, json!({ "ReservedConcurrentExecutions": "1" }));
        assert_eq!(found, "STRING_VALUE can not be converted to an Integer");
    }

    #[test]
    fn aliases_and_tags_have_rules_of_their_own() {
        let alias = |name: &str| {
            message(shapes::CREATE_ALIAS, json!({ "Name": name, "FunctionVersion": "1" }))
        };
        assert_eq!(alias("live-1_a"), "");
        assert!(alias("12").contains("(?!^[0-9]+$)"));
        let tag = |key: &str| message(shapes::TAG_RESOURCE, json!({ "Tags": { key: "v" } }));
        assert_eq!(tag("Größe 1/2@x"), "");
        assert!(tag("a#b").contains("Map keys must satisfy constraint"));
    }

    /// A pattern that cannot be read would refuse every value.
    #[test]
    fn every_pattern_can_be_read() {
        fn read(shape: &Shape) {
            match shape {
                Shape::Text(_, _, Rule::Pattern(pattern)) => {
                    let pattern = format!("^(?:{})$", pattern.replace("9-_", r"9_\-"));
                    Regex::new(&pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
                }
                Shape::List(_, _, of) => read(of),
                Shape::Map(key, value, _) => [key, value].into_iter().for_each(|shape| read(shape)),
                Shape::Structure(members) => members.iter().for_each(|member| read(&member.shape)),
                _ => {}
            }
        }
        shapes::ALL
            .iter()
            .flat_map(|members| members.iter())
            .for_each(|member| read(&member.shape));
    }
}
