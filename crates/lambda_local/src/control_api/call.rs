//! One request: who calls, what for, and with which members.

use std::sync::Arc;

use bytes::Bytes;
use http::header;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::members::{Member, check};
use super::operation::Operation;
use crate::auth::Caller;
use crate::functions::LATEST;
use crate::invoke_api::{
    ApiError, FunctionName, NameProblem, arn, check_qualifier, check_reachable, one_qualifier,
    validation_error,
};
use crate::model::{Record, Records};
use crate::service::Service;

/// A request.
pub(super) struct Call<'a> {
    pub(super) service: &'a Arc<Service>,
    pub(super) caller: Caller,
    /// The members in the path.
    pub(super) path: Vec<String>,
    pub(super) body: Map<String, Value>,
    query: Vec<(String, String)>,
    /// How the caller reached the service: `host:port`.
    pub(super) host: String,
}

/// The function that a request is about.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The bare name.
    pub(super) name: String,
    /// From the name or from the parameter.
    pub(super) qualifier: Option<String>,
}

impl<'a> Call<'a> {
    pub(super) fn read(
        service: &'a Arc<Service>,
        caller: Caller,
        operation: Operation,
        parts: &Parts,
        body: &Bytes,
    ) -> Result<Self, ApiError> {
        let body = if body.is_empty() {
            Map::new()
        } else {
            serde_json::from_slice(body).map_err(|error| {
                let error = format!("Could not parse request body into json: {error}");
                ApiError::invalid_content(error)
            })?
        };
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        Ok(Self {
            service,
            caller,
            path: operation.path,
            body,
            query: query(parts.uri.query().unwrap_or_default()),
            host: host.unwrap_or("localhost").to_owned(),
        })
    }

    /// A parameter of the query that is not empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters(name).next().filter(|value| !value.is_empty())
    }

    /// All values of a parameter.
    pub(super) fn parameters(&self, name: &str) -> impl Iterator<Item = &str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A member that is text.
    pub(super) fn text(&self, member: &str) -> Option<&str> {
        self.body.get(member).and_then(Value::as_str)
    }

    /// A member that is a whole number.
    pub(super) fn number(&self, member: &str) -> Option<u64> {
        self.body.get(member).and_then(Value::as_u64)
    }

    /// Whether a member is there and true.
    pub(super) fn flag(&self, member: &str) -> bool {
        self.body.get(member).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A member of a structure in the body.
    pub(super) fn inner(&self, structure: &str, member: &str) -> Option<&Value> {
        self.body.get(structure)?.get(member).filter(|value| !value.is_null())
    }

    /// Checks the request's members, and reads the function in its path.
    pub(super) fn target(&self, action: &str, members: &[Member]) -> Result<Target, ApiError> {
        self.target_with(action, members, Vec::new())
    }

    /// The same, with problems that were found before.
    pub(super) fn target_with(
        &self,
        action: &str,
        members: &[Member],
        mut problems: Vec<NameProblem>,
    ) -> Result<Target, ApiError> {
        let given = self.path.first().map_or("", String::as_str);
        let function =
            FunctionName::parse(given).map_err(|problem| problems.insert(0, problem)).ok();
        let parameter = self.parameter("Qualifier").map(str::to_owned);
        if let Some(parameter) = &parameter {
            problems.extend(check_qualifier(parameter));
        }
        check(members, &self.body, &mut problems)?;
        let (Some(function), []) = (function, problems.as_slice()) else {
            return Err(validation_error(&problems));
        };
        check_reachable(self.service, &self.caller, &function, action)?;
        let qualifier = one_qualifier(function.qualifier, parameter)?;
        Ok(Target { name: function.name, qualifier })
    }

    /// The same, for operations that no version or alias has.
    pub(super) fn whole_function(
        &self,
        action: &str,
        members: &[Member],
    ) -> Result<String, ApiError> {
        let target = self.target(action, members)?;
        match target.qualifier.as_deref() {
            None | Some(LATEST) => Ok(target.name),
            Some(_) => Err(ApiError::invalid_parameter(
                "This operation is permitted on Lambda functions only. Aliases and versions do not \
                 support this operation. Please specify either a function name or an unqualified \
                 function ARN.",
            )),
        }
    }

    /// The function's ARN.
    pub(super) fn arn(&self, name: &str) -> String {
        arn(self.service, &self.caller.region, name)
    }

    /// The ARN of a layer of a template, whose only version is the first.
    pub(super) fn layer_arn(&self, layer: &str) -> String {
        let (account, region) = (self.service.account(), &self.caller.region);
        format!("arn:aws:lambda:{region}:{account}:layer:{layer}:1")
    }

    /// The ARN with its qualifier, if there is one.
    pub(super) fn qualified_arn(&self, target: &Target) -> String {
        let arn = self.arn(&target.name);
        match &target.qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        }
    }

    /// The function of that name.
    pub(super) fn record(&self, name: &str) -> Result<Arc<Record>, ApiError> {
        self.service.functions().get(name).ok_or_else(|| self.not_found(name))
    }

    /// There is no such function.
    pub(super) fn not_found(&self, name: &str) -> ApiError {
        ApiError::not_found(format!("Function not found: {}", self.arn(name)))
    }

    /// Changes a function that is there; `change` sees it and all functions.
    pub(super) fn change<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Record, &Records) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.service.functions().change(name, |record, all| match record {
            Some(record) => change(record, all),
            None => Err(self.not_found(name)),
        })
    }
}

/// The parameters, decoded.
pub(crate) fn query(text: &str) -> Vec<(String, String)> {
    // A plus is a space in a query.
    let decoded =
        |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, value)) => (decoded(name), decoded(value)),
        None => (decoded(pair), String::new()),
    };
    pairs.map(pair).collect()
}

/// Checks that nobody else has changed what the caller looked at; `ask` are the operations that tell
/// its revision.
pub(super) fn check_revision(given: Option<&str>, now: &str, ask: &str) -> Result<(), ApiError> {
    match given {
        Some(given) if given != now => Err(ApiError::precondition(ask)),
        _ => Ok(()),
    }
}
