//! The console as a whole, in front of an API that records its requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::provider::{SharedCredentialsProvider, error::CredentialsError, future};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::{Builder, Parts};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::*;

const LARGEST_BODY: usize = 10 << 20;

/// An API that responds to each request with `418`, and keeps it.
#[derive(Clone, Default)]
struct Upstream {
    asked: Arc<Mutex<Vec<(Parts, Bytes)>>>,
    go_on: Arc<Notify>,
}

impl Upstream {
    async fn respond(State(upstream): State<Self>, request: Request) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let is_slow = parts.uri.path().ends_with("/slow");
        upstream.asked.lock().unwrap().push((parts, body));
        let response = Response::builder()
            .status(418)
            .header("retry-after", "7")
            .header("x-amzn-errortype", "TeapotException")
            .header("x-of-this-hop", "1")
            .header("connection", "x-of-this-hop")
            .header("apigw-requestid", "gateway")
            .header("x-amzn-requestid", "function")
            .header("access-control-allow-origin", "*")
            .header("clear-site-data", "\"*\"")
            .header("content-security-policy-report-only", "default-src 'none'; report-uri http://example.com")
            .header("link", "<http://example.com>; rel=preconnect")
            .header("refresh", "0; url=http://example.com")
            .header("reporting-endpoints", "default=\"http://example.com\"")
            .header("set-cookie", "a=b");
        if !is_slow {
            return response.body("short and stout".into()).unwrap();
        }
        let chunks = futures_util::stream::unfold(0, move |number| {
            let go_on = upstream.go_on.clone();
            async move {
                if number == 1 {
                    go_on.notified().await;
                }
                (number < 2).then(|| (Ok::<_, std::io::Error>(Bytes::from(format!("chunk {number};"))), number + 1))
            }
        });
        response.body(Body::from_stream(chunks)).unwrap()
    }

    fn last(&self) -> (Parts, Bytes) {
        self.asked.lock().unwrap().pop().expect("the API has been asked")
    }
}

/// A running console.
struct Console {
    upstream: Upstream,
    port: u16,
    path: String,
    client: Client<HttpConnector, Body>,
}

#[derive(Debug)]
struct NoCredentials;

impl aws_credential_types::provider::ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("nobody is signed in")))
    }
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

impl Console {
    async fn start() -> Self {
        let upstream = Upstream::default();
        let (listener, port) = listen().await;
        let api = Router::new().fallback(Upstream::respond).with_state(upstream.clone());
        tokio::spawn(async move { axum::serve(listener, api).await });
        let key =
            aws_credential_types::Credentials::new("AKIDEXAMPLE", "secret", Some("token".to_owned()), None, "test");
        Self::in_front_of(&format!("http://127.0.0.1:{port}/prod"), SharedCredentialsProvider::new(key), upstream).await
    }

