//! The HTTP client of both AWS clients.

use std::sync::OnceLock;

use aws_config::timeout::TimeoutConfig;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

/// A client with one pool of connections, built immediately. It ignores any other settings that an AWS client asks for.
///
/// By default the AWS SDK builds three connectors for two clients, and each parses the system's trust roots.
pub fn http_client(timeouts: &TimeoutConfig) -> SharedHttpClient {
    let mut settings = HttpConnectorSettings::builder();
    settings.set_connect_timeout(timeouts.connect_timeout());
    settings.set_read_timeout(timeouts.read_timeout());
    let settings = settings.build();
    let pooled = connector(&settings, usize::MAX);
    let connector = SharedHttpConnector::new(Connections { pooled, unpooled: OnceLock::new(), settings });
    http_client_fn(move |_, _| connector.clone())
}

/// Takes a connection from the pool only for an attempt that another one can follow, and opens one for any other.
///
/// While Lambda freezes the process, the other side forgets idle connections. The next call on each of them fails, and if
/// a call has no more attempts than there are such connections, so does the request. Like this, a call meets at most one,
/// however many there are.
#[derive(Debug)]
struct Connections {
    pooled: Connector,
    unpooled: OnceLock<Connector>,
    settings: HttpConnectorSettings,
}

impl HttpConnector for Connections {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // The SDK's own header, for example `attempt=1; max=3`.
        let attempt = request.headers().get("amz-sdk-request").unwrap_or_default();
        if attempt.starts_with("attempt=1;") && !attempt.ends_with("max=1") {
            self.pooled.call(request)
        } else {
            self.unpooled.get_or_init(|| connector(&self.settings, 0)).call(request)
        }
    }
}

/// A connector that keeps this many idle connections for each host.
///
/// The AWS SDK's default TLS is rustls with AWS-LC, which gathers entropy from CPU jitter before the first handshake;
/// that takes several times as long as the rest of a cold start. rustls with ring does not, and is smaller.
fn connector(settings: &HttpConnectorSettings, idle_connections: usize) -> Connector {
    Connector::builder()
        .connector_settings(settings.clone())
        .proxy_config(ProxyConfig::from_env())
        .pool_max_idle_per_host(idle_connections)
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build()
}
