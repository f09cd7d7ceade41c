//! Who may call: credentials, the verification of AWS Signature Version 4, and what browsers may not.

mod browser;
mod credentials;
mod sigv4;

pub use browser::refuse_pages;
pub use credentials::{Credentials, CredentialsError, TEST_KEY};
pub use sigv4::{Caller, Denied, SignedRequest, verify};
