//! The options of `lambda_invoke`, a JSON object.

use std::time::Duration;

use lambda_client::CallOptions;
use lambda_core::{ArgumentError, Region};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::settings::{LONGEST_MS, Settings};

/// What a caller may decide for one call. The endpoint is not among it: it decides where requests
/// signed with the server's credentials go.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    pub(crate) region: Option<String>,
    pub(crate) invocation_type: Option<String>,
    pub(crate) log_type: Option<String>,
    pub(crate) context: Option<Box<RawValue>>,
    pub(crate) qualifier: Option<String>,
    connect_timeout_ms: Option<u64>,
    request_timeout_ms: Option<u64>,
}

impl Options {
    /// Reads the object; NULL has the defaults.
    ///
    /// # Errors
    /// An unknown option, a value of the wrong type, or no JSON object at all.
    pub(crate) fn parse(json: Option<&str>) -> Result<Self, Failure> {
        let Some(json) = json else { return Ok(Self::default()) };
        let is_object = json.trim_ascii_start().starts_with('{');
        let parsed = is_object.then(|| serde_json::from_str(json));
        let rule = match parsed {
            Some(Ok(options)) => return Ok(options),
            Some(Err(error)) => format!("cannot be used: {error}"),
            None => "is not a JSON object".to_owned(),
        };
        Err(ArgumentError::invalid("options", json, &rule).into())
    }

    /// Those of an asynchronous call.
    pub(crate) fn event() -> Self {
        Self { invocation_type: Some("Event".to_owned()), ..Self::default() }
    }

    /// What the client is to do, with the settings where the options are silent.
    ///
    /// # Errors
    /// A timeout that is none.
    pub(crate) fn call_options(
        &self,
        region: Option<Region>,
        settings: &Settings,
    ) -> Result<CallOptions, Failure> {
        Ok(CallOptions {
            region: region.or_else(|| settings.region.clone()),
            endpoint: settings.endpoint.clone(),
            connect_timeout: timeout("connect_timeout_ms", self.connect_timeout_ms)?
                .unwrap_or(settings.connect_timeout),
            request_timeout: timeout("request_timeout_ms", self.request_timeout_ms)?
                .unwrap_or(settings.request_timeout),
            max_attempts: settings.max_attempts,
            allowed_functions: settings.allowed_functions.clone(),
            max_response_bytes: settings.max_response_bytes,
        })
    }
}

fn timeout(name: &str, milliseconds: Option<u64>) -> Result<Option<Duration>, Failure> {
    match milliseconds {
        Some(asked) if !(1..=LONGEST_MS).contains(&asked) => {
            Err(Failure::argument(format!("option \"{name}\" must be from 1 to {LONGEST_MS}")))
        }
        other => Ok(other.map(Duration::from_millis)),
    }
}
