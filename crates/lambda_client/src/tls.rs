//! TLS: which certificates are trusted, for our own connections and for those of `aws-config`.

use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::shared::IntoShared as _;
use lambda_core::InvokeError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme,
    WantsVerifier,
};

use crate::proxy::provider_proxy;

/// A file of certificates that replaces the system's (AWS SDKs and Tools Reference Guide).
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();

/// The configuration of our own connections. Certificates are read by the first `https` call,
/// never for `http`.
pub(crate) fn client_config() -> Result<Arc<ClientConfig>, InvokeError> {
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let config = client_config_with(|builder| {
        Ok(builder.with_root_certificates(trusted_roots()?).with_no_client_auth())
    })?;
    Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(config))))
}

fn client_config_with(
    trust: impl FnOnce(ConfigBuilder<ClientConfig, WantsVerifier>) -> Result<ClientConfig, InvokeError>,
) -> Result<ClientConfig, InvokeError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| setup_error(&error))?;
    let mut config = trust(builder)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn setup_error(error: &dyn std::error::Error) -> InvokeError {
    InvokeError::Client(format!("TLS could not be set up: {error}"))
}

/// The same trust, for one handshake whose certificate is to be told, also when it is refused.
pub(crate) fn recording_config() -> Result<(Arc<ClientConfig>, Arc<Shown>), InvokeError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(trusted_roots()?), provider)
            .build()
            .map_err(|error| setup_error(&error))?;
    let shown = Arc::new(Shown { verifier, certificate: Mutex::new(None) });
    let recorder = Arc::clone(&shown);
    let config = client_config_with(|builder| {
        Ok(builder.dangerous().with_custom_certificate_verifier(recorder).with_no_client_auth())
    })?;
    Ok((Arc::new(config), shown))
}

/// Passes every question on to the library's verifier, and keeps the certificate.
#[derive(Debug)]
pub(crate) struct Shown {
    verifier: Arc<WebPkiServerVerifier>,
    certificate: Mutex<Option<Vec<u8>>>,
}

impl Shown {
    /// The certificate that the peer showed, in DER.
    pub(crate) fn take(&self) -> Option<Vec<u8>> {
        self.certificate.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ServerCertVerifier for Shown {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.certificate.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(end_entity.as_ref().to_vec());
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Whose certificates are trusted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trust {
    /// Those of the file that `AWS_CA_BUNDLE` names, and no others.
    Bundle(String),
    /// The system's.
    System,
}

impl Trust {
    /// What this process trusts.
    #[must_use]
    pub fn of_process() -> Self {
        bundle_path().map_or(Self::System, |path| Self::Bundle(lambda_core::cut(&path, 200)))
    }
}

/// The HTTP client that `aws-config` uses for STS, SSO and metadata. It reads certificates only
/// when it makes its first request: the providers ask for their connections long before, even if
/// the credentials then come from the environment.
pub(crate) fn provider_client() -> SharedHttpClient {
    LazyClient.into_shared()
}

#[derive(Debug)]
struct LazyClient;

impl HttpClient for LazyClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        LazyConnector { settings: settings.clone(), components: components.clone() }.into_shared()
    }
}

#[derive(Debug)]
struct LazyConnector {
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for LazyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        static CLIENT: LazyLock<SharedHttpClient> = LazyLock::new(real_provider_client);
        CLIENT.http_connector(&self.settings, &self.components).call(request)
    }
}

/// Keeps one connector for each set of timeouts.
fn real_provider_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, _components| {
        let mut builder = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls_context())
            .proxy_config(provider_proxy());
        builder.set_connector_settings(settings.cloned());
        builder.build()
    })
}

/// `AWS_CA_BUNDLE` alone, if it is set. One that cannot be used leaves nothing trusted: the request
/// then fails with a TLS error rather than trusting what the user did not name.
fn tls_context() -> TlsContext {
    let Some(path) = bundle_path() else { return TlsContext::default() };
    let mut store = TrustStore::empty();
    // Checked first: the builder panics on what is no certificate.
    if let (Ok(_), Ok(pem)) = (read_bundle(&path), std::fs::read(&path)) {
        store = store.with_pem_certificate(pem);
    }
    TlsContext::builder().with_trust_store(store).build().unwrap_or_default()
}

fn trusted_roots() -> Result<RootCertStore, InvokeError> {
    if let Some(path) = bundle_path() {
        return read_bundle(&path);
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(InvokeError::Client(
            "No trusted CA certificate was found on this machine; install ca-certificates or set \
             AWS_CA_BUNDLE"
                .to_owned(),
        ));
    }
    Ok(roots)
}

/// An empty variable is as good as none.
fn bundle_path() -> Option<String> {
    std::env::var(CA_BUNDLE).ok().filter(|path| !path.is_empty())
}

/// The certificates of a bundle, all of them usable.
fn read_bundle(path: &str) -> Result<RootCertStore, InvokeError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| bundle_error(path, &error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| bundle_error(path, &error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(bundle_error(path, "it holds no PEM certificate"));
    }
    Ok(roots)
}

fn bundle_error(path: &str, cause: &str) -> InvokeError {
    let path = lambda_core::cut(path, 200);
    InvokeError::Client(format!("AWS_CA_BUNDLE '{path}' cannot be used: {cause}"))
}
