//! The whole life of a function, through `aws-sdk-lambda`, as a program in Rust would do it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

#[path = "../../sqlambda/tests/support/mod.rs"]
mod support;

use std::io::{Cursor, Write as _};
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::client::Waiters as _;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::error::DisplayErrorContext;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    AliasRoutingConfiguration, DestinationConfig, FunctionCode, InvocationType, LogType, OnFailure,
    Runtime, State,
};
use support::Service;

const ROLE: &str = "arn:aws:iam::000000000000:role/any";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:life";
const NAME: &str = "life";
const PATIENCE: Duration = Duration::from_secs(60);

fn client(service: &Service) -> Client {
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(format!("http://{}", service.address))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// The package of a program that answers every event with `text` and the version that runs.
fn package(text: &str) -> Blob {
    let bootstrap = format!(
        r#"#!/usr/bin/env python3
import http.client, os
runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
base = "/2018-06-01/runtime/invocation/"
while True:
    runtime.request("GET", base + "next")
    event = runtime.getresponse()
    event.read()
    answer = '"{text} ' + os.environ["AWS_LAMBDA_FUNCTION_VERSION"] + '"'
    path = base + event.headers["Lambda-Runtime-Aws-Request-Id"] + "/response"
    runtime.request("POST", path, answer)
    runtime.getresponse().read()
"#
    );
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    archive.start_file("bootstrap", options).unwrap();
    archive.write_all(bootstrap.as_bytes()).unwrap();
    Blob::new(archive.finish().unwrap().into_inner())
}

async fn updated(client: &Client) {
    client.wait_until_function_updated_v2().function_name(NAME).wait(PATIENCE).await.unwrap();
}

/// What the function answers, and the version that did.
async fn invoke(client: &Client, qualifier: Option<&str>) -> (String, String) {
    let sent = client
        .invoke()
        .function_name(NAME)
        .set_qualifier(qualifier.map(str::to_owned))
        .payload(Blob::new("[1]"))
        .log_type(LogType::Tail)
        .send()
        .await;
    let answer = sent.unwrap_or_else(|error| panic!("{}", DisplayErrorContext(error)));
    assert_eq!((answer.status_code(), answer.function_error()), (200, None));
    assert!(answer.log_result().is_some_and(|log| !log.is_empty()));
    let text = serde_json::from_slice(answer.payload().unwrap().as_ref()).unwrap();
    (text, answer.executed_version().unwrap().to_owned())
}

#[tokio::test]
async fn the_whole_life_of_a_function() {
    let service = Service::start(&[], &[]);
    let client = client(&service);
    make_and_change(&client).await;
    name_and_invoke(&client).await;
    configure(&client).await;
    list_and_delete(&client).await;
}

async fn make_and_change(client: &Client) {
    let made = client
        .create_function()
        .function_name(NAME)
        .role(ROLE)
        .runtime(Runtime::Providedal2023)
        .handler("any")
        .code(FunctionCode::builder().zip_file(package("one")).build())
        .tags("kept", "from the start")
        .send()
        .await
        .unwrap();
    assert_eq!((made.state(), made.function_arn()), (Some(&State::Pending), Some(ARN)));
    client.wait_until_function_active_v2().function_name(NAME).wait(PATIENCE).await.unwrap();
    assert_eq!(invoke(client, None).await, ("one $LATEST".to_owned(), "$LATEST".to_owned()));
    let one = client.publish_version().function_name(NAME).send().await.unwrap();
    assert_eq!(one.version(), Some("1"));

    client
        .update_function_code()
        .function_name(NAME)
        .zip_file(package("two"))
        .send()
        .await
        .unwrap();
    updated(client).await;
    assert_eq!(invoke(client, None).await.0, "two $LATEST");
    client.update_function_configuration().function_name(NAME).timeout(7).send().await.unwrap();
    updated(client).await;
    let two = client.publish_version().function_name(NAME).send().await.unwrap();
    assert_eq!((two.version(), two.timeout()), (Some("2"), Some(7)));
}

async fn name_and_invoke(client: &Client) {
    let split = AliasRoutingConfiguration::builder().additional_version_weights("2", 0.5).build();
    let alias = client
        .create_alias()
        .function_name(NAME)
        .name("live")
        .function_version("1")
        .routing_config(split)
        .send()
        .await
        .unwrap();
    assert_eq!(alias.alias_arn(), Some(format!("{ARN}:live").as_str()));
    for (qualifier, answer) in [("1", "one 1"), ("2", "two 2"), ("$LATEST", "two $LATEST")] {
        assert_eq!(invoke(client, Some(qualifier)).await.0, answer);
    }
    let mut answers = std::collections::BTreeSet::new();
    // One in 2^60 that one of them is never chosen.
    for _ in 0..60 {
        answers.insert(invoke(client, Some("live")).await.0);
    }
    assert_eq!(answers.into_iter().collect::<Vec<_>>(), ["one 1", "two 2"]);
    let event = client.invoke().function_name(NAME).invocation_type(InvocationType::Event);
    assert_eq!(event.send().await.unwrap().status_code(), 202);
}

async fn configure(client: &Client) {
    let put = client.put_function_concurrency().function_name(NAME);
    let put = put.reserved_concurrent_executions(0).send().await.unwrap();
    assert_eq!(put.reserved_concurrent_executions(), Some(0));
    let throttled = client.invoke().function_name(NAME).send().await.unwrap_err();
    assert!(throttled.as_service_error().unwrap().is_too_many_requests_exception());
    client.delete_function_concurrency().function_name(NAME).send().await.unwrap();

    let other = "arn:aws:lambda:us-east-1:000000000000:function:other";
    let failures = OnFailure::builder().destination(other).build();
    let config = client
        .put_function_event_invoke_config()
        .function_name(NAME)
        .maximum_retry_attempts(1)
        .destination_config(DestinationConfig::builder().on_failure(failures).build())
        .send()
        .await
        .unwrap();
    assert_eq!(config.maximum_retry_attempts(), Some(1));
    assert!(config.last_modified().is_some(), "a time that the SDK can read");

    client.tag_resource().resource(ARN).tags("new", "value").send().await.unwrap();
    client.untag_resource().resource(ARN).tag_keys("kept").send().await.unwrap();
    let tags = client.list_tags().resource(ARN).send().await.unwrap();
    assert_eq!(tags.tags().unwrap().get("new").map(String::as_str), Some("value"));
    assert_eq!(tags.tags().unwrap().len(), 1);

    let permission = client.add_permission().function_name(NAME).statement_id("s");
    let permission = permission.action("lambda:InvokeFunction").principal("s3.amazonaws.com");
    permission.send().await.unwrap();
    let policy = client.get_policy().function_name(NAME).send().await.unwrap();
    assert!(policy.policy().unwrap().contains("s3.amazonaws.com"));
    client.remove_permission().function_name(NAME).statement_id("s").send().await.unwrap();
}

async fn list_and_delete(client: &Client) {
    let versions = client.list_versions_by_function().function_name(NAME);
    let mut versions = versions.into_paginator().page_size(2).items().send();
    let mut seen = Vec::new();
    while let Some(version) = versions.next().await {
        seen.push(version.unwrap().version().unwrap().to_owned());
    }
    assert_eq!(seen, ["$LATEST", "1", "2"]);

    client.delete_alias().function_name(NAME).name("live").send().await.unwrap();
    client.delete_function().function_name(NAME).send().await.unwrap();
    let gone = client.get_function().function_name(NAME).send().await.unwrap_err();
    let gone = gone.as_service_error().unwrap();
    assert!(gone.is_resource_not_found_exception(), "{gone:?}");
    let message = gone.meta().message().unwrap();
    assert_eq!(message, format!("Function not found: {ARN}"));
}
