//! An error as a value: what `on_error => 'return'` gives a row.

use serde::Serialize;

/// The members, as SQL sees them.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorObject<'a> {
    /// What kind of failure it is.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// MESSAGE, as raising it would say.
    pub message: &'a str,
    /// SQLSTATE.
    pub sqlstate: &'a str,
    /// DETAIL.
    pub detail: &'a str,
    /// The service's id of the request, `null` when there is none.
    pub request_id: Option<&'a str>,
}

impl ErrorObject<'_> {
    /// The JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Texts: there is nothing that could fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
