//! What a cluster is started with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// The environment and the settings of a cluster.
///
/// The environment is the server's whole environment: nothing of the caller's leaks in.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct ClusterConfig {
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) settings: BTreeMap<String, String>,
    /// A program and its arguments that run the server's program.
    pub(crate) under: Vec<String>,
}

impl ClusterConfig {
    /// Sets an environment variable of the server, such as `AWS_REGION`.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Takes an environment variable away.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    /// Takes every environment variable away, the playground's `AWS_*` included.
    #[must_use]
    pub fn without_any_env(mut self) -> Self {
        self.environment.clear();
        self
    }

    /// Sets a parameter of `postgresql.conf`, such as `aws_lambda.region`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// Runs the server under another program, such as `valgrind`, which becomes it: the process keeps
    /// its number.
    #[must_use]
    pub fn under<T: Into<String>>(mut self, command: impl IntoIterator<Item = T>) -> Self {
        self.under = command.into_iter().map(Into::into).collect();
        self
    }

    /// The file with the settings, for a server on `port` with its socket in `socket_folder`.
    pub(crate) fn settings_file(&self, port: u16, socket_folder: &str) -> String {
        let port = port.to_string();
        // fsync and its like: the data are thrown away anyway. Logged in UTC and English so that
        // tests can look for messages.
        let ours = [
            ("listen_addresses", "127.0.0.1"),
            ("port", port.as_str()),
            ("unix_socket_directories", socket_folder),
            ("max_connections", "200"),
            ("shared_buffers", "32MB"),
            ("max_wal_size", "128MB"),
            ("fsync", "off"),
            ("synchronous_commit", "off"),
            ("full_page_writes", "off"),
            // Tests make hundreds of databases, and its launcher visits each of them every minute.
            ("autovacuum", "off"),
            ("log_line_prefix", "%m [%p] %u@%d "),
            ("log_timezone", "UTC"),
            ("timezone", "UTC"),
            ("lc_messages", "C"),
        ];
        let theirs = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut text = String::new();
        for (name, value) in ours.into_iter().chain(theirs) {
            // A later line wins, so the caller's settings override ours.
            let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::ClusterConfig;

    #[test]
    fn the_callers_settings_come_last_and_are_quoted() {
        let config = ClusterConfig::default().setting("fsync", "on").setting("a.b", "it's");
        let text = config.settings_file(5432, "/tmp/x");
        assert!(text.ends_with("a.b = 'it''s'\nfsync = 'on'\n"), "{text}");
    }
}
