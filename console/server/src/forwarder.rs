//! Signs any client's requests and forwards them to the endpoint.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnector as _, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_types::body::SdkBody;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, DATE,
    EXPECT, HOST, ORIGIN, REFERER, RETRY_AFTER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::signing::{SERVICE, Scope, sign};

/// The largest body that API Gateway accepts.
const LARGEST_BODY: usize = 10 << 20;

/// Headers that concern one connection.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    EXPECT,
];

/// Headers that the forwarder sets itself, or that the API should not see: a browser sends the cookies of every program
/// that has served a page from 127.0.0.1.
const REPLACED: [HeaderName; 9] = [
    AUTHORIZATION,
    CONTENT_LENGTH,
    COOKIE,
    HOST,
    ORIGIN,
    REFERER,
    HeaderName::from_static("x-amz-content-sha256"),
    HeaderName::from_static("x-amz-date"),
    HeaderName::from_static("x-amz-security-token"),
];

/// Headers of responses that clients of the API use, besides those of AWS, which begin with `x-amz`. All others are for
/// browsers, which would apply them to the console: `Set-Cookie`, `Refresh`, `Clear-Site-Data`, `Access-Control-*`,
/// `Reporting-Endpoints` and whatever comes next.
const RETURNED: [HeaderName; 7] = [
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    DATE,
    RETRY_AFTER,
    HeaderName::from_static("apigw-requestid"),
    HeaderName::from_static("idempotent-replayed"),
];

/// Signs requests for one endpoint and sends them there.
pub struct Forwarder {
    endpoint: Endpoint,
    region: String,
    credentials: Credentials,
    connector: SharedHttpConnector,
}

impl Forwarder {
    /// A forwarder for an endpoint in a Region, with this provider's credentials.
    pub fn new(endpoint: Endpoint, region: String, provider: SharedCredentialsProvider) -> Self {
        Self { endpoint, region, credentials: Credentials::new(provider), connector: connector() }
    }

    async fn send(&self, request: Request) -> Result<Response, Failure> {
        let (mut parts, body) = request.into_parts();
        let body = to_bytes(body, LARGEST_BODY).await.map_err(|_| Failure::Body)?;
        let path_and_query = parts.uri.path_and_query().map_or("/", |path_and_query| path_and_query.as_str());
        parts.uri =
            self.endpoint.url(path_and_query).map_err(Failure::unsignable)?.parse().map_err(Failure::unsignable)?;
        strip_request(&mut parts.headers);
        // The HTTP client omits it for an empty body, and some gateways respond to such a POST with 411.
        if parts.method != Method::GET && parts.method != Method::HEAD {
            parts.headers.insert(CONTENT_LENGTH, body.len().into());
        }
        let mut request = axum::http::Request::from_parts(parts, body);

        let credentials = self.credentials.get().await.map_err(|error| Failure::Credentials(causes(&error)))?;
        let scope = Scope { region: &self.region, service: SERVICE, time: SystemTime::now() };
        sign(&mut request, &scope, credentials).map_err(Failure::unsignable)?;

        let request = request.map(|body: Bytes| SdkBody::from(body)).try_into().map_err(Failure::unsignable)?;
        let response = self.connector.call(request).await;
        let response = response.map_err(|error| Failure::Unreachable(causes(&error)))?;
        let response = response.try_into_http1x().map_err(|error| Failure::Unreachable(error.to_string()))?;
        let mut response: Response = response.map(Body::new);
        strip_response(response.headers_mut());
        Ok(response)
    }
}

/// Forwards a request and returns the endpoint's response, or an error in the API's form.
pub async fn forward(State(forwarder): State<Arc<Forwarder>>, request: Request) -> Response {
    forwarder.send(request).await.unwrap_or_else(IntoResponse::into_response)
}

/// An HTTP client for reading credentials, with the forwarder's TLS roots and proxies.
pub fn http_client() -> SharedHttpClient {
    http_client_fn(|_, _| connector())
}

fn connector() -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(Duration::from_secs(5))
        // API Gateway times out after 29 seconds by default.
        .read_timeout(Duration::from_secs(35))
        .build();
    let connector = Connector::builder()
        .connector_settings(settings)
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build();
    SharedHttpConnector::new(connector)
}

fn strip_request(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
    for name in REPLACED {
        headers.remove(name);
    }
    let secs: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with("sec-")).cloned().collect();
    for name in secs {
        headers.remove(name);
    }
}

/// Removes the headers that concern one connection: the usual ones, and those that `Connection` names.
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Leaves what clients of the API use, and keeps a browser that opens a response from running it in the console's origin.
fn strip_response(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
    let is_returned = |name: &HeaderName| RETURNED.contains(name) || name.as_str().starts_with("x-amz");
    let others: Vec<HeaderName> = headers.keys().filter(|name| !is_returned(name)).cloned().collect();
    for name in others {
        headers.remove(name);
    }
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// An error and its causes in one line.
fn causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Why the endpoint sent no response.
enum Failure {
    Body,
    Credentials(String),
    Unsignable(String),
    Unreachable(String),
}

impl Failure {
    fn unsignable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unsignable(error.into().to_string())
    }
}

impl IntoResponse for Failure {
    /// Takes the form of the API's errors, so that clients show the message.
    fn into_response(self) -> Response {
        let (status, name, message) = match self {
            Self::Body => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLargeException",
                "the body is larger than 10 MB, or broke off".to_owned(),
            ),
            Self::Credentials(cause) => (
                StatusCode::UNAUTHORIZED,
                "NoCredentialsException",
                format!("the console has no AWS credentials: {cause}"),
            ),
            Self::Unsignable(cause) => (
                StatusCode::BAD_REQUEST,
                "UnsignableRequestException",
                format!("the console cannot sign this request: {cause}"),
            ),
            Self::Unreachable(cause) => (
                StatusCode::BAD_GATEWAY,
                "EndpointUnreachableException",
                format!("the console cannot reach the endpoint: {cause}"),
            ),
        };
        let body = json!({"__type": name, "message": message}).to_string();
        let headers = [("content-type", "application/json"), ("x-amzn-errortype", name)];
        (status, headers, body).into_response()
    }
}
