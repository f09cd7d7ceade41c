//! What the client sends and where it finds out how: requests, signatures, credentials, regions, endpoints, TLS.
//!
//! Run by `cargo xtask test`, which keeps the playground up that these tests attach to.
