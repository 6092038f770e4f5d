//! The embedded CloudWatch Logs: log groups in memory, without events.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};

/// The largest number of log groups in a page: the API reference of `DescribeLogGroups`.
const LARGEST_PAGE: u64 = 50;

/// Log groups by their names.
#[derive(Default)]
pub struct LogGroups(Mutex<BTreeMap<String, LogGroup>>);

struct LogGroup {
    created: u128,
    retention: Option<i64>,
}

impl LogGroup {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { created: now.as_millis(), retention: None }
    }
}

impl LogGroups {
    /// Creates a log group.
    pub fn create(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), LogGroup::new());
    }

    /// Performs an operation: status and body of the response.
    pub fn call(&self, operation: &str, body: &[u8]) -> (u16, String) {
        match self.perform(operation, &serde_json::from_slice(body).unwrap_or_default()) {
            Ok(response) => (200, response.to_string()),
            Err((code, message)) => (400, json!({"__type": code, "message": message}).to_string()),
        }
    }

    fn perform(&self, operation: &str, request: &Value) -> Result<Value, (&'static str, &'static str)> {
        const MISSING: (&str, &str) = ("ResourceNotFoundException", "The specified log group does not exist.");
        let mut log_groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = request["logGroupName"].as_str().unwrap_or_default();
        match operation {
            "CreateLogGroup" if !is_name(name) => {
                Err(("InvalidParameterException", "The name of the log group is not valid."))
            }
            "CreateLogGroup" if log_groups.contains_key(name) => {
                Err(("ResourceAlreadyExistsException", "The specified log group already exists"))
            }
            "CreateLogGroup" => {
                log_groups.insert(name.to_owned(), LogGroup::new());
                Ok(json!({}))
            }
            "PutRetentionPolicy" => {
                log_groups.get_mut(name).ok_or(MISSING)?.retention = request["retentionInDays"].as_i64();
                Ok(json!({}))
            }
            "DeleteRetentionPolicy" => {
                log_groups.get_mut(name).ok_or(MISSING)?.retention = None;
                Ok(json!({}))
            }
            "DeleteLogGroup" => log_groups.remove(name).map(|_| json!({})).ok_or(MISSING),
            "DescribeLogGroups" => Ok(describe(&log_groups, request)),
            _ => Err(("UnknownOperationException", "This server has the operations on log groups only.")),
        }
    }
}

/// A page of the log groups, by name. Its token is the last name.
fn describe(log_groups: &BTreeMap<String, LogGroup>, request: &Value) -> Value {
    let prefix = request["logGroupNamePrefix"].as_str().unwrap_or_default();
    let after = request["nextToken"].as_str().unwrap_or_default();
    let limit = request["limit"].as_u64().unwrap_or(LARGEST_PAGE).clamp(1, LARGEST_PAGE) as usize;
    let mut names = log_groups.iter().filter(|(name, _)| name.starts_with(prefix) && name.as_str() > after);
    let page: Vec<_> = names.by_ref().take(limit).collect();
    let described = page.iter().map(|(name, log_group)| {
        let arn = format!("arn:aws:logs:us-east-1:{}:log-group:{name}", crate::gateway::LOCAL_ACCOUNT);
        let mut described = json!({
            "arn": format!("{arn}:*"), "creationTime": log_group.created, "logGroupArn": arn, "logGroupName": name,
            "metricFilterCount": 0, "storedBytes": 0,
        });
        if let Some(days) = log_group.retention {
            described["retentionInDays"] = days.into();
        }
        described
    });
    let mut response = json!({"logGroups": described.collect::<Vec<_>>()});
    if let (Some(_), Some((last, _))) = (names.next(), page.last()) {
        response["nextToken"] = json!(last);
    }
    response
}

/// The API reference of `CreateLogGroup`.
fn is_name(name: &str) -> bool {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"_-/.#".contains(&byte);
    (1..=512).contains(&name.len()) && name.bytes().all(is_valid) && !name.starts_with("aws/")
}

#[cfg(test)]
mod tests {
    use winterbaume_cloudwatchlogs::CloudWatchLogsService;
    use winterbaume_core::{MockRequest, MockService as _};

    use super::*;

