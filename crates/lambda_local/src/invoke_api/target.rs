//! The function and the version that a call means.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::ApiError;
use super::name::FunctionName;
use super::request::InvokeRequest;
use crate::auth::Caller;
use crate::environment::{Event, Pool};
use crate::events::Call;
use crate::functions::LATEST;
use crate::model::{Progress, Record};
use crate::service::Service;

/// A function's ARN, without a qualifier.
pub(crate) fn arn(service: &Service, region: &str, name: &str) -> String {
    format!("arn:aws:lambda:{region}:{}:function:{name}", service.account())
}

/// Checks that a name's region and account are those of the caller.
pub(crate) fn check_reachable(
    service: &Service,
    caller: &Caller,
    function: &FunctionName,
    action: &str,
) -> Result<(), ApiError> {
    if let Some(region) = function.region.as_ref().filter(|region| **region != caller.region) {
        return Err(ApiError::not_found(format!(
            "Functions from '{region}' are not reachable in this region ('{}')",
            caller.region
        )));
    }
    let own = service.account();
    match function.account.as_deref().filter(|account| *account != own) {
        None => Ok(()),
        Some(account) => Err(ApiError::access_denied(format!(
            "User: arn:aws:iam::{own}:user/{} is not authorized to perform: lambda:{action} on \
             resource: arn:aws:lambda:{}:{account}:function:{} because no resource-based policy \
             allows the lambda:{action} action",
            caller.access_key, caller.region, function.name
        ))),
    }
}

/// What a call runs.
pub(super) struct Target {
    pub(super) pool: Arc<Pool>,
    /// `$LATEST` or a number.
    pub(super) version: String,
    /// The function's ARN, without a qualifier.
    arn: String,
}

impl Target {
    pub(super) async fn find(
        service: &Service,
        caller: &Caller,
        invoke: &InvokeRequest,
    ) -> Result<Self, ApiError> {
        let function = &invoke.function;
        check_reachable(service, caller, function, "InvokeFunction")?;
        let arn = arn(service, &caller.region, &function.name);
        let qualifier = invoke.qualifier.as_deref();
        let missing = || {
            let qualifier = qualifier.unwrap_or(LATEST);
            ApiError::not_found(format!("Function not found: {arn}:{qualifier}"))
        };
        let record = service.functions().get(&function.name).ok_or_else(missing)?;
        let version = record.version(chosen(&record, qualifier)).ok_or_else(missing)?;
        if version.state == Progress::Doing {
            return Err(ApiError::conflict(
                "The operation cannot be performed at this time. The function is currently in the \
                 following state: Pending",
            ));
        }
        let pool = service.pool(&record, version).await;
        Ok(Self { pool, version: version.name(), arn })
    }

    /// The call, as it is queued.
    pub(super) fn call(&self, invoke: &InvokeRequest) -> Call {
        Call {
            function: invoke.function.name.clone(),
            qualifier: invoke.qualifier.clone(),
            arn: self.arn.clone(),
            trace_id: trace_id(),
            client_context: invoke.client_context.clone(),
        }
    }

    /// The call, as it is run at once.
    pub(super) fn event(&self, id: &str, payload: Bytes, invoke: &InvokeRequest) -> Event {
        let call = self.call(invoke);
        Event {
            kind: invoke.invocation_type.kind(),
            request_id: id.to_owned(),
            payload,
            invoked_arn: call.invoked_arn(),
            trace_id: call.trace_id,
            client_context: call.client_context,
            timeout: self.pool.function().timeout,
            sink: None,
        }
    }
}

/// The version that a qualifier means for this call: an alias may divide its calls.
pub(crate) fn chosen<'a>(record: &'a Record, qualifier: Option<&'a str>) -> &'a str {
    let qualifier = qualifier.unwrap_or(LATEST);
    record.aliases.get(qualifier).map_or(qualifier, |alias| alias.choose(chance()))
}

/// A number from 0 up to 1.
fn chance() -> f64 {
    let (high, _) = uuid::Uuid::new_v4().as_u64_pair();
    // The first 32 bits of the random ones: the version stands in the last 16 of these 64.
    f64::from((high >> 32) as u32) / 4_294_967_296.0
}

/// An X-Ray header for a request that is not traced.
pub(crate) fn trace_id() -> String {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let random = uuid::Uuid::new_v4().simple().to_string();
    let parent = uuid::Uuid::new_v4().simple().to_string();
    format!("Root=1-{:08x}-{};Parent={};Sampled=0", seconds.as_secs(), &random[..24], &parent[..16])
}
