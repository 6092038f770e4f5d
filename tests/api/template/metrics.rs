//! The metrics that the alarms and the dashboard use, compared with those that the function publishes.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Map, Value, json};

use super::{OPERATIONS, properties, template};
use crate::lambda::{event, handle_events, requests};
use crate::support::{Fault, TOKEN, TestApp, body};

/// The metrics of the namespace and their dimension sets.
const METRICS: [(&str, &[&[&str]]); 5] = [
    ("create_log_group_throttles", &[&["function_name"]]),
    ("duration_ms", &[&["function_name"], &["function_name", "operation"]]),
    ("log_groups_created", &[&["function_name"]]),
    ("requests", &[&["function_name", "operation", "outcome"], &["function_name", "outcome"]]),
    ("runs_ended", &[&["function_name"], &["function_name", "run_status"]]),
];
const OUTCOMES: [&str; 13] = [
    "conflict",
    "created",
    "deleted",
    "denied",
    "internal",
    "not_found",
    "read",
    "replayed",
    "throttled",
    "unchanged",
    "unknown_operation",
    "updated",
    "validation",
];

/// A metric: its name, and its dimensions' names and values.
type MetricName = (String, Vec<(String, String)>);

/// The metrics of the namespace that a value mentions anywhere.
fn mentioned(value: &Value) -> BTreeSet<MetricName> {
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

/// The dashboard's widgets.
fn widgets() -> Vec<Value> {
    let body = properties("WorkflowRunsDashboard")["DashboardBody"].take();
    // A template for Fn::Sub, and its variable: an alarm that exists with an event bus only.
    let [body, variables] = body.as_array().unwrap().as_slice() else { panic!("{body}") };
    let alarm = r#", "${RunEventsAlarm.Arn}""#;
    assert_eq!(variables, &json!({"RunEventsAlarmArn": ["SendsRunEvents", alarm, ""]}));
    let body = body.as_str().unwrap().replace("${RunEventsAlarmArn}", alarm);
    let mut body: Value = serde_json::from_str(&body).unwrap();
    serde_json::from_value(body["widgets"].take()).unwrap()
}

/// The metrics of the namespace on the dashboard, which writes them as arrays: namespace, name, then names and values of
/// dimensions. "..." repeats what the line before begins with, "." a single member of it.
fn on_the_dashboard() -> BTreeSet<MetricName> {
    let mut shown = BTreeSet::new();
    for widget in widgets() {
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

/// The metrics that the dashboard searches for, with the names of their dimensions.
fn searched() -> BTreeMap<String, Vec<String>> {
    // CloudWatch wants quotation marks around a name with other than alphanumeric characters.
    let search = r#"^SEARCH\('\{WorkflowRuns,("function_name"(?:,(?:[a-z]+|"[a-z_]+"))*)\} MetricName="(\w+)" "\$\{WorkflowRunsFunction\}"', '(?:Sum|p99)', 60\)$"#;
    let search = Regex::new(search).unwrap();
    let widgets = widgets();
    let metrics = widgets.iter().flat_map(|widget| widget["properties"]["metrics"].as_array().into_iter().flatten());
    let expressions = metrics.filter_map(|metric| metric[0]["expression"].as_str());
    let searches = expressions.map(|expression| search.captures(expression).unwrap());
    let dimensions = |names: &str| names.split(',').map(|name| name.trim_matches('"').to_owned()).collect();
    searches.map(|found| (found[2].to_owned(), dimensions(&found[1]))).collect()
}

fn has_metric(name: &str, dimensions: &[String]) -> bool {
    METRICS.iter().any(|(its_name, sets)| *its_name == name && sets.iter().any(|set| *set == dimensions))
}

#[test]
fn the_alarms_and_the_dashboard_use_metrics_that_exist() {
    let dashboard = on_the_dashboard();
    let alarms = mentioned(&template()["Resources"]);
    assert!(alarms.len() >= 5, "{alarms:?}");
    for (name, dimensions) in alarms.iter().chain(&dashboard) {
        let names: Vec<_> = dimensions.iter().map(|(name, _)| name.clone()).collect();
        assert!(has_metric(name, &names), "{name}: {names:?}");
        for (dimension, value) in dimensions {
            let exists = match dimension.as_str() {
                "function_name" => ["WorkflowRunsFunction", "${WorkflowRunsFunction}"].contains(&value.as_str()),
                "operation" => OPERATIONS.iter().any(|operation| operation.name == value),
                "outcome" => OUTCOMES.contains(&value.as_str()),
                _ => false,
            };
            assert!(exists, "{name}: {dimension} {value}");
        }
    }
    let searched = searched();
    assert!(searched.iter().all(|(name, dimensions)| has_metric(name, dimensions)), "{searched:?}");
    assert!(searched.values().all(|dimensions| dimensions.len() > 1), "{searched:?}");
    let shown = dashboard.iter().map(|(name, _)| name).chain(searched.keys()).map(String::as_str);
    assert_eq!(shown.collect::<BTreeSet<_>>(), METRICS.iter().map(|(name, _)| *name).collect());
    let outcomes = dashboard.iter().filter_map(|(_, dimensions)| dimensions.get(1));
    let outcomes = outcomes.filter(|(name, _)| name == "outcome").map(|(_, value)| value.as_str());
    assert_eq!(outcomes.collect::<BTreeSet<_>>(), OUTCOMES.into());
}

#[test]
fn each_alarm_says_what_to_do_and_is_on_the_dashboard() {
    let resources = template()["Resources"].take();
    let resources = resources.as_object().unwrap();
    let alarms = resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    let alarms: BTreeMap<_, _> = alarms.map(|(name, resource)| (name.clone(), &resource["Properties"])).collect();
    for (name, alarm) in &alarms {
        assert!(alarm["AlarmDescription"].as_str().is_some_and(|text| text.len() > 100), "{name}");
        // A minute without a data point had no requests, or none that failed.
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{name}");
        // Whether FILL fills a metric that was never published is not documented.
        assert!(!alarm.to_string().contains("FILL("), "{name}");
    }
    let widgets = widgets();
    let shown = widgets.iter().flat_map(|widget| widget["properties"]["alarms"].as_array().into_iter().flatten());
    let shown = shown.map(|arn| arn.as_str().unwrap().strip_prefix("${").unwrap().strip_suffix(".Arn}").unwrap());
    assert_eq!(shown.collect::<BTreeSet<_>>(), alarms.keys().map(String::as_str).collect());
}

#[tokio::test]
async fn the_function_publishes_these_metrics() {
    let app = TestApp::start().await;
    app.fail("CreateLogGroup", 1, Fault::Error(400, "ThrottlingException"));
    let (_, log) = handle_events(&app, vec![event(0, "demo", &body(TOKEN, "/a").to_string())], &[]).await;
    let line = requests(&log).remove(0);
    let mut published: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        assert_eq!(directive["Namespace"], "WorkflowRuns");
        let sets: Vec<Vec<String>> = serde_json::from_value(directive["Dimensions"].clone()).unwrap();
        for metric in directive["Metrics"].as_array().unwrap() {
            published.entry(metric["Name"].as_str().unwrap().to_owned()).or_default().extend(sets.clone());
        }
    }
    // A create ends no run.
    let expected = METRICS.iter().filter(|(name, _)| *name != "runs_ended").map(|(name, sets)| {
        ((*name).to_owned(), sets.iter().map(|set| set.iter().map(|&name| name.to_owned()).collect()).collect())
    });
    assert_eq!(published, expected.collect());
}
