//! What the function tells DynamoDB about itself.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::HeaderMap;
use local::{embedded, gateway};
use workflow_runs::{Function, Sources};

use crate::lambda::event;
use crate::support::serve;

#[tokio::test]
async fn a_call_carries_one_short_user_agent_in_place_of_the_sdks_own() {
    let seen: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
    let sink = Arc::clone(&seen);
    let aws = Router::new().fallback(move |headers: HeaderMap| async move {
        sink.lock().unwrap().push(headers);
        "{}"
    });
    let config = embedded::config(&serve(aws).await);
    let function = Function::new(config, Sources::default(), Arc::new(|_: &[u8]| ()));
    let event = event(0, "demo", r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}"#).to_string();
    gateway::invoke(&function, event.as_bytes(), gateway::TIMEOUT).await.unwrap();

    let headers = seen.lock().unwrap().remove(0);
    assert_eq!(headers["x-amz-target"], "DynamoDB_20120810.BatchGetItem");
    assert_eq!(headers["user-agent"], concat!("workflow-runs/", env!("CARGO_PKG_VERSION"), " aws-sdk-rust"));
    assert_eq!(headers["amz-sdk-request"], "attempt=1; max=3");
    for absent in ["x-amz-user-agent", "amz-sdk-invocation-id"] {
        assert_eq!(headers.get(absent), None);
    }
}
