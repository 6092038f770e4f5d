//! What `template.yaml` promises, held against what the function does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use aws_sdk_novaact::error::ProvideErrorMetadata as _;
use aws_sdk_novaact::operation::create_workflow_run::CreateWorkflowRunError;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use crate::gateway::TIMEOUT;
use crate::lambda::{answer_events, event, requests};
use crate::support::{Fault, TOKEN, TestApp, body, client, serve};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/template.yaml");

/// The template; `!Ref X` and its like are just `X`.
fn template() -> Value {
    serde_saphyr::from_str(&fs::read_to_string(FILE).unwrap()).unwrap()
}

fn properties(resource: &str) -> Value {
    template()["Resources"][resource]["Properties"].take()
}

/// A gateway response as API Gateway sends it, with or without the headers that the template gives it.
fn gateway_response(response: &Value, with_headers: bool) -> Response {
    let status = response["StatusCode"].as_str().unwrap().parse().unwrap();
    let body = response["ResponseTemplates"]["application/json"].as_str().unwrap();
    let body = body.replace("$context.error.messageString", r#""User: arn:aws:iam::1:user/\"x\" is not authorized""#);
    let mut answer = (StatusCode::from_u16(status).unwrap(), body).into_response();
    if with_headers {
        for (name, value) in response["ResponseParameters"]["Headers"].as_object().unwrap() {
            let literal = value.as_str().unwrap().strip_prefix('\'').unwrap().strip_suffix('\'').unwrap();
            answer.headers_mut().insert(name.parse::<axum::http::HeaderName>().unwrap(), literal.parse().unwrap());
        }
    }
    answer
}

type E = CreateWorkflowRunError;
/// Gateway responses, and their status, name and error in the model.
type Expected = (&'static [&'static str], u16, &'static str, fn(&E) -> bool);

#[tokio::test]
async fn what_the_gateway_refuses_by_itself_is_a_documented_error() {
    let responses = Arc::new(properties("WorkflowRunsApi")["GatewayResponses"].take());
    let expected: [Expected; 5] = [
        (
            &["ACCESS_DENIED", "INVALID_API_KEY", "MISSING_AUTHENTICATION_TOKEN", "UNAUTHORIZED", "WAF_FILTERED"],
            403,
            "AccessDeniedException",
            E::is_access_denied_exception,
        ),
        (
            &["THROTTLED", "QUOTA_EXCEEDED"],
            429,
            "ThrottlingException",
            |error| matches!(error, E::ThrottlingException(error) if error.retry_after_seconds.is_some()),
        ),
        (
            &["BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS", "REQUEST_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"],
            400,
            "ValidationException",
            |error| matches!(error, E::ValidationException(error) if error.reason.as_str() == "FieldValidationFailed"),
        ),
        (
            &["API_CONFIGURATION_ERROR", "DEFAULT_5XX", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"],
            500,
            "InternalServerException",
            |error| matches!(error, E::InternalServerException(error) if error.retry_after_seconds.is_some()),
        ),
        // The model has no such error: it is one for whoever calls another operation.
        (&["RESOURCE_NOT_FOUND"], 404, "UnknownOperationException", |_| true),
    ];
    let mut named: BTreeSet<&str> = responses.as_object().unwrap().keys().map(String::as_str).collect();
    for (types, status, name, is_modelled) in expected {
        for response_type in types {
            assert!(named.remove(response_type), "{response_type} is missing");
            for with_headers in [true, false] {
                let responses = Arc::clone(&responses);
                let answer = move || async move { gateway_response(&responses[response_type], with_headers) };
                let url = serve(Router::new().fallback(answer)).await;
                let error = client(&url, "demo").send().await.unwrap_err();
                assert_eq!(error.raw_response().unwrap().status().as_u16(), status, "{response_type}");
                assert_eq!(error.code(), Some(name), "{response_type}");
                assert!(error.message().is_some_and(|message| !message.is_empty()), "{response_type}");
                if with_headers {
                    assert!(is_modelled(error.as_service_error().unwrap()), "{response_type}: {error:?}");
                }
            }
        }
    }
    // Above all not INVALID_SIGNATURE and EXPIRED_TOKEN, nor DEFAULT_4XX, from which they inherit.
    assert_eq!(named, BTreeSet::new());
}

#[test]
fn no_request_comes_in_without_a_signature_and_none_is_left_to_the_gateway() {
    assert_eq!(properties("WorkflowRunsApi")["Auth"], json!({"DefaultAuthorizer": "AWS_IAM", "InvokeRole": "NONE"}));
    let events = properties("WorkflowRunsFunction")["Events"].take();
    let mut routes = BTreeSet::new();
    for event in events.as_object().unwrap().values() {
        assert_eq!(event["Type"], "Api");
        let properties = event["Properties"].as_object().unwrap();
        assert_eq!(properties.keys().map(String::as_str).collect::<Vec<_>>(), ["Method", "Path", "RestApiId"]);
        routes.insert((properties["Method"].as_str().unwrap(), properties["Path"].as_str().unwrap()));
    }
    let operation = "/workflow-definitions/{workflowDefinitionName}/workflow-runs";
    assert!(routes.remove(&("PUT", operation)));
    let mut resources = BTreeSet::from([("ANY", "/"), ("ANY", "/{proxy+}"), ("ANY", operation)]);
    resources.extend(operation.match_indices('/').skip(1).map(|(end, _)| ("ANY", &operation[..end])));
    assert_eq!(routes, resources);
}

#[test]
fn every_parameter_is_used_and_alarms_roll_a_new_version_back() {
    let (text, template) = (fs::read_to_string(FILE).unwrap(), template());
    for name in template["Parameters"].as_object().unwrap().keys() {
        let uses = [format!("!Ref {name}"), format!("${{{name}}}")];
        assert!(uses.iter().any(|usage| text.contains(usage)), "{name}");
    }
    let function = &template["Resources"]["WorkflowRunsFunction"]["Properties"];
    assert_eq!(function["AutoPublishAlias"], "live");
    assert_eq!(function["LoggingConfig"]["LogFormat"], "JSON");
    assert_eq!(function["LoggingConfig"]["ApplicationLogLevel"], "INFO");
    let alarms = function["DeploymentPreference"]["Alarms"][1].as_array().unwrap();
    assert!(!alarms.is_empty());
    for alarm in alarms {
        assert_eq!(template["Resources"][alarm.as_str().unwrap()]["Type"], "AWS::CloudWatch::Alarm");
    }
}

#[test]
fn the_function_answers_before_lambda_ends_it_and_lambda_before_the_gateway_gives_up() {
    let timeout = properties("WorkflowRunsFunction")["Timeout"].as_u64().unwrap();
    assert_eq!(timeout, TIMEOUT.as_secs());
    assert!(timeout < 29);
}

/// Whether a text matches an IAM pattern whose only wildcard is at its end.
fn matches(pattern: &Value, text: &str) -> bool {
    text.starts_with(pattern.as_str().unwrap().strip_suffix('*').unwrap())
}

#[tokio::test]
async fn the_role_allows_the_calls_that_the_function_makes_and_no_others() {
    let role = properties("WorkflowRunsRole");
    // SAM and Lambda would add permissions of their own.
    assert_eq!(properties("WorkflowRunsFunction")["Role"], "WorkflowRunsRole.Arn");
    assert_eq!(role.get("ManagedPolicyArns"), None);
    let [policy] = role["Policies"].as_array().unwrap().as_slice() else { panic!("{role}") };
    let statement = |action: &str| {
        let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
        let [statement] = statements.iter().filter(|statement| statement["Action"] == action).collect::<Vec<_>>()[..]
        else {
            panic!("{action}: {policy}")
        };
        assert_eq!(statement["Effect"], "Allow");
        statement
    };

    let app = TestApp::start().await;
    assert_eq!(app.put(body(TOKEN, "/workflow-runs/demo").to_string()).await.status, 201);
    let calls: BTreeSet<String> = app.calls().into_iter().collect();
    assert_eq!(calls.iter().collect::<Vec<_>>(), ["BatchGetItem", "CreateLogGroup", "PutItem"]);
    assert_eq!(statement("dynamodb:BatchGetItem")["Resource"], "WorkflowRunsTable.Arn");
    let put = statement("dynamodb:PutItem");
    assert_eq!(put["Resource"], "WorkflowRunsTable.Arn");
    assert_eq!(put["Condition"]["Null"]["dynamodb:LeadingKeys"], "false");
    let leading_keys = put["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"].as_array().unwrap();
    assert_eq!(leading_keys.len(), 2);
    for item in app.items("").await {
        let key = item["pk"].as_s().unwrap();
        let is_allowed = leading_keys.iter().any(|pattern| matches(pattern, key));
        assert_eq!(is_allowed, !key.starts_with("definition/"), "{key}");
    }
    let log_groups = statement("logs:CreateLogGroup")["Resource"].as_str().unwrap();
    assert!(log_groups.ends_with(":log-group:${LogGroupPrefix}*"), "{log_groups}");
    assert_eq!(template()["Parameters"]["LogGroupPrefix"]["Default"], "/workflow-runs/");
    assert_eq!(policy["PolicyDocument"]["Statement"].as_array().unwrap().len(), calls.len() + 1, "{policy}");
    let own_log = policy["PolicyDocument"]["Statement"].as_array().unwrap().last().unwrap();
    assert_eq!(own_log["Resource"], "WorkflowRunsLogGroup.Arn");
    assert_eq!(own_log["Action"], json!(["logs:CreateLogStream", "logs:PutLogEvents"]));
    assert_eq!(properties("WorkflowRunsFunction")["LoggingConfig"]["LogGroup"], "WorkflowRunsLogGroup");
}

#[tokio::test]
async fn the_table_is_the_one_that_the_function_works_on_and_it_is_kept() {
    let table = template()["Resources"]["WorkflowRunsTable"].take();
    assert_eq!((&table["DeletionPolicy"], &table["UpdateReplacePolicy"]), (&json!("Retain"), &json!("Retain")));
    let table = &table["Properties"];
    let app = TestApp::start().await;
    assert_eq!(app.put(body(TOKEN, "/workflow-runs/demo").to_string()).await.status, 201);
    let known_log_group = app.items("log-group/").await.remove(0);
    let [key] = table["KeySchema"].as_array().unwrap().as_slice() else { panic!("{table}") };
    assert!(known_log_group[key["AttributeName"].as_str().unwrap()].is_s());
    assert!(known_log_group[table["TimeToLiveSpecification"]["AttributeName"].as_str().unwrap()].is_n());
    for switch in [
        &table["DeletionProtectionEnabled"],
        &table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        &table["SSESpecification"]["SSEEnabled"],
        &table["TimeToLiveSpecification"]["Enabled"],
    ] {
        assert_eq!(switch, true, "{table}");
    }
}

/// A metric: its name, and its dimensions' names and values.
type Metric = (String, Vec<(String, String)>);

/// The metrics of the namespace that a value mentions, wherever they stand.
fn mentioned(value: &Value) -> BTreeSet<Metric> {
    let is_alarm = |object: &Map<String, Value>| object.get("Namespace").is_some_and(|name| name == "WorkflowRuns");
    match value {
        Value::Object(object) if is_alarm(object) => {
            let dimensions = object["Dimensions"].as_array().unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let dimensions = dimensions.iter().map(|dimension| (text(&dimension["Name"]), text(&dimension["Value"])));
            BTreeSet::from([(text(&object["MetricName"]), dimensions.collect())])
        }
        Value::Object(object) => object.values().flat_map(mentioned).collect(),
        Value::Array(array) => array.iter().flat_map(mentioned).collect(),
        _ => BTreeSet::new(),
    }
}

/// The metrics of the namespace on the dashboard, which writes them as arrays: namespace, name, then names and values of
/// dimensions. "..." repeats what the line before begins with, "." a single member of it.
fn on_the_dashboard() -> BTreeSet<Metric> {
    let body: Value =
        serde_json::from_str(properties("WorkflowRunsDashboard")["DashboardBody"].as_str().unwrap()).unwrap();
    let mut shown = BTreeSet::new();
    for widget in body["widgets"].as_array().unwrap() {
        let mut previous: Vec<String> = Vec::new();
        for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let mut members: Vec<_> = metric.as_array().unwrap().iter().filter_map(Value::as_str).collect();
            if let ["...", last @ ..] = members.as_slice() {
                let repeated = previous[..previous.len() - last.len()].iter().map(String::as_str);
                members = repeated.chain(last.iter().copied()).collect();
            }
            let members = members.iter().enumerate();
            let members =
                members.map(|(i, &member)| if member == "." { previous[i].clone() } else { member.to_owned() });
            let members: Vec<String> = members.collect();
            if let [namespace, name, dimensions @ ..] = members.as_slice()
                && namespace == "WorkflowRuns"
            {
                let dimensions = dimensions.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()));
                shown.insert((name.clone(), dimensions.collect()));
            }
            previous = members;
        }
    }
    shown
}

