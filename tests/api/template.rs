//! What `template.yaml` promises, compared with the API's contract and what the function does.

mod gateway_responses;
mod metrics;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use local::embedded;
use local::gateway::{LOCAL_ACCOUNT, TIMEOUT};
use workflow_runs::operations::{Endpoint, OPERATIONS};
use workflow_runs::{Config, Sources};

use crate::support::{TOKEN, TestApp, body, events};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/template.yaml");

const RUN: &str = "/workflow-definitions/{workflowDefinitionName}/workflow-runs/{workflowRunId}";

/// The output of the template whose ARNs the callers of an operation need.
fn output(operation: &Endpoint) -> &'static str {
    match operation.method.as_str() {
        "GET" | "POST" => "ReaderArns",
        "PUT" if operation.path.contains("/workflow-runs") => "RunnerArns",
        _ => "AdministratorArns",
    }
}

/// The template; `!Ref X` and its like are just `X`.
fn template() -> Value {
    serde_saphyr::from_str(&fs::read_to_string(FILE).unwrap()).unwrap()
}

fn properties(resource: &str) -> Value {
    template()["Resources"][resource]["Properties"].take()
}

/// Whether a text matches an IAM pattern. `*` matches any characters, slashes included.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    text.strip_prefix(start).is_some_and(|text| (0..=text.len()).any(|at| matches(rest, &text[at..])))
}

#[test]
fn no_request_comes_in_without_a_signature_and_none_is_left_to_the_gateway() {
    assert_eq!(properties("WorkflowRunsApi")["Auth"], json!({"DefaultAuthorizer": "AWS_IAM", "InvokeRole": "NONE"}));
    let mut events = properties("WorkflowRunsFunction")["Events"].take();
    for event in events.as_object().unwrap().values() {
        assert_eq!(event["Type"], "Api");
        let properties = event["Properties"].as_object().unwrap();
        assert_eq!(properties.keys().map(String::as_str).collect::<Vec<_>>(), ["Method", "Path", "RestApiId"]);
    }
    for operation in OPERATIONS {
        let event = events.as_object_mut().unwrap().remove(operation.name);
        let event = event.unwrap_or_else(|| panic!("{} has no route", operation.name));
        let route = (&event["Properties"]["Method"], &event["Properties"]["Path"]);
        assert_eq!(route, (&json!(operation.method.as_str()), &json!(operation.path)));
    }
    // API Gateway itself rejects a method that a resource lacks, so each resource has ANY.
    let mut resources = BTreeSet::from(["/", "/{proxy+}", RUN]);
    resources.extend(RUN.match_indices('/').skip(1).map(|(end, _)| &RUN[..end]));
    let others = events.as_object().unwrap().values().map(|event| {
        assert_eq!(event["Properties"]["Method"], "ANY");
        event["Properties"]["Path"].as_str().unwrap()
    });
    assert_eq!(others.collect::<BTreeSet<_>>(), resources);
}

#[test]
fn each_operation_is_allowed_only_to_its_kind_of_callers() {
    let outputs = template()["Outputs"].take();
    let kinds: BTreeSet<_> = OPERATIONS.iter().map(output).collect();
    assert_eq!(kinds.len(), 3);
    for kind in kinds {
        // A template for Fn::Sub, and its variables.
        let [arns, variables] = outputs[kind]["Value"].as_array().unwrap().as_slice() else { panic!("{kind}") };
        let stage = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${WorkflowRunsApi}/prod";
        assert_eq!(variables, &json!({"Stage": stage}));
        let arns: Vec<_> =
            arns.as_str().unwrap().split(',').map(|arn| arn.strip_prefix("${Stage}/").unwrap()).collect();
        let mut used: BTreeSet<&&str> = BTreeSet::new();
        for operation in OPERATIONS {
            let id = "5f0d3f6a-7a64-4a3e-9d0e-0123456789ab";
            let path = operation.path.replace("{workflowDefinitionName}", "demo").replace("{workflowRunId}", id);
            let request = format!("{}{path}", operation.method);
            let allowed: Vec<_> = arns.iter().filter(|arn| matches(arn, &request)).collect();
            assert_eq!(!allowed.is_empty(), kind == output(operation), "{}: {kind}", operation.name);
            used.extend(allowed);
        }
        assert_eq!(used.len(), arns.len(), "{arns:?}");
    }
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
    // Callers set these off by a flood that Lambda throttles, and by nothing else.
    let alarms = &function["DeploymentPreference"]["Alarms"];
    assert_eq!(alarms, &json!(["RollsBack", ["ServerErrorsAlarm"], []]));
    for alarm in alarms[1].as_array().unwrap() {
        assert_eq!(template["Resources"][alarm.as_str().unwrap()]["Type"], "AWS::CloudWatch::Alarm");
    }
}

