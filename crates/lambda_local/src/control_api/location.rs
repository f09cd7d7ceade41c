//! Where a function's code can be downloaded: an address of the service itself that works for ten
//! minutes without credentials, as AWS's does.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use sha2::Sha256;

use super::call::Call;
use crate::http_io::{Answer, complete};
use crate::invoke_api::ApiError;
use crate::limits::LOCATION_TIME;
use crate::model::{Record, Version};
use crate::service::Service;

const PREFIX: &str = "/_sqlambda/code/";

/// What the addresses are signed with. Made anew at every start.
#[derive(Clone)]
pub(crate) struct LocationKey([u8; 32]);

impl LocationKey {
    pub(crate) fn new() -> Self {
        let mut key = [0; 32];
        let random = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
        for (half, random) in key.chunks_mut(16).zip(random) {
            half.copy_from_slice(random.as_bytes());
        }
        Self(key)
    }

    fn hash(&self, path: &str, expires: u64) -> Option<Hmac<Sha256>> {
        let mut hash = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        hash.update(format!("{path} {expires}").as_bytes());
        Some(hash)
    }

    fn sign(&self, path: &str, expires: u64) -> Option<String> {
        let bytes = self.hash(path, expires)?.finalize().into_bytes();
        Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn is_valid(&self, path: &str, expires: u64, signature: &str) -> bool {
        self.sign(path, expires).is_some_and(|expected| {
            use subtle::ConstantTimeEq as _;
            expected.as_bytes().ct_eq(signature.as_bytes()).into()
        })
    }
}

impl std::fmt::Debug for LocationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocationKey")
    }
}

/// The address of a version's code.
pub(super) fn location(call: &Call<'_>, record: &Record, version: &Version) -> String {
    let path = format!("{PREFIX}{}/{}.zip", record.name, version.name().replace('$', "%24"));
    let expires = seconds(SystemTime::now() + LOCATION_TIME);
    let signature = call.service.location_key().sign(&path, expires).unwrap_or_default();
    format!("http://{}{path}?X-Amz-Expires={expires}&X-Amz-Signature={signature}", call.host)
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// Answers a request for code; nothing when it is another request.
pub(crate) fn download(service: &Arc<Service>, parts: &Parts) -> Option<Result<Answer, ApiError>> {
    let path = parts.uri.path();
    let wanted = path.strip_prefix(PREFIX).filter(|_| parts.method == Method::GET)?;
    let parameter = |name: &str| {
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        pairs.filter_map(|pair| pair.split_once('=')).find(|pair| pair.0 == name).map(|pair| pair.1)
    };
    let expires = parameter("X-Amz-Expires").and_then(|text| text.parse().ok()).unwrap_or(0);
    let signature = parameter("X-Amz-Signature").unwrap_or_default();
    if !service.location_key().is_valid(path, expires, signature) {
        return Some(Err(ApiError::access_denied("The address is not one of this service".into())));
    }
    if expires < seconds(SystemTime::now()) {
        return Some(Err(ApiError::access_denied("Request has expired".into())));
    }
    Some(read(service, wanted))
}

fn read(service: &Service, wanted: &str) -> Result<Answer, ApiError> {
    let gone = || ApiError::not_found("The code has been deleted".to_owned());
    let (name, version) = wanted.split_once('/').ok_or_else(gone)?;
    let version = version.trim_end_matches(".zip").replace("%24", "$");
    let record = service.functions().get(name).ok_or_else(gone)?;
    let code = &record.version(&version).ok_or_else(gone)?.code;
    let bytes = tokio::task::block_in_place(|| service.code().bytes(code))
        .map_err(|error| ApiError::service(format!("The code cannot be read: {error}")))?;
    let mut answer = complete(StatusCode::OK, bytes);
    let kind = HeaderValue::from_static("application/zip");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(answer)
}
