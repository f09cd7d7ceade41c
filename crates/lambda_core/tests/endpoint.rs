//! Endpoints: a region's own, and one that somebody configured.
//!
//! That the hosts are those of AWS's own tools, for every region there is, is shown in
//! `crates/e2e/tests/client/signature.rs`; here stands one region of each partition.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

use lambda_core::{Endpoint, EndpointVariant};
use proptest::prelude::*;

/// The host of each partition, plain and dual-stack.
#[test]
fn every_partition_has_its_own_suffix() {
    for (region, suffix, dual_stack) in [
        ("us-east-1", "amazonaws.com", "api.aws"),
        ("us-gov-west-1", "amazonaws.com", "api.aws"),
        ("cn-north-1", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
        ("eusc-de-east-1", "amazonaws.eu", "api.amazonwebservices.eu"),
        ("us-iso-east-1", "c2s.ic.gov", "api.aws.ic.gov"),
        ("us-isob-east-1", "sc2s.sgov.gov", "api.aws.scloud"),
        ("eu-isoe-west-1", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
        ("us-isof-south-1", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
        ("eu-isof-west-1", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    ] {
        for (fips, dual, service, suffix) in [
            (false, false, "lambda", suffix),
            (true, false, "lambda-fips", suffix),
            (false, true, "lambda", dual_stack),
            (true, true, "lambda-fips", dual_stack),
        ] {
            let variant = EndpointVariant { fips, dual_stack: dual };
            let endpoint = Endpoint::of_region(&region.parse().unwrap(), variant);
            assert_eq!(endpoint.to_string(), format!("https://{service}.{region}.{suffix}"));
        }
    }
}

/// What is accepted, and how it is written.
#[test]
fn configured_endpoints_are_read() {
    for (text, written, path) in [
        ("http://127.0.0.1:9001", "http://127.0.0.1:9001", ""),
        ("http://127.0.0.1:9001/", "http://127.0.0.1:9001", ""),
        ("HTTPS://Example.COM", "https://example.com", ""),
        (
            "https://vpce-1.lambda.us-east-1.vpce.amazonaws.com",
            "https://vpce-1.lambda.us-east-1.vpce.amazonaws.com",
            "",
        ),
        ("http://[::1]:80/a/b-c_d~e.f//", "http://[::1]:80/a/b-c_d~e.f", "/a/b-c_d~e.f"),
        ("http://[0:0:0:0:0:0:0:1]", "http://[::1]", ""),
        ("https://host.:65535", "https://host.:65535", ""),
        ("http://my_service:1", "http://my_service:1", ""),
    ] {
        let endpoint = Endpoint::parse(text).unwrap_or_else(|rule| panic!("{text}: {rule}"));
        assert_eq!(endpoint.to_string(), written, "{text}");
        assert_eq!(endpoint.path, path, "{text}");
    }
}

/// What is refused, and by which rule.
#[test]
fn hostile_endpoints_are_refused() {
    for (text, rule) in [
        ("", "begin with http"),
        ("127.0.0.1:9001", "begin with http"),
        ("ftp://host", "begin with http"),
        (" http://host", "begin with http"),
        ("file:///etc/passwd", "begin with http"),
        ("http://", "name a host"),
        ("http:///path", "name a host"),
        ("http://user@host", "user name or password"),
        ("http://user:secret@host", "user name or password"),
        ("http://host?x=1", "query or a fragment"),
        ("http://host/?x", "query or a fragment"),
        ("http://host/#x", "query or a fragment"),
        ("http://host#@evil.com", "query or a fragment"),
        ("http://host/../x", "its path"),
        ("http://host/./x", "its path"),
        ("http://host/a%2e%2e", "its path"),
        ("http://host/a b", "its path"),
        ("http://host/a\r\nX: y", "its path"),
        ("http://host/a\\b", "its path"),
        ("http://host:", "port"),
        ("http://host:0", "port"),
        ("http://host:65536", "port"),
        ("http://host:+80", "port"),
        ("http://host:8o", "port"),
        ("http://host:80:90", "name a host"),
        ("http://ho st", "name a host"),
        ("http://host\\evil", "name a host"),
        ("http://host\r\nX: y", "port"),
        ("http://host\r\n", "name a host"),
        ("http://host%00", "name a host"),
        ("http://ho..st", "name a host"),
        ("http://host..", "name a host"),
        ("http://.", "name a host"),
        ("http://.host", "name a host"),
        ("http://höst", "name a host"),
        ("http://[::1", "name a host"),
        ("http://::1", "name a host"),
        ("http://[::1]x", "name a host"),
        ("http://[::1]x:80", "name a host"),
        ("http://[127.0.0.1]", "must be IPv6"),
        ("http://[::1%25lo]", "must be IPv6"),
        ("http://[]", "must be IPv6"),
    ] {
        match Endpoint::parse(text) {
            Ok(endpoint) => panic!("{text:?} was read as {endpoint}"),
            Err(said) => assert!(said.contains(rule), "{text:?}: {said}"),
        }
    }
    let label = "a".repeat(64);
    assert!(Endpoint::parse(&format!("http://{label}")).is_err());
    assert!(Endpoint::parse(&format!("http://{}", vec!["a"; 128].join("."))).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// What is accepted is written so that it is read again as the same endpoint, and cannot break
    /// out of a request line or a header.
    #[test]
    fn accepted_endpoints_are_harmless(text in "https?://[a-z0-9.:@\\[\\]-]{0,12}(:[0-9]{1,3})?(/[a-z.~%?#é \r\n-]{0,6})?") {
        if let Ok(endpoint) = Endpoint::parse(&text) {
            let written = endpoint.to_string();
            prop_assert_eq!(Endpoint::parse(&written), Ok(endpoint));
            prop_assert!(written.bytes().all(|b| b.is_ascii_graphic()), "{:?}", written);
            prop_assert!(!written.contains(['@', '?', '#', '%', '\\']), "{:?}", written);
        }
    }
}
