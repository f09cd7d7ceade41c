//! The deployment package in a request.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::call::Call;
use crate::code::UnpackError;
use crate::invoke_api::ApiError;
use crate::limits::{CODE_STORAGE_BYTES, ZIPPED_BYTES};
use crate::model::{Code, Records, Version};

impl From<UnpackError> for ApiError {
    fn from(error: UnpackError) -> Self {
        match error {
            UnpackError::System(_) => Self::service(error.to_string()),
            refused => Self::invalid_parameter(refused.to_string()),
        }
    }
}

/// Reads the package from the members of `Code`, checks and keeps it.
pub(super) async fn receive(call: &Call<'_>, code: &Map<String, Value>) -> Result<Code, ApiError> {
    let given = |member: &str| code.get(member).is_some_and(|value| !value.is_null());
    if given("S3Bucket") || given("S3Key") {
        return Err(ApiError::invalid_parameter(
            "S3Bucket and S3Key cannot be used here: sqlambda local has no S3. Send the archive as \
             ZipFile (aws lambda ... --zip-file fileb://PATH)",
        ));
    }
    if given("ImageUri") {
        return Err(ApiError::invalid_parameter(
            "ImageUri cannot be used here: sqlambda local runs no containers. Send the code as \
             ZipFile",
        ));
    }
    let Some(text) = code.get("ZipFile").and_then(Value::as_str) else {
        return Err(ApiError::invalid_parameter("Please provide a source for function code."));
    };
    let archive = STANDARD.decode(text).map_err(|_| {
        ApiError::serialization("STRING_VALUE can not be converted to a Blob: no base64".to_owned())
    })?;
    if archive.is_empty() {
        return Err(UnpackError::Empty.into());
    }
    if archive.len() as u64 > ZIPPED_BYTES {
        return Err(ApiError::invalid_parameter(format!(
            "Zipped size must be smaller than {ZIPPED_BYTES} bytes"
        )));
    }
    let store = Arc::clone(call.service.code());
    blocking(move || store.keep(&archive)).await
}

/// Keeps the code of a version as it is now.
pub(super) async fn freeze(call: &Call<'_>, code: Code) -> Result<Code, ApiError> {
    let store = Arc::clone(call.service.code());
    blocking(move || store.freeze(&code)).await
}

async fn blocking(
    work: impl FnOnce() -> Result<Code, UnpackError> + Send + 'static,
) -> Result<Code, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| ApiError::service(format!("internal error: {error}")))?;
    Ok(done?)
}

/// The bytes of all archives that versions refer to.
pub(super) fn storage_used(records: &Records) -> u64 {
    let versions = records.values().flat_map(|record| record.all_versions());
    versions.map(|version| bytes(&version.code)).sum()
}

fn bytes(code: &Code) -> u64 {
    match code {
        Code::Archive { bytes, .. } => *bytes,
        Code::Folder { .. } => 0,
    }
}

/// Checks that there is room for the code of a new version.
pub(super) fn check_storage(records: &Records, code: &Code) -> Result<(), ApiError> {
    if storage_used(records) + bytes(code) > CODE_STORAGE_BYTES {
        return Err(ApiError::code_storage());
    }
    Ok(())
}

/// The code's hash as requests give it, in base64; nothing for a folder.
pub(super) fn hash(call: &Call<'_>, version: &Version) -> Option<String> {
    let store = call.service.code();
    tokio::task::block_in_place(|| store.summary(&version.code)).ok().map(|known| known.base64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::tests_support::record;

    #[test]
    fn all_archives_together_have_a_limit() {
        let mut full = record("full");
        full.latest.code = Code::Archive { sha256: String::new(), bytes: CODE_STORAGE_BYTES - 10 };
        let records = Records::from([("full".to_owned(), Arc::new(full))]);
        let code = |bytes| Code::Archive { sha256: String::new(), bytes };
        assert!(check_storage(&records, &code(10)).is_ok());
        let error = check_storage(&records, &code(11)).unwrap_err();
        assert_eq!(error.message(), "Code storage limit exceeded.");
    }
}
