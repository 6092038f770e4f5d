//! The HTTP client of both AWS clients.

use std::sync::{Arc, OnceLock};

use aws_config::timeout::TimeoutConfig;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

/// A client with one pool of connections, built immediately. It ignores any other settings that an AWS client requests.
///
/// By default the AWS SDK builds three connectors for two clients, and each parses the system's trust roots.
pub fn http_client(timeouts: &TimeoutConfig) -> SharedHttpClient {
    let mut settings = HttpConnectorSettings::builder();
    settings.set_connect_timeout(timeouts.connect_timeout());
    settings.set_read_timeout(timeouts.read_timeout());
    let settings = settings.build();
    let pooled = connector(&settings, usize::MAX);
    let connections = Connections(Arc::new(Pools { pooled, unpooled: OnceLock::new(), settings }));
    let connector = SharedHttpConnector::new(connections);
    http_client_fn(move |_, _| connector.clone())
}

/// Takes a connection from the pool for a call's first attempt, and opens one for any other.
///
/// While Lambda freezes the process, the other side forgets idle connections. If the next segment on one gets
/// RST, the request is sent once more on a new connection, without drawing on the SDK's retry quota, which many dead
/// connections would exhaust. If it gets no response at all, the attempt times out, and the next one opens a connection; a
/// call that has no other attempt does so immediately. So however many idle connections are dead, no request fails for it.
#[derive(Debug)]
struct Connections(Arc<Pools>);

#[derive(Debug)]
struct Pools {
    pooled: Connector,
    unpooled: OnceLock<Connector>,
    settings: HttpConnectorSettings,
}

impl HttpConnector for Connections {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // The SDK's own header, for example `attempt=1; max=3`.
        let attempt = request.headers().get("amz-sdk-request").unwrap_or_default();
        let is_first_of_several = attempt.starts_with("attempt=1;") && !attempt.ends_with("max=1");
        let Some(again) = is_first_of_several.then(|| request.try_clone()).flatten() else {
            return self.0.unpooled().call(request);
        };
        let response = self.0.pooled.call(request);
        let pools = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            match response.await {
                Err(error) if error.is_io() => pools.unpooled().call(again).await,
                response => response,
            }
        })
    }
}

impl Pools {
    /// A connector that opens a connection for each request, built when it is first needed.
    fn unpooled(&self) -> &Connector {
        self.unpooled.get_or_init(|| connector(&self.settings, 0))
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
