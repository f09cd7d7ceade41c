//! GetAccountSettings.

use http::StatusCode;
use serde_json::json;

use super::answers::answer;
use super::call::Call;
use super::code::storage_used;
use super::concurrency::reserved;
use crate::http_io::Answer;
use crate::invoke_api::ApiError;
use crate::limits::{ACCOUNT_CONCURRENCY, CODE_STORAGE_BYTES, UNZIPPED_BYTES, ZIPPED_BYTES};

/// GetAccountSettings.
pub(super) fn settings(call: &Call<'_>) -> Result<Answer, ApiError> {
    let records = call.service.functions().all();
    let unreserved = ACCOUNT_CONCURRENCY.saturating_sub(reserved(&records, ""));
    let shown = json!({
        "AccountLimit": {
            "TotalCodeSize": CODE_STORAGE_BYTES,
            "CodeSizeUnzipped": UNZIPPED_BYTES,
            "CodeSizeZipped": ZIPPED_BYTES,
            "ConcurrentExecutions": ACCOUNT_CONCURRENCY,
            "UnreservedConcurrentExecutions": unreserved,
        },
        "AccountUsage": {
            "TotalCodeSize": storage_used(&records),
            "FunctionCount": records.len(),
        },
    });
    Ok(answer(StatusCode::OK, shown))
}