#[test]
fn the_environment_has_the_table_and_the_parameters_that_are_set() {
    let variables = properties("WorkflowRunsFunction")["Environment"]["Variables"].take();
    // UNSIGNED_ACCOUNT_ID is left out: every request to this API is signed.
    let expected = json!({
        "TABLE_NAME": "WorkflowRunsTable",
        "RUN_LOG_RETENTION_DAYS": ["SetsRunLogRetention", "RunLogRetentionInDays", "AWS::NoValue"],
        "RUN_TIMEOUT_HOURS": ["TimesRunsOut", "RunTimeoutInHours", "AWS::NoValue"],
        "RUN_RETENTION_DAYS": ["ExpiresRuns", "RunRetentionInDays", "AWS::NoValue"],
    });
    assert_eq!(variables, expected);
    let parameters = template()["Parameters"].take();
    let days = |name: &str| parameters[name]["AllowedValues"].as_array().unwrap().clone();
    let retention = days("RunLogRetentionInDays");
    assert_eq!((&retention[0], &retention[1..]), (&json!(0), days("LogRetentionInDays").as_slice()));
    assert_eq!(parameters["RunLogRetentionInDays"]["Default"], 0);
    for (name, largest) in [("RunTimeoutInHours", 8760), ("RunRetentionInDays", 3653)] {
        assert_eq!(parameters[name]["Default"], "0");
        let pattern = parameters[name]["AllowedPattern"].as_str().unwrap();
        let pattern = regex::Regex::new(&format!("^(?:{pattern})$")).unwrap();
        assert!((0..=largest).all(|number: u32| pattern.is_match(&number.to_string())), "{name}");
        assert!((largest + 1..=99999).all(|number: u32| !pattern.is_match(&number.to_string())), "{name}");
        assert!(["", "1.5", "-1", "00", "01", "1e3", " 1"].iter().all(|text| !pattern.is_match(text)), "{name}");
    }
}

#[test]
fn the_function_responds_before_lambda_ends_it_and_lambda_before_the_gateway_gives_up() {
    let timeout = properties("WorkflowRunsFunction")["Timeout"].as_u64().unwrap();
    assert_eq!(timeout, TIMEOUT.as_secs());
    assert!(timeout < 29);
}

