//! Where records and dead letters go.

mod aws;
mod file;
mod message;

use std::path::PathBuf;

pub use aws::Endpoints;

use super::item::{Delivery, Item};
use crate::invoke_api::FunctionName;

/// How the ARN of a file begins; its absolute path follows. AWS has no such destination, but its
/// tools want an ARN where one is configured.
pub(super) const FILE_ARN: &str = "arn:aws:sqlambda:::file://";

/// A destination that did not take a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It may take it later; says why it did not.
    ForNow(String),
    /// It never will, as things are.
    ForGood(String),
}

/// What an ARN means.
#[derive(Debug, PartialEq, Eq)]
enum Destination<'a> {
    File(PathBuf),
    Aws(Service, Resource<'a>),
    Function,
    Unknown,
}

/// The services that a message can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Sqs,
    Sns,
    EventBridge,
}

/// The parts of an ARN behind its service.
#[derive(Debug, PartialEq, Eq)]
struct Resource<'a> {
    region: &'a str,
    account: &'a str,
    name: &'a str,
}

impl<'a> Destination<'a> {
    fn of(arn: &'a str) -> Self {
        if let Some(path) = arn.strip_prefix(FILE_ARN).filter(|path| path.starts_with('/')) {
            return Self::File(PathBuf::from(path));
        }
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [_, _, service, region, account, name] = parts[..] else { return Self::Unknown };
        let resource = Resource { region, account, name };
        match service {
            "sqs" => Self::Aws(Service::Sqs, resource),
            "sns" => Self::Aws(Service::Sns, resource),
            "events" => Self::Aws(Service::EventBridge, resource),
            "lambda" => Self::Function,
            _ => Self::Unknown,
        }
    }
}

/// The function of this service that an ARN means, with the ARN without its qualifier.
pub(super) fn own_function(arn: &str, account: &str) -> Option<(String, FunctionName)> {
    let name = FunctionName::parse(arn).ok()?;
    let region = name.region.as_deref()?;
    (name.account.as_deref()? == account).then_some(())?;
    let partition = arn.split(':').nth(1)?;
    let bare = format!("arn:{partition}:lambda:{region}:{account}:function:{}", name.name);
    Some((bare, name))
}

/// Brings a message to where it is to go.
pub(super) async fn send(
    endpoints: &Endpoints,
    delivery: &Delivery,
    item: &Item,
    payload: &[u8],
) -> Result<(), Refused> {
    match Destination::of(&delivery.destination) {
        Destination::File(path) => file::append(path, delivery, item, payload).await,
        Destination::Aws(service, resource) => {
            endpoints.send(service, &resource, delivery, item, payload).await
        }
        Destination::Function => Err(Refused::ForGood(
            "the function is in another account, or the record is over the 1 MB of an event"
                .to_owned(),
        )),
        Destination::Unknown => Err(Refused::ForGood(format!(
            "sqlambda local delivers to functions, SQS, SNS, EventBridge and files ({FILE_ARN}/PATH)"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_says_where_a_record_goes() {
        let file = Destination::of("arn:aws:sqlambda:::file:///tmp/a:b.jsonl");
        assert_eq!(file, Destination::File(PathBuf::from("/tmp/a:b.jsonl")));
        assert_eq!(Destination::of("arn:aws:sqlambda:::file://relative"), Destination::Unknown);
        let resource = Resource { region: "us-east-1", account: "000000000000", name: "q" };
        let queue = Destination::of("arn:aws:sqs:us-east-1:000000000000:q");
        assert_eq!(queue, Destination::Aws(Service::Sqs, resource));
        let name = "event-bus/default";
        let resource = Resource { region: "us-east-1", account: "000000000000", name };
        let bus = Destination::of("arn:aws:events:us-east-1:000000000000:event-bus/default");
        assert_eq!(bus, Destination::Aws(Service::EventBridge, resource));
        assert_eq!(Destination::of("arn:aws:s3:::bucket"), Destination::Unknown);
        assert_eq!(Destination::of("nonsense"), Destination::Unknown);
    }

    #[test]
    fn only_functions_of_the_own_account_run_here() {
        let bare = "arn:aws:lambda:eu-west-1:000000000000:function:f";
        let (arn, name) = own_function(&format!("{bare}:live"), "000000000000").unwrap();
        assert_eq!((arn.as_str(), name.qualifier.as_deref()), (bare, Some("live")));
        assert_eq!(own_function(bare, "111111111111"), None);
        assert_eq!(own_function("f", "000000000000"), None);
    }
}
