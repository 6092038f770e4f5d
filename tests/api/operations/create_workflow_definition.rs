//! CreateWorkflowDefinition.

use aws_sdk_novaact::operation::create_workflow_definition::CreateWorkflowDefinitionError;
use aws_sdk_novaact::types::{ValidationExceptionReason, WorkflowDefinitionStatus, WorkflowExportConfig};
use local::gateway::LOCAL_ACCOUNT;
use serde_json::{Value, json};

use crate::support::events::DEFINITIONS;
use crate::support::table::{attributes, text};
use crate::support::{ApiResponse, Clock, Fault, OTHER_ACCOUNT, TOKEN, TestApp};

const OTHER_TOKEN: &str = "another-client-token-of-36-characters";

/// A body with every member.
fn complete() -> Value {
    json!({
        "name": "flow",
        "description": "Books a flight",
        "exportConfig": {"s3BucketName": "exports", "s3KeyPrefix": "runs/2026"},
        "clientToken": TOKEN,
    })
}

async fn create(app: &TestApp, body: &Value) -> ApiResponse {
    app.send("PUT", DEFINITIONS, body.to_string()).await
}

#[tokio::test]
async fn a_definition_is_recorded_with_all_its_members() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    let export = WorkflowExportConfig::builder().s3_bucket_name("exports").s3_key_prefix("runs/2026").build().unwrap();
    let request = app.client().create_workflow_definition().name("flow").description("Books a flight");
    let output = request.export_config(export).client_token(TOKEN).send().await.unwrap();
    assert_eq!(output.status(), &WorkflowDefinitionStatus::Active);

    let item = app.definition_item(LOCAL_ACCOUNT, "flow").await;
    assert_eq!(
        attributes(&item),
        [
            "accountId",
            "clientToken",
            "createdAt",
            "definitionId",
            "description",
            "exportConfig",
            "listKey",
            "name",
            "pk",
            "requestId",
            "sortKey",
            "status"
        ]
    );
    let request_id = aws_sdk_novaact::operation::RequestId::request_id(&output).unwrap();
    for (attribute, value) in [
        ("accountId", LOCAL_ACCOUNT),
        ("name", "flow"),
        ("status", "ACTIVE"),
        ("description", "Books a flight"),
        ("clientToken", TOKEN),
        ("createdAt", "2026-01-01T00:00:00.000Z"),
        ("requestId", request_id),
        ("listKey", &format!("definitions/{LOCAL_ACCOUNT}")),
        ("sortKey", "2026-01-01T00:00:00.000Z/flow"),
    ] {
        assert_eq!(text(&item, attribute), value);
    }
    let export = item["exportConfig"].as_m().unwrap();
    assert_eq!((text(export, "s3BucketName"), text(export, "s3KeyPrefix")), ("exports", "runs/2026"));
    assert!(uuid::Uuid::parse_str(text(&item, "definitionId")).is_ok());
}

#[tokio::test]
async fn the_response_is_201_with_the_status_and_nothing_else() {
    let app = TestApp::start().await;
    create(&app, &complete()).await.assert_success(201, &json!({"status": "ACTIVE"}));
    create(&app, &json!({"name": "plain"})).await.assert_success(201, &json!({"status": "ACTIVE"}));
    let item = app.definition_item(LOCAL_ACCOUNT, "plain").await;
    for absent in ["description", "exportConfig", "deletedAt", "goneAt", "expiresAt"] {
        assert!(!item.contains_key(absent), "{item:?}");
    }
    assert!(uuid::Uuid::parse_str(text(&item, "clientToken")).is_ok());
    let bucket = json!({"name": "bucket", "exportConfig": {"s3BucketName": "exports"}});
    assert_eq!(create(&app, &bucket).await.status, 201);
    let item = app.definition_item(LOCAL_ACCOUNT, "bucket").await;
    assert_eq!(attributes(item["exportConfig"].as_m().unwrap()), ["s3BucketName"]);
}

