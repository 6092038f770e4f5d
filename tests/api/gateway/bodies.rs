//! Bodies that no client would send.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn null_is_the_same_as_absent() {
    let app = TestApp::start().await;
    let response = app.put(r#"{"clientInfo": null, "modelId": null, "clientToken": null, "logGroupName": null}"#).await;
    assert_eq!(response.failed_fields(), ["clientInfo", "modelId"]);
    let info = r#"{"compatibilityVersion": 1, "sdkVersion": null}"#;
    let response = app
        .put(format!(r#"{{"clientInfo": {info}, "modelId": "m", "clientToken": null, "logGroupName": null}}"#))
        .await;
    assert_eq!(response.status, 201, "{response:?}");
}

#[tokio::test]
async fn members_of_the_wrong_type_fail_by_name() {
    let app = TestApp::start().await;
    for wrong in ["1", "true", "[]", r#"["m"]"#, "{}", "1.5", r#""\ud800""#] {
        let bad = format!(
            r#"{{"modelId": {wrong}, "clientToken": {wrong}, "logGroupName": {wrong},
                "clientInfo": {{"compatibilityVersion": 1, "sdkVersion": {wrong}}}}}"#
        );
        let response = app.put(bad).await;
        assert_eq!(response.status, 400, "{wrong}");
        assert_eq!(response.failed_fields(), ["clientInfo.sdkVersion", "clientToken", "logGroupName", "modelId"]);
    }
    for wrong in ["1", r#""x""#, "[]", "[1, null]", "false"] {
        let response = app.put(format!(r#"{{"modelId": "m", "clientInfo": {wrong}}}"#)).await;
        assert_eq!((response.status, response.failed_fields()), (400, vec!["clientInfo"]), "{wrong}");
    }
    for wrong in ["1.0", "1e2", r#""1""#, "2147483648", "-2147483649", "[1]", "true", "{}"] {
        let response =
            app.put(format!(r#"{{"modelId": "m", "clientInfo": {{"compatibilityVersion": {wrong}}}}}"#)).await;
        assert_eq!(
            (response.status, response.failed_fields()),
            (400, vec!["clientInfo.compatibilityVersion"]),
            "{wrong}"
        );
    }
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn a_compatibility_version_is_any_32_bit_integer() {
    let app = TestApp::start().await;
    for version in [i32::MIN, -1, 0, i32::MAX] {
        let info = json!({"clientInfo": {"compatibilityVersion": version}, "modelId": "m"});
        assert_eq!(app.put(info.to_string()).await.status, 201, "{version}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_rejected_with_the_place_where_it_broke() {
    let app = TestApp::start().await;
    for (bad, place) in [
        (r#"{"modelId": "#, "line 1 column 12"),
        ("{\n  \"modelId\" 1}", "line 2 column 13"),
        (r#"{"modelId": "m"} x"#, "line 1 column 18"),
        (r#"{"modelId": "m", "modelId": "n"}"#, "duplicate field `modelId` at line 1 column 26"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        (r#""secret""#, "not a JSON object"),
        ("\u{feff}{}", "not a JSON object"),
        ("{'modelId': 1}", "line 1 column 2"),
        ("{\"modelId\": \"a\nb\"}", "line 1 column 14"),
        (" ", "not a JSON object"),
    ] {
        let response = app.put(bad).await;
        let fields = response.body["fieldList"].clone();
        assert_eq!(fields, json!([]), "{bad}");
        response.assert_error(
            400,
            "ValidationException",
            json!({"reason": "FieldValidationFailed", "fieldList": fields}),
        );
        let message = response.body["message"].as_str().unwrap();
        assert!(message.contains(place), "{bad}: {message}");
        assert!(!message.contains("secret"));
    }
    let response = app.send("PUT", "/workflow-definitions/a.b/workflow-runs", "{").await;
    assert_eq!(response.failed_fields(), ["workflowDefinitionName"]);
    app.assert_nothing_left_behind().await;
}

#[tokio::test]
async fn duplicate_members_are_rejected() {
    let app = TestApp::start().await;
    let twice = r#"{"modelId": "m", "clientInfo": {"compatibilityVersion": 1, "compatibilityVersion": 2}}"#;
    let response = app.put(twice).await;
    assert_eq!((response.status, response.failed_fields()), (400, vec!["clientInfo"]));
    let escaped = r#"{"modelId": "m", "\u006dodelId": "n", "clientInfo": {"compatibilityVersion": 1}}"#;
    assert_eq!(app.put(escaped).await.status, 400);
}

#[tokio::test]
async fn unknown_members_are_ignored_whatever_they_hold() {
    let app = TestApp::start().await;
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    for unknown in [r#""\ud800""#, "1e999", &deep, r#"{"a": 1, "a": 2}"#, &format!("\"{}\"", "x".repeat(1_000_000))] {
        let info = format!(r#"{{"compatibilityVersion": 1, "unknown": {unknown}}}"#);
        let response = app.put(format!(r#"{{"unknown": {unknown}, "modelId": "m", "clientInfo": {info}}}"#)).await;
        assert_eq!(response.status, 201, "{}", &unknown[..unknown.len().min(20)]);
    }
}

#[tokio::test]
async fn hostile_bodies_are_rejected_and_leave_nothing_behind() {
    let app = TestApp::start().await;
    let million = "x".repeat(1_000_000);
    let deep = |open: &str, close: &str| open.repeat(100_000) + &close.repeat(100_000);
    let bodies: Vec<Vec<u8>> = vec![
        million.clone().into(),
        format!(r#"{{"modelId": "{million}", "clientInfo": {{"compatibilityVersion": 1}}}}"#).into(),
        "{".repeat(1_000_000).into(),
        deep("[", "]").into(),
        deep(r#"{"clientInfo":"#, "}").into(),
        format!(r#"{{"modelId": {}}}"#, deep("[", "]")).into(),
        format!(r#"{{"clientInfo": {}1{}}}"#, r#"{"clientInfo":"#.repeat(100_000), "}".repeat(100_000)).into(),
        b"{\"modelId\": \"\xff\xfe\", \"clientInfo\": {\"compatibilityVersion\": 1}}".to_vec(),
        b"{\"\xff\": 1}".to_vec(),
        br#"{"\ud800": 1}"#.to_vec(),
        vec![0; 1000],
        vec![b' '; 1_000_000],
    ];
    for bad in bodies {
        let start = String::from_utf8_lossy(&bad[..bad.len().min(40)]).into_owned();
        let response = app.put(bad).await;
        assert_eq!(response.status, 400, "{start}: {response:?}");
        assert_eq!(response.header("x-amzn-errortype"), Some("ValidationException"), "{start}");
    }
    app.assert_nothing_left_behind().await;
}
