//! AWS Signature Version 4: the signature is computed again and compared.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SessionTokenMode, SignableBody, SignableRequest,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::{HeaderMap, Method, Uri, header};
use subtle::ConstantTimeEq as _;
use time::{Date, Month, PrimitiveDateTime, Time};

use super::Credentials;
use crate::limits::CLOCK_SKEW;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "lambda";

/// The parts of a request that a signature covers.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query as they came.
    pub uri: &'a Uri,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The whole body: clients need not send its hash, so it is always computed.
    pub body: &'a [u8],
}

/// Who signed a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The access key.
    pub access_key: String,
    /// The region of the credential scope, which is the region the caller means.
    pub region: String,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It is not signed.
    Unsigned,
    /// The access key is unknown.
    UnknownKey,
    /// The `Authorization` header is not complete; says what is wrong.
    Incomplete(String),
    /// The signature does not fit; says why, without anything secret.
    Signature(String),
    /// A page that a browser shows sent it; says what to do instead.
    Page(String),
}

/// Checks the signature of a request.
pub fn verify(
    request: SignedRequest<'_>,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<Caller, Denied> {
    let given = request.headers.get(header::AUTHORIZATION).ok_or(Denied::Unsigned)?;
    let given = given.to_str().map_err(|_| Denied::Incomplete("not text".to_owned()))?;
    let authorization = Authorization::parse(given)?;
    let scope = &authorization.scope;
    let secret = credentials.secret(scope.access_key).ok_or(Denied::UnknownKey)?;
    let date = date_header(request.headers)?;
    let signed_at = parse_date(date)
        .ok_or_else(|| Denied::Incomplete(format!("X-Amz-Date `{date}` is not a date")))?;
    check_scope(scope, date)?;
    check_skew(date, signed_at, now)?;
    let expected = signature(request, &authorization, secret, signed_at)?;
    if expected.as_bytes().ct_eq(authorization.signature.as_bytes()).into() {
        return Ok(Caller {
            access_key: scope.access_key.to_owned(),
            region: scope.region.to_owned(),
        });
    }
    Err(Denied::Signature(
        "The request signature we calculated does not match the signature you provided. Check your \
         AWS Secret Access Key and signing method. Consult the service documentation for details."
            .to_owned(),
    ))
}

/// The `Authorization` header, taken apart.
#[derive(Debug)]
struct Authorization<'a> {
    scope: Scope<'a>,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

#[derive(Debug)]
struct Scope<'a> {
    access_key: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Result<Self, Denied> {
        let Some(members) = header.strip_prefix(ALGORITHM) else {
            return Err(Denied::Incomplete(
                "Authorization header requires the algorithm AWS4-HMAC-SHA256.".to_owned(),
            ));
        };
        let member = |name: &str| {
            members
                .split(',')
                .filter_map(|part| part.trim().split_once('='))
                .find_map(|(key, value)| (key == name).then_some(value))
                .filter(|value| !value.is_empty())
                .ok_or_else(|| {
                    Denied::Incomplete(format!("Authorization header requires '{name}' parameter."))
                })
        };
        Ok(Self {
            scope: Scope::parse(member("Credential")?)?,
            signed_headers: member("SignedHeaders")?.split(';').collect(),
            signature: member("Signature")?,
        })
    }
}

impl<'a> Scope<'a> {
    /// `KEY/20261121/us-east-1/lambda/aws4_request`
    fn parse(credential: &'a str) -> Result<Self, Denied> {
        let mut parts = credential.rsplitn(5, '/');
        match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("aws4_request"), Some(service), Some(region), Some(date), Some(access_key)) => {
                Ok(Self { access_key, date, region, service })
            }
            _ => Err(Denied::Signature(
                "Credential must have five slash-delimited elements, for example \
                 KEY/YYYYMMDD/REGION/SERVICE/aws4_request."
                    .to_owned(),
            )),
        }
    }
}

fn date_header(headers: &HeaderMap) -> Result<&str, Denied> {
    headers.get("x-amz-date").and_then(|date| date.to_str().ok()).ok_or_else(|| {
        Denied::Incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
                .to_owned(),
        )
    })
}