#[tokio::test]
async fn the_alarms_and_the_dashboard_look_at_metrics_that_the_function_has() {
    let app = TestApp::start().await;
    app.fail("CreateLogGroup", 1, Fault::Error(400, "ThrottlingException"));
    let (_, log) = answer_events(&app, vec![event(0, "demo", &body(TOKEN, "/a").to_string())], &[]).await;
    let line = requests(&log).remove(0);
    let operations = ["CreateWorkflowRun", "Unknown"];
    let outcomes = "conflict created denied internal not_found replayed throttled unknown_operation validation";
    let mut possible = BTreeMap::new();
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        let dimensions: Vec<String> = serde_json::from_value(directive["Dimensions"][0].clone()).unwrap();
        for metric in directive["Metrics"].as_array().unwrap() {
            possible.insert(metric["Name"].as_str().unwrap().to_owned(), dimensions.clone());
        }
    }
    let dashboard = on_the_dashboard();
    let alarms = mentioned(&template()["Resources"]);
    assert!(alarms.len() >= 4, "{alarms:?}");
    for (name, dimensions) in alarms.iter().chain(&dashboard) {
        let (names, values): (Vec<_>, Vec<_>) = dimensions.iter().cloned().unzip();
        assert_eq!(possible.get(name), Some(&names), "{name}");
        assert!(["WorkflowRunsFunction", "${WorkflowRunsFunction}"].contains(&&*values[0]), "{name}: {values:?}");
        assert!(operations.contains(&&*values[1]), "{name}: {values:?}");
        assert!(values.get(2).is_none_or(|outcome| outcomes.split(' ').any(|known| known == outcome)), "{values:?}");
    }
    let shown: BTreeSet<_> = dashboard.iter().map(|(name, _)| name).collect();
    assert_eq!(shown, possible.keys().collect());
    let shown: BTreeSet<_> = dashboard.iter().filter_map(|(_, dimensions)| dimensions.get(2)).collect();
    assert_eq!(shown.len(), outcomes.split(' ').count(), "{shown:?}");
}
