//! Who may call: credentials, and the verification of AWS Signature Version 4.

mod credentials;
mod sigv4;

pub use credentials::{Credentials, CredentialsError, TEST_KEY};
pub use sigv4::{Caller, Denied, SignedRequest, verify};
