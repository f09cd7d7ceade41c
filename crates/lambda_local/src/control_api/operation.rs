//! Which operation a method and a path mean.

use http::Method;
use percent_encoding::percent_decode_str;

/// The operations, named as AWS does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    AddPermission,
    CreateAlias,
    CreateFunction,
    DeleteAlias,
    DeleteFunction,
    DeleteFunctionConcurrency,
    DeleteFunctionEventInvokeConfig,
    GetAccountSettings,
    GetAlias,
    GetFunction,
    GetFunctionConcurrency,
    GetFunctionConfiguration,
    GetFunctionEventInvokeConfig,
    GetPolicy,
    ListAliases,
    ListFunctionEventInvokeConfigs,
    ListFunctions,
    ListTags,
    ListVersionsByFunction,
    PublishVersion,
    PutFunctionConcurrency,
    PutFunctionEventInvokeConfig,
    RemovePermission,
    TagResource,
    UntagResource,
    UpdateAlias,
    UpdateFunctionCode,
    UpdateFunctionConfiguration,
    UpdateFunctionEventInvokeConfig,
}

/// An operation with the members of its path, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(super) kind: Kind,
    /// The function's name or a resource's ARN, then what belongs to it.
    pub(super) path: Vec<String>,
}

impl Operation {
    /// Nothing when there is no such operation, or it is not one of these.
    pub(crate) fn of(method: &Method, path: &str) -> Option<Self> {
        let parts: Vec<String> = path
            .trim_start_matches('/')
            .trim_end_matches('/')
            .split('/')
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let (version, rest) = parts.split_first()?;
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        let kind = kind(method.as_str(), version, &rest)?;
        // The path's members stand at every second place, from the second on.
        let members = rest.iter().skip(1).step_by(2).map(|part| (*part).to_owned()).collect();
        Some(Self { kind, path: members })
    }

    /// Its name, as AWS writes it.
    pub(crate) fn name(&self) -> String {
        format!("{:?}", self.kind)
    }

    /// Whether its body may hold a deployment package.
    pub(crate) fn brings_code(&self) -> bool {
        matches!(self.kind, Kind::CreateFunction | Kind::UpdateFunctionCode)
    }
}

#[rustfmt::skip]
fn kind(method: &str, version: &str, rest: &[&str]) -> Option<Kind> {
    use Kind::*;

    Some(match (version, method, rest) {
        ("2015-03-31", "GET", ["functions"]) => ListFunctions,
        ("2015-03-31", "POST", ["functions"]) => CreateFunction,
        ("2015-03-31", "GET", ["functions", _]) => GetFunction,
        ("2015-03-31", "DELETE", ["functions", _]) => DeleteFunction,
        ("2015-03-31", "PUT", ["functions", _, "code"]) => UpdateFunctionCode,
        ("2015-03-31", "GET", ["functions", _, "configuration"]) => GetFunctionConfiguration,
        ("2015-03-31", "PUT", ["functions", _, "configuration"]) => UpdateFunctionConfiguration,
        ("2015-03-31", "GET", ["functions", _, "versions"]) => ListVersionsByFunction,
        ("2015-03-31", "POST", ["functions", _, "versions"]) => PublishVersion,
        ("2015-03-31", "GET", ["functions", _, "aliases"]) => ListAliases,
        ("2015-03-31", "POST", ["functions", _, "aliases"]) => CreateAlias,
        ("2015-03-31", "GET", ["functions", _, "aliases", _]) => GetAlias,
        ("2015-03-31", "PUT", ["functions", _, "aliases", _]) => UpdateAlias,
        ("2015-03-31", "DELETE", ["functions", _, "aliases", _]) => DeleteAlias,
        ("2015-03-31", "GET", ["functions", _, "policy"]) => GetPolicy,
        ("2015-03-31", "POST", ["functions", _, "policy"]) => AddPermission,
        ("2015-03-31", "DELETE", ["functions", _, "policy", _]) => RemovePermission,
        ("2016-08-19", "GET", ["account-settings"]) => GetAccountSettings,
        ("2017-03-31", "GET", ["tags", _]) => ListTags,
        ("2017-03-31", "POST", ["tags", _]) => TagResource,
        ("2017-03-31", "DELETE", ["tags", _]) => UntagResource,
        ("2017-10-31", "PUT", ["functions", _, "concurrency"]) => PutFunctionConcurrency,
        ("2017-10-31", "DELETE", ["functions", _, "concurrency"]) => DeleteFunctionConcurrency,
        ("2019-09-30", "GET", ["functions", _, "concurrency"]) => GetFunctionConcurrency,
        ("2019-09-25", "GET", ["functions", _, "event-invoke-config"]) => GetFunctionEventInvokeConfig,
        ("2019-09-25", "PUT", ["functions", _, "event-invoke-config"]) => PutFunctionEventInvokeConfig,
        ("2019-09-25", "POST", ["functions", _, "event-invoke-config"]) => UpdateFunctionEventInvokeConfig,
        ("2019-09-25", "DELETE", ["functions", _, "event-invoke-config"]) => DeleteFunctionEventInvokeConfig,
        ("2019-09-25", "GET", ["functions", _, "event-invoke-config", "list"]) => ListFunctionEventInvokeConfigs,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_and_decoded() {
        let of = |method, path| Operation::of(&method, path).map(|found| (found.kind, found.path));
        let arn = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af/";
        let decoded = "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned();
        assert_eq!(of(Method::GET, arn), Some((Kind::ListTags, vec![decoded])));
        let alias = "/2015-03-31/functions/f/aliases/live";
        let both = vec!["f".to_owned(), "live".to_owned()];
        assert_eq!(of(Method::PUT, alias), Some((Kind::UpdateAlias, both)));
        assert_eq!(of(Method::GET, "/2015-03-31/functions/"), Some((Kind::ListFunctions, vec![])));
        for other in ["/", "/2015-03-31", "/2014-11-13/functions", "/2015-03-31/functions/a/b/c/d"]
        {
            assert_eq!(of(Method::GET, other), None, "{other}");
        }
    }
}
