//! The API that manages functions, as AWS answers it.

mod account;
mod aliases;
mod answers;
mod call;
mod code;
mod concurrency;
mod create;
mod events;
mod functions;
mod location;
mod members;
mod operation;
mod pages;
mod permissions;
mod settings;
mod shapes;
mod tags;
mod update;
mod versions;

pub(crate) use call::query;
pub(crate) use location::{LocationKey, download};
pub(crate) use operation::Operation;

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;

use crate::auth::Caller;
use crate::http_io::Answer;
use crate::invoke_api::ApiError;
use crate::service::Service;
use call::Call;
use operation::Kind;

/// Carries out an operation.
pub(crate) async fn answer(
    service: &Arc<Service>,
    caller: Caller,
    operation: Operation,
    parts: &Parts,
    body: &Bytes,
) -> Result<Answer, ApiError> {
    let kind = operation.kind;
    let call = Call::read(service, caller, operation, parts, body)?;
    match kind {
        Kind::AddPermission => permissions::add(&call),
        Kind::CreateAlias => aliases::create(&call),
        Kind::CreateFunction => create::create(&call).await,
        Kind::DeleteAlias => aliases::delete(&call),
        Kind::DeleteFunction => functions::delete(&call),
        Kind::DeleteFunctionConcurrency => concurrency::delete(&call),
        Kind::DeleteFunctionEventInvokeConfig => events::delete(&call),
        Kind::GetAccountSettings => account::settings(&call),
        Kind::GetAlias => aliases::get(&call),
        Kind::GetFunction => functions::get(&call),
        Kind::GetFunctionConcurrency => concurrency::get(&call),
        Kind::GetFunctionConfiguration => functions::configuration(&call),
        Kind::GetFunctionEventInvokeConfig => events::get(&call),
        Kind::GetPolicy => permissions::get(&call),
        Kind::ListAliases => aliases::list(&call),
        Kind::ListFunctionEventInvokeConfigs => events::list(&call),
        Kind::ListFunctions => functions::list(&call),
        Kind::ListTags => tags::list(&call),
        Kind::ListVersionsByFunction => versions::list(&call),
        Kind::PublishVersion => versions::publish(&call).await,
        Kind::PutFunctionConcurrency => concurrency::put(&call),
        Kind::PutFunctionEventInvokeConfig => events::put(&call, false),
        Kind::RemovePermission => permissions::remove(&call),
        Kind::TagResource => tags::tag(&call),
        Kind::UntagResource => tags::untag(&call),
        Kind::UpdateAlias => aliases::update(&call),
        Kind::UpdateFunctionCode => update::code(&call).await,
        Kind::UpdateFunctionConfiguration => update::configuration(&call),
        Kind::UpdateFunctionEventInvokeConfig => events::put(&call, true),
    }
}