fn check_scope(scope: &Scope<'_>, date: &str) -> Result<(), Denied> {
    if scope.service != SERVICE {
        return Err(Denied::Signature(format!(
            "Credential should be scoped to correct service: '{SERVICE}'."
        )));
    }
    if !date.starts_with(scope.date) || scope.date.len() != 8 {
        return Err(Denied::Signature(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
             HTTP: '{}' != '{}'.",
            scope.date,
            date.get(..8).unwrap_or(date)
        )));
    }
    Ok(())
}

fn check_skew(date: &str, signed_at: SystemTime, now: SystemTime) -> Result<(), Denied> {
    let early = signed_at.duration_since(now).unwrap_or_default();
    let late = now.duration_since(signed_at).unwrap_or_default();
    if late > CLOCK_SKEW {
        return Err(Denied::Signature(format!("Signature expired: {date} is too old (5 min.)")));
    }
    if early > CLOCK_SKEW {
        return Err(Denied::Signature(format!(
            "Signature not yet current: {date} is too far in the future (5 min.)"
        )));
    }
    Ok(())
}

/// What the signature should be, over just the headers that the caller says it signed.
fn signature(
    request: SignedRequest<'_>,
    authorization: &Authorization<'_>,
    secret: &str,
    signed_at: SystemTime,
) -> Result<String, Denied> {
    let headers = signed_headers(request, authorization)?;
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Double;
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    settings.session_token_mode = SessionTokenMode::Include;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Enabled;
    settings.excluded_headers = None;
    let identity = aws_credential_types::Credentials::new(
        authorization.scope.access_key,
        secret,
        None,
        None,
        "sqlambda",
    )
    .into();
    let unusable = |error: &dyn std::fmt::Display| Denied::Signature(error.to_string());
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(authorization.scope.region)
        .name(SERVICE)
        .time(signed_at)
        .settings(settings)
        .build()
        .map_err(|error| unusable(&error))?
        .into();
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
    let signable = SignableRequest::new(
        request.method.as_str(),
        format!("http://{}{path}", host.unwrap_or("localhost")),
        headers.into_iter(),
        SignableBody::Bytes(request.body),
    )
    .map_err(|error| unusable(&error))?;
    Ok(sign(signable, &params).map_err(|error| unusable(&error))?.into_parts().1)
}

/// The signed headers with their values. Those that make a signature worth something must be among
/// them: the host, the date, and every `x-amz-` header that was sent.
fn signed_headers<'a>(
    request: SignedRequest<'a>,
    authorization: &Authorization<'a>,
) -> Result<Vec<(&'a str, &'a str)>, Denied> {
    let signed = &authorization.signed_headers;
    let unsigned = request
        .headers
        .keys()
        .map(|name| name.as_str())
        .find(|name| (*name == "host" || name.starts_with("x-amz-")) && !signed.contains(name));
    if let Some(name) = unsigned {
        return Err(Denied::Signature(format!(
            "'{name}' must be a 'SignedHeader' in the AWS Authorization."
        )));
    }
    let mut headers = Vec::new();
    for name in signed {
        let values = request.headers.get_all(*name);
        for value in values {
            let value = value.to_str().map_err(|_| {
                Denied::Signature(format!("header '{name}' has characters beyond ASCII"))
            })?;
            headers.push((*name, value));
        }
        if request.headers.get(*name).is_none() {
            return Err(Denied::Signature(format!("the signed header '{name}' was not sent")));
        }
    }
    Ok(headers)
}

/// `20261121T101500Z`
fn parse_date(text: &str) -> Option<SystemTime> {
    let number = |range: std::ops::Range<usize>| -> Option<u16> {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    if text.len() != 16 || text.get(8..9) != Some("T") || !text.ends_with('Z') {
        return None;
    }
    let month = Month::try_from(u8::try_from(number(4..6)?).ok()?).ok()?;
    let small = |range| u8::try_from(number(range)?).ok();
    let date = Date::from_calendar_date(number(0..4)?.into(), month, small(6..8)?).ok()?;
    let time = Time::from_hms(small(9..11)?, small(11..13)?, small(13..15)?).ok()?;
    let seconds = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp();
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_strictly() {
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(parse_date("19700101T000001Z"), at(1));
        assert_eq!(parse_date("20150830T123600Z"), at(1_440_938_160));
        for bad in ["", "20150830T123600", "20150830 123600Z", "20151330T123600Z", "2015083éT2360"]
        {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_access_key_may_hold_slashes() {
        let scope = Scope::parse("a/b/20150830/us-east-1/lambda/aws4_request").unwrap();
        assert_eq!(scope.access_key, "a/b");
    }
}