#[tokio::test]
async fn every_definition_is_a_generation_of_its_own() {
    let app = TestApp::start().await;
    let ids = [app.definition_id(LOCAL_ACCOUNT, "demo").await, app.definition_id(OTHER_ACCOUNT, "demo").await];
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn every_field_that_fails_is_named_with_its_path() {
    let app = TestApp::start().await;
    let before = app.items("").await;
    let key_prefixes = ["", "/a", "a/", "a//b", "a b", &"a".repeat(101)];
    for (body, fields) in [
        (
            json!({
                "name": "a.b",
                "description": "",
                "exportConfig": {"s3BucketName": "A", "s3KeyPrefix": "/"},
                "clientToken": "short",
            }),
            ["name", "description", "exportConfig.s3BucketName", "exportConfig.s3KeyPrefix", "clientToken"].as_slice(),
        ),
        (json!({}), &["name"]),
        (json!({"name": null, "description": null, "exportConfig": null, "clientToken": null}), &["name"]),
        (json!({"name": "a".repeat(41)}), &["name"]),
        (json!({"name": "a\n"}), &["name"]),
        (json!({"name": "a", "description": "\u{1f600}".repeat(4_001)}), &["description"]),
        (json!({"name": "a", "exportConfig": {}}), &["exportConfig.s3BucketName"]),
        (json!({"name": "a", "exportConfig": {"s3BucketName": null}}), &["exportConfig.s3BucketName"]),
        (json!({"name": "a", "exportConfig": {"s3BucketName": "ab"}}), &["exportConfig.s3BucketName"]),
        (json!({"name": "a", "exportConfig": {"s3BucketName": "a".repeat(64)}}), &["exportConfig.s3BucketName"]),
        (json!({"name": "a", "exportConfig": {"s3BucketName": "bucket-"}}), &["exportConfig.s3BucketName"]),
    ] {
        create(&app, &body).await.assert_invalid(fields);
    }
    for prefix in key_prefixes {
        let body = json!({"name": "a", "exportConfig": {"s3BucketName": "exports", "s3KeyPrefix": prefix}});
        create(&app, &body).await.assert_invalid(&["exportConfig.s3KeyPrefix"]);
    }
    assert_eq!(app.items("").await, before);
}

#[tokio::test]
async fn the_longest_members_are_accepted() {
    let app = TestApp::start().await;
    let body = json!({
        "name": "n".repeat(40),
        "description": "\u{1f600}".repeat(4_000),
        "exportConfig": {"s3BucketName": "b".repeat(63), "s3KeyPrefix": "k".repeat(100)},
        "clientToken": "t".repeat(256),
    });
    assert_eq!(create(&app, &body).await.status, 201);
}

#[tokio::test]
async fn members_of_the_wrong_type_fail_by_name() {
    let app = TestApp::start().await;
    for wrong in [json!(1), json!(true), json!([]), json!(["a"]), json!({}), json!(1.5)] {
        let export = json!({"s3BucketName": wrong, "s3KeyPrefix": wrong});
        let body = json!({"name": wrong, "description": wrong, "exportConfig": export, "clientToken": wrong});
        let export = ["exportConfig.s3BucketName", "exportConfig.s3KeyPrefix"];
        create(&app, &body).await.assert_invalid(&["name", "description", export[0], export[1], "clientToken"]);
    }
    for wrong in [json!(1), json!("exports"), json!([]), json!(["exports"]), json!(false)] {
        create(&app, &json!({"name": "a", "exportConfig": wrong})).await.assert_invalid(&["exportConfig"]);
    }
}

#[tokio::test]
async fn the_real_client_reads_a_validation_error() {
    let app = TestApp::start().await;
    let export = WorkflowExportConfig::builder().s3_bucket_name("A").build().unwrap();
    let request = app.client().create_workflow_definition().name("a.b").export_config(export);
    let error = request.send().await.unwrap_err().into_service_error();
    let CreateWorkflowDefinitionError::ValidationException(error) = error else { panic!("{error:?}") };
    assert_eq!(error.reason(), &ValidationExceptionReason::FieldValidationFailed);
    let fields: Vec<_> = error.field_list().iter().map(|field| (field.name(), field.message())).collect();
    let pattern = "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]{1,40}";
    let length = "Member must have length between 3 and 63, inclusive";
    assert_eq!(fields, [("name", pattern), ("exportConfig.s3BucketName", length)]);
}

#[tokio::test]
async fn the_same_request_again_is_a_replay_and_changes_nothing() {
    let clock = Clock::new();
    let app = TestApp::start_at(&clock).await;
    create(&app, &complete()).await;
    let before = app.items("").await;
    clock.advance_seconds(1);
    for app in [&app, &app.other_process(LOCAL_ACCOUNT).await] {
        let replay = create(app, &complete()).await;
        assert_eq!((replay.status, &replay.body), (201, &json!({"status": "ACTIVE"})));
        assert_eq!(replay.header("idempotent-replayed"), Some("true"));
    }
    assert_eq!(app.items("").await, before);
}

#[tokio::test]
async fn the_same_token_with_other_parameters_conflicts() {
    let app = TestApp::start().await;
    create(&app, &complete()).await;
    let before = app.items("").await;
    for (pointer, value) in [
        ("/description", json!("Books a hotel")),
        ("/description", json!(null)),
        ("/exportConfig/s3BucketName", json!("elsewhere")),
        ("/exportConfig/s3KeyPrefix", json!("elsewhere")),
        ("/exportConfig/s3KeyPrefix", json!(null)),
        ("/exportConfig", json!(null)),
    ] {
        let mut changed = complete();
        *changed.pointer_mut(pointer).unwrap() = value;
        create(&app, &changed).await.assert_conflict("workflow-definition", "flow");
    }
    assert_eq!(app.items("").await, before);
}

#[tokio::test]
async fn a_name_that_is_taken_conflicts_for_every_other_token() {
    let app = TestApp::start().await;
    create(&app, &complete()).await;
    let before = app.items("").await;
    for token in [json!(OTHER_TOKEN), json!(TOKEN.to_uppercase()), json!(null)] {
        let mut other = complete();
        other["clientToken"] = token;
        create(&app, &other).await.assert_conflict("workflow-definition", "flow");
    }
    assert_eq!(app.items("").await, before);

    // The real client adds a random token.
    let error = app.client().create_workflow_definition().name("flow").send().await.unwrap_err().into_service_error();
    let CreateWorkflowDefinitionError::ConflictException(error) = error else { panic!("{error:?}") };
    assert_eq!((error.resource_id(), error.resource_type()), ("flow", "workflow-definition"));
}

#[tokio::test]
async fn one_token_may_create_definitions_of_several_names() {
    let app = TestApp::start().await;
    for name in ["one", "two"] {
        let response = create(&app, &json!({"name": name, "clientToken": TOKEN})).await;
        response.assert_success(201, &json!({"status": "ACTIVE"}));
    }
    assert_eq!(app.items(&format!("definition/{LOCAL_ACCOUNT}/")).await.len(), 3);
}

#[tokio::test]
async fn a_definition_that_is_being_deleted_conflicts_for_every_token() {
    let app = TestApp::start().await;
    create(&app, &complete()).await;
    app.delete_definition(LOCAL_ACCOUNT, "flow").await;
    for token in [TOKEN, OTHER_TOKEN] {
        let mut again = complete();
        again["clientToken"] = token.into();
        create(&app, &again).await.assert_conflict("workflow-definition", "flow");
    }
}

#[tokio::test]
async fn a_put_whose_response_was_lost_has_still_created_the_definition() {
    let app = TestApp::start().await;
    for (name, token) in [("one", json!(TOKEN)), ("two", json!(null))] {
        app.fail("PutItem", 1, Fault::Lost);
        let response = create(&app, &json!({"name": name, "clientToken": token})).await;
        response.assert_success(201, &json!({"status": "ACTIVE"}));
        assert_eq!(app.calls(), ["PutItem", "PutItem"]);
        assert_eq!(text(&app.definition_item(LOCAL_ACCOUNT, name).await, "name"), name);
    }
}
