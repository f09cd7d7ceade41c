//! SQS, SNS and EventBridge, or whatever speaks their APIs at the endpoints that are known.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;

use super::{Refused, Resource, Service, message};
use crate::auth::TEST_KEY;
use crate::events::item::{Delivery, Item};

/// How long a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// How long an answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// The most of an answer that is read.
const ANSWER_BYTES: usize = 64 * 1024;

/// How much of an answer is told when it is an error.
const TOLD: usize = 300;

/// Where AWS's services are, and who calls them.
#[derive(Clone, Debug)]
pub struct Endpoints {
    sqs: Option<String>,
    sns: Option<String>,
    event_bridge: Option<String>,
    credentials: Credentials,
    region: String,
}

/// A request, but for its signature.
pub(super) struct Request {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Endpoints {
    /// Those of `AWS_ENDPOINT_URL_SQS`, `AWS_ENDPOINT_URL_SNS` and `AWS_ENDPOINT_URL_EVENTBRIDGE`
    /// (or `_EVENTS`, the service's name in the AWS CLI), called
    /// with the keys of `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, else with those that tests
    /// use. `region` is that of ARNs without one.
    pub fn from_environment(region: &str) -> Self {
        let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let key = |name| set(name).unwrap_or_else(|| TEST_KEY.to_owned());
        let (id, secret) = (key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY"));
        Self {
            sqs: set(Service::Sqs.variable()),
            sns: set(Service::Sns.variable()),
            event_bridge: set(Service::EventBridge.variable())
                .or_else(|| set("AWS_ENDPOINT_URL_EVENTS")),
            credentials: Credentials::new(
                id,
                secret,
                set("AWS_SESSION_TOKEN"),
                None,
                "environment",
            ),
            region: region.to_owned(),
        }
    }

    /// Brings a message to a resource of a service.
    pub(super) async fn send(
        &self,
        service: Service,
        resource: &Resource<'_>,
        delivery: &Delivery,
        item: &Item,
        payload: &[u8],
    ) -> Result<(), Refused> {
        let endpoint = match service {
            Service::Sqs => &self.sqs,
            Service::Sns => &self.sns,
            Service::EventBridge => &self.event_bridge,
        };
        let Some(endpoint) = endpoint.as_deref().map(|url| url.trim_end_matches('/')) else {
            return Err(Refused::ForGood(format!(
                "no endpoint for it: start sqlambda local with {}=URL and send the dead letter again",
                service.variable()
            )));
        };
        let payload = String::from_utf8_lossy(payload);
        let request = match service {
            Service::Sqs => message::to_queue(endpoint, resource, delivery, item, &payload),
            Service::Sns => message::to_topic(delivery, item, &payload),
            Service::EventBridge => message::to_event_bus(resource, delivery, item, &payload),
        };
        let region = if resource.region.is_empty() { &self.region } else { resource.region };
        let url = format!("{endpoint}/");
        let request = self.signed(&url, service, region, request).map_err(Refused::ForGood)?;
        let (status, answer) = exchange(request).await.map_err(|error| {
            Refused::ForNow(format!("{}={endpoint}: {error}", service.variable()))
        })?;
        judge(service, status, &answer)
    }

    fn signed(
        &self,
        url: &str,
        service: Service,
        region: &str,
        request: Request,
    ) -> Result<HttpRequest, String> {
        let unusable = |error: &dyn std::fmt::Display| format!("{url}: {error}");
        let identity = self.credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service.signing_name())
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unusable(&error))?
            .into();
        let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let body = SignableBody::Bytes(request.body.as_bytes());
        let signable =
            SignableRequest::new("POST", url, headers, body).map_err(|error| unusable(&error))?;
        let (instructions, _) =
            sign(signable, &params).map_err(|error| unusable(&error))?.into_parts();
        let (signature, _) = instructions.into_parts();
        let mut signed = HttpRequest::new(request.body.into_bytes().into());
        signed.set_method("POST").map_err(|error| unusable(&error))?;
        signed.set_uri(url).map_err(|error| unusable(&error))?;
        for (name, value) in request.headers {
            signed.headers_mut().insert(name, value);
        }
        for header in signature {
            signed.headers_mut().insert(header.name(), header.value().to_owned());
        }
        Ok(signed)
    }
}

impl Service {
    /// The variable of its endpoint (AWS SDKs and Tools Reference Guide).
    fn variable(self) -> &'static str {
        match self {
            Self::Sqs => "AWS_ENDPOINT_URL_SQS",
            Self::Sns => "AWS_ENDPOINT_URL_SNS",
            Self::EventBridge => "AWS_ENDPOINT_URL_EVENTBRIDGE",
        }
    }

    fn signing_name(self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
            Self::Sns => "sns",
            Self::EventBridge => "events",
        }
    }
}

async fn exchange(request: HttpRequest) -> Result<(u16, Vec<u8>), String> {
    static CLIENT: OnceLock<Connector> = OnceLock::new();
    let client = CLIENT.get_or_init(|| {
        let times = HttpConnectorSettings::builder()
            .connect_timeout(CONNECT_TIME)
            .read_timeout(ANSWER_TIME)
            .build();
        Connector::builder()
            .connector_settings(times)
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build()
    });
    let answer = client.call(request).await.map_err(|error| innermost(&error))?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| error.to_string())?;
    Ok((status, body.to_bytes().to_vec()))
}

/// The cause: "Connection refused", not "dispatch failure".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

fn judge(service: Service, status: u16, answer: &[u8]) -> Result<(), Refused> {
    let text: String = String::from_utf8_lossy(answer).chars().take(TOLD).collect();
    let told = format!("{} answered {status}: {text}", service.signing_name());
    if status >= 500 || status == 429 || status >= 400 && text.contains("Throttl") {
        return Err(Refused::ForNow(told));
    }
    if !(200..300).contains(&status) {
        return Err(Refused::ForGood(told));
    }
    let members: Value = serde_json::from_slice(answer).unwrap_or_default();
    if members["FailedEntryCount"].as_u64().is_some_and(|failed| failed > 0) {
        let internal = members["Entries"][0]["ErrorCode"].as_str() == Some("InternalFailure");
        return Err(if internal { Refused::ForNow(told) } else { Refused::ForGood(told) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_may_take_later_is_told_from_what_it_never_will() {
        let judged = |status, answer: &str| match judge(Service::Sqs, status, answer.as_bytes()) {
            Ok(()) => "taken",
            Err(Refused::ForNow(_)) => "later",
            Err(Refused::ForGood(_)) => "never",
        };
        assert_eq!(judged(200, "{}"), "taken");
        assert_eq!(judged(503, ""), "later");
        assert_eq!(judged(400, r#"{"__type":"ThrottlingException"}"#), "later");
        assert_eq!(judged(400, r#"{"__type":"QueueDoesNotExist"}"#), "never");
        assert_eq!(judged(200, r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"x"}]}"#), "never");
        let internal = r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure"}]}"#;
        assert_eq!(judged(200, internal), "later");
    }
}