    async fn in_front_of(endpoint: &str, credentials: SharedCredentialsProvider, upstream: Upstream) -> Self {
        let (listener, port) = listen().await;
        let secret = Secret::new(port);
        let path = secret.url().split_once(&port.to_string()).unwrap().1.to_owned();
        let forwarder = Forwarder::new(endpoint.parse().unwrap(), "eu-west-1".to_owned(), credentials);
        let app = app(secret, Settings::new(Some(endpoint), None), forwarder);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { upstream, port, path, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// A request of a client that knows the address.
    fn request(&self, method: Method, path: &str) -> Builder {
        Request::builder().method(method).uri(format!("http://127.0.0.1:{}{}{path}", self.port, self.path))
    }

    async fn send(&self, request: Builder, body: impl Into<Body>) -> Response<Body> {
        self.client.request(request.body(body.into()).unwrap()).await.unwrap().map(Body::new)
    }

    async fn status(&self, request: Builder) -> StatusCode {
        self.send(request, "").await.status()
    }
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().into()).unwrap()
}

#[tokio::test]
async fn without_the_secret_every_path_is_a_404() {
    let console = Console::start().await;
    let secret = console.path.trim_matches('/');
    let other = Secret::new(0).url();
    let other = other.trim_end_matches('/').rsplit_once('/').unwrap().1;
    for path in [
        "/".to_owned(),
        "/console/console.css".to_owned(),
        "/workflow-definitions".to_owned(),
        format!("/{other}/"),
        format!("/{}/", &secret[1..]),
        format!("/{secret}0/"),
        format!("//{secret}/"),
        format!("/x/../{secret}/"),
        format!("/?/{secret}/"),
        format!("/{}/", secret.to_uppercase()),
    ] {
        let request = Request::get(format!("http://127.0.0.1:{}{path}", console.port)).header("accept", "text/html");
        let response = console.send(request, "").await;
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(text(response).await, "", "{path}");
    }
    assert_eq!(console.upstream.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_page_from_elsewhere_gets_nothing_even_if_it_knows_the_secret() {
    let console = Console::start().await;
    let own = format!("http://127.0.0.1:{}", console.port);
    let localhost = format!("localhost:{}", console.port);
    for (name, value, passes) in [
        ("origin", own.as_str(), true),
        ("origin", "http://127.0.0.1:1", false),
        ("origin", &format!("http://{localhost}"), false),
        ("origin", &format!("https://127.0.0.1:{}", console.port), false),
        ("origin", "http://example.com", false),
        ("origin", "null", false),
        ("host", &localhost, true),
        ("host", "127.0.0.1", false),
        ("host", &format!("rebound.example.com:{}", console.port), false),
        ("host", &format!("127.0.0.1.example.com:{}", console.port), false),
        ("host", &format!("127.0.0.1:{0}@example.com:{0}", console.port), false),
        ("sec-fetch-site", "same-origin", true),
        ("sec-fetch-site", "none", true),
        ("sec-fetch-site", "same-site", false),
        ("sec-fetch-site", "cross-site", false),
    ] {
        for path in ["", "workflow-definitions"] {
            let request = console.request(Method::GET, path).header("accept", "text/html").header(name, value);
            let status = console.status(request).await;
            assert_eq!(status != 404, passes, "{name}: {value}: {status}");
        }
    }
    let twice = console.request(Method::POST, "").header("origin", &own).header("origin", &own);
    assert_eq!(console.status(twice).await, 404);
}

#[tokio::test]
async fn the_page_has_its_policy_and_everything_else_goes_to_the_api() {
    let console = Console::start().await;
    let html = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
    let page = console.send(console.request(Method::GET, "").header("accept", html), "").await;
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(page.headers()[name], value);
    }
    let page = text(page).await;
    for file in page.split('"').filter(|part| part.starts_with("console/")) {
        assert_eq!(console.status(console.request(Method::GET, file)).await, 200, "{file}");
    }
    let settings = text(console.send(console.request(Method::GET, "console/settings.json"), "").await).await;
    assert!(settings.contains(r#""endpoint":"http://127.0.0.1"#), "{settings}");
    // A browser also finds the page at the address for other clients, which has no trailing slash.
    let address = format!("http://127.0.0.1:{}{}", console.port, console.path.trim_end_matches('/'));
    let response = console.send(Request::get(&address), "").await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (307, &HeaderValue::try_from(format!("{address}/")).unwrap())
    );

    assert_eq!(console.upstream.asked.lock().unwrap().len(), 0);
    for (method, path) in [(Method::GET, ""), (Method::PUT, "console/console.css"), (Method::GET, "console/unknown")] {
        assert_eq!(console.status(console.request(method, path)).await, 418, "{path}");
    }
}

#[tokio::test]
async fn a_request_is_signed_and_otherwise_forwarded_unchanged() {
    let console = Console::start().await;
    let path = "workflow-definitions/a%20b/x//y?nextToken=%2F%2b+a&maxResults=1&&flag";
    let request = console
        .request(Method::PUT, path)
        .header("content-type", "application/json")
        .header("x-amz-user-agent", "test")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=THEIRS/20260101/us-east-1/nova-act/aws4_request")
        .header("x-amz-date", "20260101T000000Z")
        .header("x-amz-security-token", "theirs")
        .header("x-amz-content-sha256", "theirs")
        .header("cookie", "session=1")
        .header("x-of-that-hop", "1")
        .header("connection", "x-of-that-hop")
        .header("te", "trailers")
        .header("sec-fetch-mode", "cors")
        .header("x-kept", "1");
    let response = console.send(request, r#"{"a": 1}"#).await;
    assert_eq!(response.status(), 418);

    let (parts, body) = console.upstream.last();
    assert_eq!(parts.method, Method::PUT);
    assert_eq!(parts.uri.to_string(), format!("/prod/{path}"));
    assert_eq!(body, r#"{"a": 1}"#);
    let authorization = parts.headers["authorization"].to_str().unwrap();
    assert!(authorization.contains("AKIDEXAMPLE/") && authorization.contains("/eu-west-1/execute-api/aws4_request"));
    assert!(
        authorization.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-user-agent,"),
        "{authorization}"
    );
    assert_eq!(parts.headers["x-amz-security-token"], "token");
    assert_ne!(parts.headers["x-amz-date"], "20260101T000000Z");
    assert_eq!(parts.headers["x-kept"], "1");
    assert!(parts.headers["host"].to_str().unwrap() != format!("127.0.0.1:{}", console.port));
    for name in ["x-amz-content-sha256", "cookie", "x-of-that-hop", "te", "sec-fetch-mode", "connection"] {
        assert!(!parts.headers.contains_key(name), "{name}");
    }

    // A list without options has an empty body.
    console.send(console.request(Method::POST, "workflow-definitions"), "").await;
    let (parts, body) = console.upstream.last();
    assert_eq!((parts.headers.get("content-length").map(HeaderValue::as_bytes), body.len()), (Some(&b"0"[..]), 0));

    assert_eq!(text(response).await, "short and stout");
}

#[tokio::test]
async fn a_response_has_the_headers_of_the_api_and_none_that_act_on_a_browser() {
    let console = Console::start().await;
    let response = console.send(console.request(Method::GET, "workflow-definitions"), "").await;
    let mut headers: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
    headers.sort_unstable();
    let passed =
        ["apigw-requestid", "content-length", "date", "retry-after", "x-amzn-errortype", "x-amzn-requestid"].as_slice();
    let added = ["content-security-policy", "x-content-type-options"].as_slice();
    let mut expected = [passed, added].concat();
    expected.sort_unstable();
    assert_eq!(headers, expected);
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(response.headers()["x-amzn-errortype"], "TeapotException");
    // A browser that opens a response runs nothing in it.
    assert_eq!(response.headers()["content-security-policy"], "default-src 'none'; sandbox");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn a_path_that_could_leave_the_stage_is_rejected() {
    let console = Console::start().await;
    for path in ["../test/workflow-definitions", "workflow-definitions/%2e%2E/%2E./test", "..", "a/..%2f..%2ftest"] {
        let response = console.send(console.request(Method::GET, path), "").await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-amzn-errortype"]),
            (400, &HeaderValue::from_static("UnsignableRequestException")),
            "{path}"
        );
    }
    assert_eq!(console.upstream.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn the_address_that_a_browser_is_started_with_leads_to_the_console_once() {
    let (listener, port) = listen().await;
    let secret = Secret::new(port);
    let (console, once) = (secret.url(), secret.url_for_once());
    assert!(!once.contains(console.trim_end_matches('/').rsplit_once('/').unwrap().1));
    let router = Router::new().layer(from_fn_with_state(Arc::new(secret), secret::check));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = Client::builder(TokioExecutor::new()).build_http();
    let get = async |url: &str, origin: Option<&str>| {
        let request = Request::get(url).header("origin", origin.unwrap_or(&format!("http://127.0.0.1:{port}")));
        let response = client.request(request.body(Body::empty()).unwrap()).await.unwrap();
        (response.status().as_u16(), response.headers().get("location").cloned())
    };
    assert_eq!(get(&once, Some("http://example.com")).await, (404, None));
    assert_eq!(get(&format!("{once}0"), None).await, (404, None));
    assert_eq!(get(&once, None).await, (307, Some(console.parse().unwrap())));
    assert_eq!(get(&once, None).await, (404, None));
}

#[tokio::test]
async fn a_response_is_streamed_as_it_arrives() {
    let console = Console::start().await;
    let response = console.send(console.request(Method::GET, "slow"), "").await;
    let mut chunks = response.into_body().into_data_stream();
    let mut next = async || {
        let chunk = futures_util::StreamExt::next(&mut chunks);
        tokio::time::timeout(Duration::from_secs(10), chunk).await.unwrap().map(Result::unwrap)
    };
    assert_eq!(next().await.unwrap(), "chunk 0;");
    console.upstream.go_on.notify_one();
    assert_eq!(next().await.unwrap(), "chunk 1;");
    assert_eq!(next().await, None);
}

#[tokio::test]
async fn a_body_of_up_to_10_mb_is_accepted() {
    let console = Console::start().await;
    for (length, status) in [(LARGEST_BODY, 418), (LARGEST_BODY + 1, 413)] {
        let response = console.send(console.request(Method::PUT, "x"), vec![b' '; length]).await;
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn errors_of_the_console_look_like_those_of_the_api() {
    let nobody = SharedCredentialsProvider::new(NoCredentials);
    let (listener, port) = listen().await;
    drop(listener);
    let endpoint = format!("http://127.0.0.1:{port}");
    let key = SharedCredentialsProvider::new(aws_credential_types::Credentials::new("a", "b", None, None, "test"));
    for (credentials, status, name, cause) in [
        (nobody, 401, "NoCredentialsException", "nobody is signed in"),
        (key, 502, "EndpointUnreachableException", "refused"),
    ] {
        let console = Console::in_front_of(&endpoint, credentials, Upstream::default()).await;
        let response = console.send(console.request(Method::GET, "workflow-definitions/demo"), "").await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-amzn-errortype"]),
            (status, &HeaderValue::from_static(name))
        );
        let body = text(response).await;
        assert!(body.contains(name) && body.contains(cause), "{body}");
    }
}

#[tokio::test]
async fn the_door_leads_in_again_after_it_has_been_used() {
    let (listener, port) = listen().await;
    let secret = Secret::new(port);
    let console = secret.url();
    let path = std::env::temp_dir().join(format!("door-{port}"));
    secret.open_door(path.clone()).unwrap();
    let router = Router::new().layer(from_fn_with_state(Arc::new(secret), secret::check));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let mut addresses = Vec::new();
    for _ in 0..2 {
        let address = door::find(Some(&path), "1f0c").unwrap();
        let response = client.get(address.parse().unwrap()).await.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["location"]), (307, &console.parse().unwrap()));
        addresses.push(address);
    }
    assert_ne!(addresses[0], addresses[1]);
    assert_eq!(client.get(addresses[0].parse().unwrap()).await.unwrap().status(), 404);
    std::fs::remove_file(path).unwrap();
}
