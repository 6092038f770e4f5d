//! What the function tells DynamoDB about itself.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::HeaderMap;
use local::{embedded, gateway};
use workflow_runs::{App, Sources};

use crate::lambda::event;
use crate::support::serve;

#[tokio::test]
async fn a_call_carries_one_short_user_agent_and_none_of_the_sdks_own() {
    let seen: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
    let sink = Arc::clone(&seen);
    let aws = Router::new().fallback(move |headers: HeaderMap| async move {
        sink.lock().unwrap().push(headers);
        "{}"
    });
    let config = embedded::config(&serve(aws).await);
    let app = Arc::new(App::new(config, Sources::default(), |_| ()));
    let event = event(0, "demo", r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}"#).to_string();
    gateway::invoke(app, event.as_bytes(), gateway::TIMEOUT).await.unwrap();

    let headers = seen.lock().unwrap().remove(0);
    assert_eq!(headers["x-amz-target"], "DynamoDB_20120810.BatchGetItem");
    assert_eq!(headers["user-agent"], concat!("workflow-runs/", env!("CARGO_PKG_VERSION"), " aws-sdk-rust"));
    for absent in ["x-amz-user-agent", "amz-sdk-invocation-id", "amz-sdk-request"] {
        assert_eq!(headers.get(absent), None);
    }
}
