//! The HTTP client of both AWS clients.

use aws_config::timeout::TimeoutConfig;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};

/// A client with a single connector, built immediately. It ignores any other settings that an AWS client asks for.
///
/// By default the AWS SDK builds three connectors for two clients, and each parses the system's trust roots. Its TLS is
/// rustls with AWS-LC, which gathers entropy from CPU jitter before the first handshake; that takes several times as
/// long as the rest of a cold start. rustls with ring does not, and is smaller.
pub fn http_client(timeouts: &TimeoutConfig) -> SharedHttpClient {
    let mut settings = HttpConnectorSettings::builder();
    settings.set_connect_timeout(timeouts.connect_timeout());
    settings.set_read_timeout(timeouts.read_timeout());
    let connector = Connector::builder()
        .connector_settings(settings.build())
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build();
    let connector = SharedHttpConnector::new(connector);
    http_client_fn(move |_, _| connector.clone())
}
