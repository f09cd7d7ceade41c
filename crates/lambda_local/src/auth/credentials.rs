//! The access keys that the service accepts.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

/// The access key and the secret that are always accepted: they protect nothing.
pub const TEST_KEY: &str = "test";

/// A credentials file that cannot be used. Never shows a secret.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct CredentialsError {
    path: String,
    reason: String,
}

/// Access keys with their secrets.
#[derive(Clone)]
pub struct Credentials {
    secrets: HashMap<String, String>,
}

impl Credentials {
    /// The test credentials alone.
    pub fn for_tests() -> Self {
        Self { secrets: HashMap::from([(TEST_KEY.to_owned(), TEST_KEY.to_owned())]) }
    }

    /// Adds every profile of a file in the form of `~/.aws/credentials`.
    pub fn add_file(&mut self, path: &Path) -> Result<(), CredentialsError> {
        let failed = |reason: String| CredentialsError { path: path.display().to_string(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        // Secrets are taken as they stand: a quote or a backslash in one means itself.
        let options =
            ini::ParseOption { enabled_quote: false, enabled_escape: false, ..Default::default() };
        let file = ini::Ini::load_from_str_opt(&text, options).map_err(|error| {
            // The reader's own text could quote the line, and so a secret.
            failed(format!("not a credentials file, see line {}", error.line))
        })?;
        for (profile, members) in &file {
            let profile = profile.unwrap_or("default");
            let key = members.get("aws_access_key_id").map(str::trim);
            let secret = members.get("aws_secret_access_key").map(str::trim);
            match (key, secret) {
                (Some(key), Some(secret)) if !key.is_empty() && !secret.is_empty() => {
                    self.secrets.insert(key.to_owned(), secret.to_owned());
                }
                (None, None) => {}
                _ => {
                    return Err(failed(format!(
                        "profile `{profile}` needs both aws_access_key_id and \
                         aws_secret_access_key"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Whether an `Authorization` header names one of the access keys. It may still be a lie.
    pub(crate) fn are_named_in(&self, authorization: &str) -> bool {
        let credential = authorization.split_once("Credential=").map(|(_, rest)| rest);
        let key = credential.and_then(|rest| rest.rsplitn(5, '/').last());
        key.is_some_and(|key| self.secrets.contains_key(key))
    }

    /// The secret of an access key.
    pub(super) fn secret(&self, access_key: &str) -> Option<&str> {
        self.secrets.get(access_key).map(String::as_str)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_keys", &self.secrets.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Credentials, CredentialsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut credentials = Credentials::for_tests();
        credentials.add_file(file.path())?;
        Ok(credentials)
    }

    #[test]
    fn every_profile_is_accepted_and_secrets_are_taken_as_they_stand() {
        let credentials = read(
            "[default]\naws_access_key_id = A\naws_secret_access_key = s\"\\n/+=\n\n[other]\n\
             aws_access_key_id=B\naws_secret_access_key=t\nregion=eu-west-1\n",
        )
        .unwrap();
        assert_eq!(credentials.secret("A"), Some("s\"\\n/+="));
        assert_eq!(credentials.secret("B"), Some("t"));
        assert_eq!(credentials.secret("test"), Some("test"));
        assert_eq!(credentials.secret("C"), None);
    }

    #[test]
    fn half_a_profile_is_an_error_without_the_secret() {
        let error = read("[x]\naws_secret_access_key = hidden\n").unwrap_err().to_string();
        assert!(error.contains("profile `x`") && !error.contains("hidden"), "{error}");
    }
}