#[tokio::test]
async fn the_role_allows_the_calls_that_the_function_makes_and_no_others() {
    let role = properties("WorkflowRunsRole");
    // SAM and Lambda would add permissions of their own.
    assert_eq!(properties("WorkflowRunsFunction")["Role"], "WorkflowRunsRole.Arn");
    assert_eq!(role.get("ManagedPolicyArns"), None);
    let [policy] = role["Policies"].as_array().unwrap().as_slice() else { panic!("{role}") };
    let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
    // The second member of an If is the statement.
    let statements: Vec<_> = statements.iter().map(|statement| statement.get(1).unwrap_or(statement)).collect();
    assert!(statements.iter().all(|statement| statement["Effect"] == "Allow"), "{policy}");
    let [items, index, log_groups, retention, own_log] = statements[..] else { panic!("{policy}") };
    let leading_keys = |statement: &Value| -> Vec<String> {
        let condition = &statement["Condition"];
        assert_eq!(condition.as_object().unwrap().len(), 2);
        assert_eq!(condition["Null"], json!({"dynamodb:LeadingKeys": "false"}));
        serde_json::from_value(condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"].clone()).unwrap()
    };

    let reads_and_writes = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
    assert_eq!((&items["Action"], &items["Resource"]), (&json!(reads_and_writes), &json!("WorkflowRunsTable.Arn")));
    assert_eq!(leading_keys(items), ["definition/*", "run/*", "log-group/*"]);
    assert_eq!(index["Action"], "dynamodb:Query");
    assert_eq!(index["Resource"], "${WorkflowRunsTable.Arn}/index/list");
    let named = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${LogGroupPrefix}*";
    for (statement, action) in [(log_groups, "logs:CreateLogGroup"), (retention, "logs:PutRetentionPolicy")] {
        assert_eq!((&statement["Action"], &statement["Resource"]), (&json!(action), &json!(named)));
    }
    assert_eq!(template()["Parameters"]["LogGroupPrefix"]["Default"], "/workflow-runs/");
    assert_eq!(own_log["Resource"], "WorkflowRunsLogGroup.Arn");
    assert_eq!(own_log["Action"], json!(["logs:CreateLogStream", "logs:PutLogEvents"]));
    assert_eq!(properties("WorkflowRunsFunction")["LoggingConfig"]["LogGroup"], "WorkflowRunsLogGroup");

    let configure = |config| Config { run_log_retention_days: Some(30), ..config };
    let app = TestApp::start_with(Sources::default(), configure).await;
    let mut done = BTreeSet::new();
    // The records of the stream are the cleanup function's.
    for sample in events::samples().into_iter().filter(|sample| sample.status.is_some()) {
        let event = sample.event();
        let response = app.invoke(&event).await;
        assert_eq!(response["statusCode"], json!(sample.status), "{}: {response}", sample.name);
        done.extend(
            OPERATIONS
                .iter()
                .filter(|operation| {
                    event["httpMethod"] == operation.method.as_str() && event["resource"] == operation.path
                })
                .map(|operation| operation.name),
        );
    }
    assert_eq!(done, OPERATIONS.iter().map(|operation| operation.name).collect());
    for item in app.items("").await {
        let key = item["pk"].as_s().unwrap();
        assert!(leading_keys(items).iter().any(|pattern| matches(pattern, key)), "{key}");
        // What is listed is in the index: all but known log groups and tombstones.
        let is_tombstone = key.starts_with("run/") && !item.contains_key("startedAt");
        assert_eq!(item.contains_key("listKey"), !key.starts_with("log-group/") && !is_tombstone, "{key}");
    }
    let own_log_is_lambdas = |statement: &&Value| statement["Resource"] != "WorkflowRunsLogGroup.Arn";
    let allowed: BTreeSet<String> = statements
        .iter()
        .copied()
        .filter(own_log_is_lambdas)
        .flat_map(|statement| match &statement["Action"] {
            Value::String(action) => vec![action.clone()],
            actions => serde_json::from_value(actions.clone()).unwrap(),
        })
        .collect();
    let action = |call: String| match call.as_str() {
        "CreateLogGroup" | "PutRetentionPolicy" => format!("logs:{call}"),
        _ => format!("dynamodb:{call}"),
    };
    assert_eq!(app.calls().into_iter().map(action).collect::<BTreeSet<_>>(), allowed);
}

#[tokio::test]
async fn the_cleanup_functions_role_allows_the_calls_of_a_deletion_and_no_others() {
    let role = properties("CleanupRole");
    assert_eq!(role.get("ManagedPolicyArns"), None);
    let statements = role["Policies"][0]["PolicyDocument"]["Statement"].as_array().unwrap();
    let allowed: BTreeMap<_, _> = statements
        .iter()
        .map(|statement| {
            let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
            // ForAllValues also holds if the key is absent.
            assert_eq!(keys.is_array(), statement["Condition"]["Null"] == json!({"dynamodb:LeadingKeys": "false"}));
            (statement["Action"].to_string(), (statement["Resource"].as_str().unwrap(), keys.to_string()))
        })
        .collect();
    let on = |resource, keys: Value| (resource, keys.to_string());
    let expected = [
        (
            json!(["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]),
            on("WorkflowRunsTable.StreamArn", Value::Null),
        ),
        (json!("dynamodb:ListStreams"), on("*", Value::Null)),
        (json!(["dynamodb:GetItem", "dynamodb:UpdateItem"]), on("WorkflowRunsTable.Arn", json!(["definition/*"]))),
        (json!("dynamodb:PutItem"), on("WorkflowRunsTable.Arn", json!(["run/*", "generation/*"]))),
        (json!("dynamodb:Query"), on("${WorkflowRunsTable.Arn}/index/list", Value::Null)),
        (json!(["logs:CreateLogStream", "logs:PutLogEvents"]), on("CleanupLogGroup.Arn", Value::Null)),
    ];
    assert_eq!(allowed, expected.map(|(actions, on)| (actions.to_string(), on)).into());

    let app = TestApp::start().await;
    app.start_runs("demo", 2).await;
    app.delete_definition(LOCAL_ACCOUNT, "demo").await;
    app.calls();
    app.clean_up().await;
    let calls: BTreeSet<_> = app.calls().into_iter().collect();
    assert_eq!(calls, ["GetItem", "PutItem", "Query", "UpdateItem"].map(ToOwned::to_owned).into());

    let (function, requests) = (properties("CleanupFunction"), properties("WorkflowRunsFunction"));
    assert_eq!(function["Role"], "CleanupRole.Arn");
    for property in ["CodeUri", "Handler", "Runtime", "Architectures", "MemorySize"] {
        assert_eq!(function[property], requests[property], "{property}");
    }
    // A canary cannot judge it, and requests are no event of it.
    assert_eq!((function.get("AutoPublishAlias"), function.get("DeploymentPreference")), (None, None));
    let events = function["Events"].as_object().unwrap();
    assert!(events.values().all(|event| event["Type"] == "DynamoDB"), "{events:?}");
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
    // The table that the tests and the local server work on. CloudFormation has no StreamEnabled.
    for (property, mut value) in embedded::create_table().as_object().unwrap().clone() {
        if property == "StreamSpecification" {
            assert_eq!(value.as_object_mut().unwrap().remove("StreamEnabled"), Some(json!(true)));
        }
        if property != "TableName" {
            assert_eq!(table[&property], value, "{property}");
        }
    }
    // Both readers of the stream compare the item before with the item after.
    assert_eq!(table["StreamSpecification"]["StreamViewType"], "NEW_AND_OLD_IMAGES");
    for switch in [
        &table["DeletionProtectionEnabled"],
        &table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        &table["SSESpecification"]["SSEEnabled"],
        &table["TimeToLiveSpecification"]["Enabled"],
    ] {
        assert_eq!(switch, true, "{table}");
    }
}
