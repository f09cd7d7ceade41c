//! `function.json`: a function's configuration in the members of AWS's CreateFunction.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::LATEST;

/// The file's name.
pub(super) const FILE_NAME: &str = "function.json";

/// A `function.json` that cannot be used; says which file, which line and why.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is there but cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{}:{line}: {problem}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line of the value that is wrong.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}

/// The file as it is written. Everything is optional; what is missing is guessed from the folder.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct FunctionFile {
    pub description: Option<String>,
    pub runtime: Option<Runtime>,
    pub handler: Option<String>,
    #[serde(deserialize_with = "timeout")]
    pub timeout: Option<u32>,
    #[serde(deserialize_with = "memory_size")]
    pub memory_size: Option<u32>,
    pub environment: Environment,
    #[serde(deserialize_with = "concurrency")]
    pub reserved_concurrent_executions: Option<u32>,
    #[serde(deserialize_with = "aliases")]
    pub aliases: BTreeMap<String, String>,
}

/// The `Environment` member.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct Environment {
    #[serde(deserialize_with = "variables")]
    pub variables: BTreeMap<String, String>,
}

impl FunctionFile {
    /// Reads the folder's `function.json`, and the line of its `Handler`; a folder without the file
    /// has the defaults.
    pub(super) fn read(folder: &Path) -> Result<(Self, Option<usize>), ConfigError> {
        let path = folder.join(FILE_NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok((Self::default(), None));
            }
            Err(error) => return Err(ConfigError::Read { path, error }),
        };
        let read = serde_json::from_str(&text).map_err(|error| {
            let shown = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            let problem = shown.strip_suffix(&place).unwrap_or(&shown).to_owned();
            ConfigError::Parse { path, line: line_of(&text, &error), problem }
        })?;
        let handler = text.lines().position(|line| line.contains("\"Handler\""));
        Ok((read, handler.map(|index| index + 1)))
    }
}

/// The line that an error is about. The reader reports a bad value only after it has read what
/// follows it, which may be lines later.
fn line_of(text: &str, error: &serde_json::Error) -> usize {
    if !error.is_data() {
        return error.line();
    }
    let before: usize = text.split_inclusive('\n').take(error.line() - 1).map(str::len).sum();
    let read = text.get(..before + error.column()).unwrap_or(text);
    let value = read.trim_end_matches(|c: char| c.is_whitespace() || c == ',' || c == '}');
    value.matches('\n').count() + 1
}

/// What runs a function, such as `python3.11`, `nodejs20.x` or `provided.al2023`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    identifier: String,
    family: RuntimeFamily,
}

/// The kinds of runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuntimeFamily {
    /// `python3.N`, through awslambdaric. The number is N.
    Python(u32),
    /// `nodejsN.x`, through aws-lambda-ric. The number is N.
    Node(u32),
    /// `provided.*`: the folder's executable `bootstrap`.
    Provided,
}

impl Runtime {
    /// `python3.minor`.
    pub(crate) fn python(minor: u32) -> Self {
        Self { identifier: format!("python3.{minor}"), family: RuntimeFamily::Python(minor) }
    }

    /// `nodejsmajor.x`.
    pub(crate) fn node(major: u32) -> Self {
        Self { identifier: format!("nodejs{major}.x"), family: RuntimeFamily::Node(major) }
    }

    /// The identifier as AWS writes it.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// Its kind.
    pub fn family(&self) -> RuntimeFamily {
        self.family
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.identifier)
    }
}

impl FromStr for Runtime {
    type Err = String;

    fn from_str(identifier: &str) -> Result<Self, String> {
        let family = if let Some(minor) = identifier.strip_prefix("python3.") {
            minor.parse().ok().map(RuntimeFamily::Python)
        } else if let Some(rest) = identifier.strip_prefix("nodejs") {
            let major = rest.strip_suffix(".x").unwrap_or_default();
            major.parse().ok().map(RuntimeFamily::Node)
        } else {
            matches!(identifier, "provided.al2" | "provided.al2023")
                .then_some(RuntimeFamily::Provided)
        };
        let family = family.ok_or_else(|| {
            format!(
                "runtime `{identifier}` is not one of python3.N, nodejsN.x, provided.al2, \
                 provided.al2023"
            )
        })?;
        Ok(Self { identifier: identifier.to_owned(), family })
    }
}

impl<'de> Deserialize<'de> for Runtime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Runtime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.identifier)
    }
}

// The checks below run while the file is read, so that the reader can say on which line.

fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    in_range(deserializer, &TIMEOUT)
}

fn memory_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    in_range(deserializer, &MEMORY_SIZE)
}

fn concurrency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    in_range(deserializer, &CONCURRENCY)
}

fn in_range<'de, D: Deserializer<'de>>(
    deserializer: D,
    range: &Range,
) -> Result<Option<u32>, D::Error> {
    match Option::<u32>::deserialize(deserializer)? {
        Some(value) if !range.allows(value) => {
            let expected = range.to_string();
            Err(D::Error::invalid_value(Unexpected::Unsigned(value.into()), &expected.as_str()))
        }
        value => Ok(value),
    }
}

