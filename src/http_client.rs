//! The HTTP client of both AWS clients.

use std::{fs, time::Duration};

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};

/// A client with one connector, made now, for all who use it.
///
/// What the AWS SDK would do by itself is most of a cold start:
/// * It makes three connectors for two clients.
/// * It reads the system's trust roots from the bundle and from the directories where that same bundle lies. Here, the
///   bundle is read once (the one that `SSL_CERT_FILE` names, if it is set); the directories only if there is none.
/// * Its TLS, rustls with AWS-LC, gathers entropy from CPU jitter for some 40 ms before the first handshake, and is 2 MB
///   larger than rustls with ring.
pub fn new(connect_timeout: Duration) -> SharedHttpClient {
    let bundle = openssl_probe::probe().cert_file.and_then(|file| fs::read(file).ok());
    let roots = bundle.map_or_else(TrustStore::default, |pem| TrustStore::empty().with_pem_certificate(pem));
    let mut connector = Connector::builder()
        .connector_settings(HttpConnectorSettings::builder().connect_timeout(connect_timeout).build())
        .tls_provider(Provider::Rustls(CryptoMode::Ring));
    if let Ok(context) = TlsContext::builder().with_trust_store(roots).build() {
        connector = connector.tls_context(context);
    }
    let connector = SharedHttpConnector::new(connector.build());
    http_client_fn(move |_, _| connector.clone())
}
