//! What the client sends and where it finds out how: requests, signatures, credentials, regions, endpoints, TLS, proxies, and the command that checks all of it.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

/// Where credentials come from: each source by its own file or protocol.
mod credentials;
/// `sqlambda doctor`: what it tells, and with whose environment.
mod doctor;
/// `sqlambda doctor`: each fault, made for real.
mod doctor_faults;
/// Credentials that expire, are refused as expired, or are not there at all.
mod expiry;
/// HTTP proxies: what goes through them, and what never does.
mod proxies;
/// SQL and Python call the same functions, and get the same.
mod python_clients;
/// Which region a call is signed for, and which endpoint it goes to.
mod regions;
/// The request, byte by byte.
mod request;
/// No secret is shown anywhere.
mod secrets;
/// Signatures and endpoints, compared with botocore's.
mod signature;
/// TLS: whom the client trusts, and how it keeps connections.
mod tls;

/// Python with botocore.
mod python;
/// Sessions, servers and files that several of these tests need.
mod support;
/// An `https` server with a certificate of its own.
mod tls_server;
