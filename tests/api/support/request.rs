//! The requests of the nine operations, and the responses that the API documents for them.

use serde_json::{Value, json};

use crate::support::ApiResponse;

/// A request, without its account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    CreateDefinition { name: &'static str, token: Option<String>, description: Option<&'static str> },
    GetDefinition { name: &'static str },
    ListDefinitions { page: Page },
    DeleteDefinition { name: &'static str },
    CreateRun { name: &'static str, token: Option<String>, model: &'static str, log_group: Option<String> },
    GetRun { name: &'static str, id: String },
    ListRuns { name: &'static str, page: Page },
    UpdateRun { name: &'static str, id: String, status: &'static str },
    DeleteRun { name: &'static str, id: String },
}

/// The statuses that each operation may return, its success first.
pub const DOCUMENTED: [(&str, &[u16]); 9] = [
    ("CreateWorkflowDefinition", &[201, 400, 403, 409, 429, 500]),
    ("CreateWorkflowRun", &[201, 400, 403, 404, 409, 429, 500]),
    ("DeleteWorkflowDefinition", &[202, 400, 403, 404, 429, 500]),
    ("DeleteWorkflowRun", &[202, 400, 403, 404, 429, 500]),
    ("GetWorkflowDefinition", &[200, 400, 403, 404, 429, 500]),
    ("GetWorkflowRun", &[200, 400, 403, 404, 429, 500]),
    ("ListWorkflowDefinitions", &[200, 400, 403, 429, 500]),
    ("ListWorkflowRuns", &[200, 400, 403, 404, 429, 500]),
    ("UpdateWorkflowRun", &[200, 400, 403, 404, 409, 429, 500]),
];

/// The statuses that this operation may return, its success first.
#[track_caller]
pub fn documented(operation: &str) -> &'static [u16] {
    let documented = DOCUMENTED.iter().find(|(name, _)| *name == operation);
    documented.unwrap_or_else(|| panic!("tests/api/support/request.rs lacks the statuses of {operation}")).1
}

/// Which page of a listing to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Page {
    pub max_results: Option<usize>,
    pub next_token: Option<String>,
    pub order: Option<&'static str>,
}

impl Page {
    fn query(&self) -> String {
        let max_results = self.max_results.map(|max| format!("maxResults={max}"));
        let next_token = self.next_token.as_ref().map(|token| format!("nextToken={token}"));
        max_results.into_iter().chain(next_token).collect::<Vec<_>>().join("&")
    }

    fn body(&self) -> Value {
        json!({"sortOrder": self.order})
    }

    pub fn is_ascending(&self) -> bool {
        self.order == Some("Ascending")
    }
}

impl Request {
    pub fn operation(&self) -> &'static str {
        match self {
            Self::CreateDefinition { .. } => "CreateWorkflowDefinition",
            Self::GetDefinition { .. } => "GetWorkflowDefinition",
            Self::ListDefinitions { .. } => "ListWorkflowDefinitions",
            Self::DeleteDefinition { .. } => "DeleteWorkflowDefinition",
            Self::CreateRun { .. } => "CreateWorkflowRun",
            Self::GetRun { .. } => "GetWorkflowRun",
            Self::ListRuns { .. } => "ListWorkflowRuns",
            Self::UpdateRun { .. } => "UpdateWorkflowRun",
            Self::DeleteRun { .. } => "DeleteWorkflowRun",
        }
    }

    /// The definition that it names.
    pub fn definition(&self) -> Option<&'static str> {
        match self {
            Self::ListDefinitions { .. } => None,
            Self::CreateDefinition { name, .. }
            | Self::GetDefinition { name }
            | Self::DeleteDefinition { name }
            | Self::CreateRun { name, .. }
            | Self::GetRun { name, .. }
            | Self::ListRuns { name, .. }
            | Self::UpdateRun { name, .. }
            | Self::DeleteRun { name, .. } => Some(name),
        }
    }

    /// Method, path with query string, and body.
    pub fn http(&self) -> (&'static str, String, String) {
        let definition = self.definition().map(|name| format!("/workflow-definitions/{name}")).unwrap_or_default();
        let run = |id: &str| format!("{definition}/workflow-runs/{id}");
        match self {
            Self::CreateDefinition { name, token, description } => {
                let body = json!({"name": name, "clientToken": token, "description": description});
                ("PUT", "/workflow-definitions".to_owned(), body.to_string())
            }
            Self::GetDefinition { .. } => ("GET", definition, String::new()),
            Self::ListDefinitions { page } => {
                ("POST", format!("/workflow-definitions?{}", page.query()), page.body().to_string())
            }
            Self::DeleteDefinition { .. } => ("DELETE", definition, String::new()),
            Self::CreateRun { token, model, log_group, .. } => {
                let body = json!({
                    "clientInfo": {"compatibilityVersion": 1},
                    "clientToken": token,
                    "logGroupName": log_group,
                    "modelId": model,
                });
                ("PUT", format!("{definition}/workflow-runs"), body.to_string())
            }
            Self::GetRun { id, .. } => ("GET", run(id), String::new()),
            Self::ListRuns { page, .. } => {
                ("POST", format!("{definition}/workflow-runs?{}", page.query()), page.body().to_string())
            }
            Self::UpdateRun { id, status, .. } => ("PUT", run(id), json!({"status": status}).to_string()),
            Self::DeleteRun { id, .. } => ("DELETE", run(id), String::new()),
        }
    }

    /// The statuses that the operation may return, its success first.
    pub fn documented(&self) -> &'static [u16] {
        documented(self.operation())
    }

    /// Whether a request like this gets a 400, whatever the table holds.
    pub fn is_valid(&self) -> bool {
        let is_name = |name: &str| !name.is_empty() && !name.contains('.');
        self.definition().is_none_or(is_name)
            && match self {
                Self::CreateRun { model, .. } => !model.is_empty(),
                Self::UpdateRun { status, .. } => *status != "DELETING",
                Self::ListRuns { page, .. } | Self::ListDefinitions { page } => page.max_results != Some(0),
                _ => true,
            }
    }

    /// Checks that a response is a documented one of this operation.
    ///
    /// # Panics
    /// If it is not.
    pub fn check_documented(&self, response: &ApiResponse) {
        let (error, retry_after) = match response.status {
            200..300 => ("", false),
            400 => ("ValidationException", false),
            403 => ("AccessDeniedException", false),
            404 => ("ResourceNotFoundException", false),
            409 => ("ConflictException", false),
            429 => ("ThrottlingException", true),
            _ => ("InternalServerException", true),
        };
        assert!(self.documented().contains(&response.status), "{self:?}: {response:?}");
        let shown = (response.error(), response.header("retry-after").is_some());
        assert_eq!(shown, (error, retry_after), "{self:?}: {response:?}");
        assert_eq!(response.body["__type"].as_str().unwrap_or_default(), error, "{self:?}: {response:?}");
        assert!(!response.is_replay() || response.status == 201, "{self:?}: {response:?}");
        // CloudWatch Logs rejects names, too, when a fault says so.
        let fields = response.body["fieldList"].as_array().into_iter().flatten().map(|field| &field["name"]);
        let is_rejected = matches!(self, Self::CreateRun { log_group: Some(_), .. }) && fields.eq(["logGroupName"]);
        assert_eq!(response.status == 400, !self.is_valid() || is_rejected, "{self:?}: {response:?}");
        let of_definition = || response.body["resourceType"] == "workflow-definition";
        let names_it = match response.status {
            404 | 409 if of_definition() => response.body["resourceId"] == self.definition().unwrap(),
            _ => true,
        };
        assert!(names_it, "{self:?}: {response:?}");
    }
}