    /// A response as a client reads it, without the time and the wording.
    fn comparable(status: u16, body: &[u8]) -> (u16, Value) {
        let mut body: Value = serde_json::from_slice(body).unwrap_or(json!({}));
        let mut log_groups = body["logGroups"].as_array().cloned().unwrap_or_default();
        log_groups.sort_by_key(|log_group| log_group["logGroupName"].to_string());
        let log_groups =
            log_groups.iter().map(|log_group| json!([log_group["logGroupName"], log_group["retentionInDays"]]));
        (status, json!([body["__type"].take(), log_groups.collect::<Vec<_>>()]))
    }

    #[tokio::test]
    async fn an_independent_stand_in_answers_alike() {
        let (ours, theirs) = (LogGroups::default(), CloudWatchLogsService::new());
        for (operation, request) in [
            ("DescribeLogGroups", json!({})),
            ("PutRetentionPolicy", json!({"logGroupName": "/a", "retentionInDays": 7})),
            ("CreateLogGroup", json!({"logGroupName": "/a"})),
            ("CreateLogGroup", json!({"logGroupName": "/a"})),
            ("CreateLogGroup", json!({"logGroupName": "/a/b.c_d-e"})),
            ("PutRetentionPolicy", json!({"logGroupName": "/a", "retentionInDays": 7})),
            ("DescribeLogGroups", json!({})),
            ("DescribeLogGroups", json!({"logGroupNamePrefix": "/a/"})),
            ("DescribeLogGroups", json!({"logGroupNamePrefix": "/b"})),
            ("DeleteRetentionPolicy", json!({"logGroupName": "/a"})),
            ("DeleteRetentionPolicy", json!({"logGroupName": "/b"})),
            ("DescribeLogGroups", json!({})),
            ("DeleteLogGroup", json!({"logGroupName": "/a"})),
            ("DeleteLogGroup", json!({"logGroupName": "/a"})),
            ("DescribeLogGroups", json!({})),
        ] {
            let body = request.to_string();
            let (status, our_body) = ours.call(operation, body.as_bytes());
            let target = format!("Logs_20140328.{operation}").parse().unwrap();
            let headers = [("x-amz-target".parse().unwrap(), target)].into_iter().collect();
            let (method, uri) = ("POST".to_owned(), "https://logs.us-east-1.amazonaws.com/".to_owned());
            let their = theirs.handle(MockRequest { method, uri, headers, body: body.into() }).await;
            let expected = comparable(their.status, &their.body);
            assert_eq!(comparable(status, our_body.as_bytes()), expected, "{operation} {request}");
        }
    }

    #[test]
    fn names_that_cloudwatch_logs_rejects_are_invalid() {
        let log_groups = LogGroups::default();
        let too_long = "a".repeat(513);
        for (name, status) in [
            ("a", 200),
            ("/A9_-.#", 200),
            (&too_long[1..], 200),
            (too_long.as_str(), 400),
            ("", 400),
            ("a b", 400),
            ("aws/x", 400),
            ("/aws/x", 200),
        ] {
            let (seen, body) = log_groups.call("CreateLogGroup", json!({"logGroupName": name}).to_string().as_bytes());
            assert_eq!(seen, status, "{name}");
            assert_eq!(body.contains("InvalidParameterException"), status == 400, "{body}");
        }
    }

    #[test]
    fn pages_lead_through_all_log_groups() {
        let log_groups = LogGroups::default();
        for number in 0..7 {
            let request = json!({"logGroupName": format!("/{number}")}).to_string();
            assert_eq!(log_groups.call("CreateLogGroup", request.as_bytes()).0, 200);
        }
        let (mut names, mut pages, mut token) = (vec![], 0, Value::Null);
        loop {
            let request = json!({"limit": 3, "nextToken": token});
            let (_, body) = log_groups.call("DescribeLogGroups", request.to_string().as_bytes());
            let mut body: Value = serde_json::from_str(&body).unwrap();
            names.extend(body["logGroups"].as_array().unwrap().iter().map(|found| found["logGroupName"].to_string()));
            pages += 1;
            token = body["nextToken"].take();
            if token.is_null() {
                break;
            }
        }
        assert_eq!((pages, names.len()), (3, 7));
        assert!(names.is_sorted());
    }
}
