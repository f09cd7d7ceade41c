//! Keeps secrets out of errors. A service that refuses a signature repeats the signed headers, the
//! session token among them, and a proxy may repeat anything.

use aws_credential_types::Credentials;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, PROXY_AUTHORIZATION};
use lambda_core::InvokeError;

/// Shorter texts are no real secrets, and would turn up in words by chance. A message may have
/// been cut, so this much of a secret's beginning is enough to know it.
const KNOWN_BY: usize = 16;

/// What must not be repeated of one request.
pub(crate) struct Secrets {
    credentials: Credentials,
    authorization: Option<HeaderValue>,
    proxy_authorization: Option<HeaderValue>,
}

impl Secrets {
    /// The secrets of a request that was signed with `credentials`.
    pub(crate) fn of(credentials: Credentials, headers: &HeaderMap) -> Self {
        Self {
            credentials,
            authorization: headers.get(AUTHORIZATION).cloned(),
            proxy_authorization: headers.get(PROXY_AUTHORIZATION).cloned(),
        }
    }

    /// The error without them.
    pub(crate) fn hide_in(&self, mut error: InvokeError) -> InvokeError {
        match &mut error {
            InvokeError::Service { message, .. } => self.hide(message),
            InvokeError::Answer { excerpt, .. } | InvokeError::AnswerTooLarge { excerpt, .. } => {
                self.hide(excerpt);
            }
            InvokeError::Function { payload, .. } => self.hide(payload),
            _ => {}
        }
        error
    }

    fn signature(&self) -> Option<&str> {
        let authorization = self.authorization.as_ref()?.to_str().ok()?;
        authorization.split_once("Signature=").map(|(_, hex)| hex)
    }

    /// User name and password for the proxy, in base64.
    fn proxy_password(&self) -> Option<&str> {
        self.proxy_authorization.as_ref()?.to_str().ok()?.strip_prefix("Basic ")
    }

    fn hide(&self, text: &mut String) {
        let secrets = [
            self.credentials.session_token(),
            Some(self.credentials.secret_access_key()),
            self.signature(),
            self.proxy_password(),
        ];
        for secret in secrets.into_iter().flatten() {
            let Some(beginning) = secret.get(..KNOWN_BY) else { continue };
            while let Some(start) = text.find(beginning) {
                let found = text[start..].chars().zip(secret.chars());
                let same =
                    found.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>();
                text.replace_range(start..start + same, "(hidden)");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "IQoJb3JpZ2luX2VjE/abcdef+0123456789==";

    fn hidden(message: &str) -> String {
        let credentials = Credentials::new(
            "AKID",
            "a-secret-of-forty-characters",
            Some(TOKEN.to_owned()),
            None,
            "test",
        );
        let authorization = format!("AWS4-HMAC-SHA256 Signature={}", "0123456789abcdef".repeat(4));
        let authorization = HeaderValue::from_str(&authorization).ok();
        let proxy_authorization = Some(HeaderValue::from_static("Basic bWU6YS1sb25nLXBhc3N3b3Jk"));
        let secrets = Secrets { credentials, authorization, proxy_authorization };
        let error = InvokeError::Service {
            status: 403,
            code: String::new(),
            message: message.to_owned(),
            request_id: None,
            retry_after: None,
        };
        secrets.hide_in(error).to_string()
    }

    /// Whole, cut and repeated: none is left, and nothing else is taken.
    #[test]
    fn secrets_are_hidden() {
        assert_eq!(hidden("nothing here"), "nothing here");
        assert_eq!(
            hidden(&format!("'token:{TOKEN}' and {TOKEN}")),
            "'token:(hidden)' and (hidden)"
        );
        assert_eq!(hidden(&format!("cut {}...", &TOKEN[..20])), "cut (hidden)...");
        assert_eq!(hidden("é a-secret-of-forty-charactersé"), "é (hidden)é");
        assert_eq!(hidden(&"0123456789abcdef".repeat(4)), "(hidden)");
        assert_eq!(hidden("Basic bWU6YS1sb25nLXBhc3N3b3Jk"), "Basic (hidden)");
    }
}
