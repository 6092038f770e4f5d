//! The caller of a request: the account that signed it, and what happens to an unsigned one.

use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};
use workflow_runs::model::AccountId;
use workflow_runs::{Config, Sources};

use crate::support::events::{self, runs};
use crate::support::{ApiResponse, OTHER_ACCOUNT, TestApp};

/// The event of a create without a token.
fn create(make: fn(&str, &str, &str, &str) -> Value) -> Value {
    make(LOCAL_ACCOUNT, "PUT", &runs("demo"), r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1}}"#)
}

#[tokio::test]
async fn the_caller_is_the_account_that_signed_the_request() {
    let app = TestApp::start().await;
    app.define("111111111111", "demo").await;
    for make in [events::rest, events::http] {
        let mut event = create(make);
        event["requestContext"]["accountId"] = "222222222222".into();
        for pointer in ["/requestContext/identity/accountId", "/requestContext/authorizer/iam/accountId"] {
            if let Some(signer) = event.pointer_mut(pointer) {
                *signer = "111111111111".into();
            }
        }
        let before = app.items("run/111111111111/").await.len();
        assert_eq!(app.invoke(&event).await["statusCode"], 201);
        assert_eq!(app.items("run/111111111111/").await.len(), before + 1);
    }
}

/// Events of requests that no AWS account has signed: without authorization, and by other kinds of it.
fn unsigned() -> Vec<Value> {
    let mut unsigned = Vec::new();
    for signer in [Value::Null, json!("")] {
        let mut event = create(events::rest);
        event["requestContext"]["identity"]["accountId"] = signer.clone();
        unsigned.push(event);
        let mut event = create(events::http);
        event["requestContext"]["authorizer"]["iam"]["accountId"] = signer;
        unsigned.push(event);
    }
    for authorizer in
        [Value::Null, json!({"jwt": {"claims": {"sub": "1"}, "scopes": null}}), json!({"lambda": {"a": "b"}})]
    {
        let mut event = create(events::http);
        event["requestContext"]["authorizer"] = authorizer;
        unsigned.push(event);
    }
    let mut event = create(events::rest);
    event["requestContext"]["identity"] = json!({"sourceIp": "192.0.2.1"});
    event["requestContext"]["authorizer"] = json!({"claims": {"sub": "1"}, "principalId": "1"});
    unsigned.push(event);
    unsigned
}

#[tokio::test]
async fn an_unsigned_request_is_rejected_and_leaves_nothing_behind() {
    let app = TestApp::start().await;
    for event in unsigned() {
        let response = ApiResponse::of_proxy_response(&app.invoke(&event).await);
        response.assert_error(403, "AccessDeniedException", json!({}));
    }
    assert_eq!(app.calls(), Vec::<String>::new());
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn an_unsigned_request_acts_for_the_configured_account_if_there_is_one() {
    let configure = |config| Config { unsigned_account_id: AccountId::parse(OTHER_ACCOUNT), ..config };
    let app = TestApp::start_with(Sources::default(), configure).await;
    let events = unsigned();
    for event in &events {
        assert_eq!(app.invoke(event).await["statusCode"], 201, "{event}");
    }
    assert_eq!(app.items(&format!("run/{OTHER_ACCOUNT}/")).await.len(), events.len());
    assert_eq!(app.items("run/").await.len(), events.len());
}
