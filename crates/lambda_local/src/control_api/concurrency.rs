//! Reserved concurrency.

use http::StatusCode;
use serde_json::json;

use super::answers::answer;
use super::call::Call;
use super::shapes;
use crate::http_io::{Answer, empty};
use crate::invoke_api::ApiError;
use crate::limits::{ACCOUNT_CONCURRENCY, LEAST_UNRESERVED};
use crate::model::Records;

/// What all functions but one have reserved together.
pub(super) fn reserved(records: &Records, except: &str) -> u32 {
    let others = records.values().filter(|record| record.name != except);
    others.filter_map(|record| record.reserved_concurrency).sum()
}

/// PutFunctionConcurrency.
pub(super) fn put(call: &Call<'_>) -> Result<Answer, ApiError> {
    let function = call.whole_function("PutFunctionConcurrency", shapes::PUT_CONCURRENCY)?;
    let wanted = call.number("ReservedConcurrentExecutions").unwrap_or(0);
    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
    call.change(&function, |record, all| {
        let others = reserved(all, &function);
        if wanted > 0 && others.saturating_add(wanted) > ACCOUNT_CONCURRENCY - LEAST_UNRESERVED {
            return Err(ApiError::invalid_parameter(format!(
                "Specified ReservedConcurrentExecutions for function decreases account's \
                 UnreservedConcurrentExecution below its minimum value of [{LEAST_UNRESERVED}]."
            )));
        }
        record.reserved_concurrency = Some(wanted);
        Ok(())
    })?;
    call.service.pools().sync_reservations();
    Ok(answer(StatusCode::OK, json!({ "ReservedConcurrentExecutions": wanted })))
}

/// GetFunctionConcurrency: an empty answer when nothing is reserved.
pub(super) fn get(call: &Call<'_>) -> Result<Answer, ApiError> {
    let function = call.whole_function("GetFunctionConcurrency", &[])?;
    let reserved = call.record(&function)?.reserved_concurrency;
    let shown = reserved.map(|places| json!({ "ReservedConcurrentExecutions": places }));
    Ok(answer(StatusCode::OK, shown.unwrap_or_else(|| json!({}))))
}

/// DeleteFunctionConcurrency.
pub(super) fn delete(call: &Call<'_>) -> Result<Answer, ApiError> {
    let function = call.whole_function("DeleteFunctionConcurrency", &[])?;
    call.change(&function, |record, _| {
        record.reserved_concurrency = None;
        Ok(())
    })?;
    call.service.pools().sync_reservations();
    Ok(empty(StatusCode::NO_CONTENT))
}