/// What a number may be, as AWS's API limits it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    /// The member.
    pub(super) name: &'static str,
    least: u32,
    most: u32,
    unit: &'static str,
}

pub(super) const TIMEOUT: Range = range("Timeout", 1, 900, " seconds");
pub(super) const MEMORY_SIZE: Range = range("MemorySize", 128, 10_240, " MB");
pub(super) const CONCURRENCY: Range = range("ReservedConcurrentExecutions", 0, 1_000, "");
pub(super) const RETRIES: Range = range("MaximumRetryAttempts", 0, 2, "");
pub(super) const EVENT_AGE: Range = range("MaximumEventAgeInSeconds", 60, 21_600, " seconds");

const fn range(name: &'static str, least: u32, most: u32, unit: &'static str) -> Range {
    Range { name, least, most, unit }
}

impl Range {
    /// Whether the number is in it.
    pub(super) fn allows(&self, number: u32) -> bool {
        (self.least..=self.most).contains(&number)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, least, most, unit } = self;
        write!(f, "a {name} of {least} to {most}{unit}")
    }
}

fn aliases<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let aliases = BTreeMap::<String, String>::deserialize(deserializer)?;
    for (alias, version) in &aliases {
        check_alias(alias).map_err(D::Error::custom)?;
        if version != LATEST {
            return Err(D::Error::custom(format!(
                "alias `{alias}` points to version `{version}`, but there is only {LATEST}"
            )));
        }
    }
    Ok(aliases)
}

/// Why a function may not have this alias.
pub(super) fn check_alias(alias: &str) -> Result<(), String> {
    let named = alias.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let number = alias.bytes().all(|b| b.is_ascii_digit());
    if alias.is_empty() || alias.len() > 128 || !named || number {
        return Err(format!(
            "alias `{alias}` must be of letters, digits, - and _, and not a number"
        ));
    }
    Ok(())
}

fn variables<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let variables = BTreeMap::<String, String>::deserialize(deserializer)?;
    for (name, value) in &variables {
        check_variable(name, value).map_err(D::Error::custom)?;
    }
    Ok(variables)
}

/// Why a function may not have this environment variable.
pub(crate) fn check_variable(name: &str, value: &str) -> Result<(), String> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let named = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !starts || !named || name.len() < 2 {
        return Err(format!(
            "variable `{name}` must be a letter followed by letters, digits and _"
        ));
    }
    if is_reserved_variable(name) {
        return Err(format!("variable `{name}` is reserved by Lambda"));
    }
    if value.contains('\0') {
        return Err(format!("variable `{name}` contains a zero byte"));
    }
    Ok(())
}

/// The names that AWS does not let a function set.
pub(crate) fn is_reserved_variable(name: &str) -> bool {
    const RESERVED: [&str; 9] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "AWS_LAMBDA_MAX_CONCURRENCY",
    ];
    const RESERVED_PREFIXES: [&str; 4] = [
        "AWS_LAMBDA_FUNCTION_",
        "AWS_LAMBDA_INITIALIZATION_",
        "AWS_LAMBDA_LOG_",
        "AWS_LAMBDA_RUNTIME_",
    ];
    RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
        FunctionFile::read(folder.path()).unwrap_err().to_string()
    }

    #[test]
    fn a_bad_value_names_the_file_and_the_line() {
        let error = error_of("{\n  \"Timeout\": 901\n}");
        assert!(error.contains("function.json:2: "), "{error}");
        assert!(error.contains("1 to 900"), "{error}");
    }

    #[test]
    fn an_unknown_member_is_an_error() {
        let error = error_of("{\n\n  \"TimeOut\": 3\n}");
        assert!(error.contains(":3: ") && error.contains("TimeOut"), "{error}");
    }

    #[test]
    fn reserved_variables_and_bad_aliases_are_refused() {
        assert!(
            error_of(r#"{"Environment":{"Variables":{"AWS_REGION":"x"}}}"#).contains("reserved")
        );
        assert!(error_of(r#"{"Aliases":{"1":"$LATEST"}}"#).contains("not a number"));
        assert!(error_of(r#"{"Aliases":{"live":"7"}}"#).contains("only $LATEST"));
        assert!(error_of(r#"{"Runtime":"ruby3.2"}"#).contains("ruby3.2"));
    }

    #[test]
    fn runtimes_are_read_from_their_identifiers() {
        let family = |text: &str| text.parse::<Runtime>().map(|runtime| runtime.family());
        assert_eq!(family("python3.13"), Ok(RuntimeFamily::Python(13)));
        assert_eq!(family("nodejs22.x"), Ok(RuntimeFamily::Node(22)));
        assert_eq!(family("provided.al2023"), Ok(RuntimeFamily::Provided));
        assert!(family("nodejs22").is_err());
    }
}
