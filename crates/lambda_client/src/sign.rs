//! Signature Version 4 (AWS General Reference, "Signing AWS API requests").

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use lambda_core::{InvokeError, Region};

/// Adds date, token and `Authorization` to a request that is otherwise complete.
///
/// The path is encoded a second time for the signature, as all services but S3 want it: an ARN
/// travels as `%3A` and is signed as `%253A`.
pub(crate) fn sign_request(
    request: &mut Request<Full<Bytes>>,
    url: &str,
    body: &[u8],
    credentials: Credentials,
    region: &Region,
) -> Result<(), InvokeError> {
    let identity = credentials.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region.as_str())
        .name("lambda")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| failed(&error.to_string()))?
        .into();
    let headers = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let signable = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body))
        .map_err(|error| failed(&error.to_string()))?;
    let (instructions, _signature) =
        sign(signable, &params).map_err(|error| failed(&error.to_string()))?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}

fn failed(cause: &str) -> InvokeError {
    InvokeError::Client(format!("The request could not be signed: {cause}"))
}
