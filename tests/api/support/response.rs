//! The API's responses, and what they must consist of.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

/// An HTTP response.
#[derive(Clone, Debug)]
pub struct ApiResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl ApiResponse {
    /// The response in a proxy response. REST APIs get their headers in the multi-value form, HTTP APIs in the other.
    pub fn of_proxy_response(response: &Value) -> Self {
        let single = response["headers"].as_object().into_iter().flatten();
        let multiple = response["multiValueHeaders"].as_object().into_iter().flatten();
        let headers = single.chain(multiple.map(|(name, values)| (name, &values[0]))).map(|(name, value)| {
            let value = HeaderValue::from_str(value.as_str().unwrap()).unwrap();
            (name.parse::<HeaderName>().unwrap(), value)
        });
        let status = response["statusCode"].as_u64().and_then(|status| status.try_into().ok());
        let body = response["body"].as_str().unwrap();
        Self { status: status.unwrap(), headers: headers.collect(), body: serde_json::from_str(body).unwrap() }
    }

    /// Whether a previous request has done the work.
    pub fn is_replay(&self) -> bool {
        self.header("idempotent-replayed").is_some()
    }

    /// The name of the error; empty, if it is none.
    pub fn error(&self) -> &str {
        self.header("x-amzn-errortype").unwrap_or_default()
    }

    /// Asserts a success with this status and body, of a request that was not a replay.
    #[track_caller]
    pub fn assert_success(&self, status: u16, body: &Value) {
        assert_eq!((self.status, &self.body), (status, body), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(self.header("x-amzn-requestid").is_some_and(|id| !id.is_empty()));
        for absent in ["x-amzn-errortype", "retry-after", "x-amz-retry-after", "idempotent-replayed"] {
            assert_eq!(self.header(absent), None, "{self:?}");
        }
    }

    /// Asserts that these fields failed, in this order.
    #[track_caller]
    pub fn assert_invalid(&self, fields: &[&str]) {
        let members = json!({"reason": "FieldValidationFailed", "fieldList": self.body["fieldList"]});
        self.assert_error(400, "ValidationException", members);
        assert_eq!(self.failed_fields(), fields);
        // A body that cannot be read is one more problem.
        let message = self.body["message"].as_str().unwrap();
        let counted = match fields.len() + message.matches("The body is ").count() {
            1 => "1 validation error detected: ".to_owned(),
            several => format!("{several} validation errors detected: "),
        };
        assert!(message.starts_with(&counted), "{self:?}");
    }

    /// Asserts that the definition was not found.
    #[track_caller]
    pub fn assert_no_definition(&self, name: &str) {
        let members = json!({"resourceId": name, "resourceType": "workflow-definition"});
        self.assert_error(404, "ResourceNotFoundException", members);
    }

    /// Asserts that the run was not found.
    #[track_caller]
    pub fn assert_no_run(&self, id: &str) {
        let members = json!({"resourceId": id, "resourceType": "workflow-run"});
        self.assert_error(404, "ResourceNotFoundException", members);
    }

    /// Asserts a conflict about this resource.
    #[track_caller]
    pub fn assert_conflict(&self, resource_type: &str, resource_id: &str) {
        let members = json!({"resourceId": resource_id, "resourceType": resource_type});
        self.assert_error(409, "ConflictException", members);
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Asserts all that a documented error consists of, but for its message.
    #[track_caller]
    pub fn assert_error(&self, status: u16, name: &str, members: Value) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("x-amzn-errortype"), Some(name));
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(self.header("x-amzn-requestid").is_some_and(|id| !id.is_empty()));
        let mut body = self.body.clone();
        let message = body.as_object_mut().unwrap().remove("message").unwrap();
        assert!(message.as_str().is_some_and(|message| !message.is_empty()));
        let mut expected = members;
        expected["__type"] = name.into();
        assert_eq!(body, expected);
        // Both say when to try again: in seconds, and in milliseconds with jitter.
        let seconds = self.header("retry-after").map(|seconds| seconds.parse::<u32>().unwrap());
        let milliseconds = self.header("x-amz-retry-after").map(|milliseconds| milliseconds.parse::<u32>().unwrap());
        let is_transient = matches!(status, 429 | 500..);
        assert_eq!((seconds.is_some(), milliseconds.is_some()), (is_transient, is_transient), "{self:?}");
        if let Some((seconds, milliseconds)) = seconds.zip(milliseconds) {
            assert!((seconds * 500..=seconds * 1_500).contains(&milliseconds), "{self:?}");
        }
    }

    /// The names of the fields that failed.
    pub fn failed_fields(&self) -> Vec<&str> {
        self.body["fieldList"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap()).collect()
    }
}
