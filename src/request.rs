//! One request: its caller, its operation, and the time left to respond.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::metrics::Counters;
use crate::model::AccountId;

/// The longest part of a gateway's request id that is stored or logged, in characters. A caller can choose that id.
pub const LONGEST_REQUEST_ID: usize = 128;

/// A request of a REST API (payload 1.0) or an HTTP API (payload 2.0).
pub struct ApiRequest {
    /// The AWS account that signed the request; `None` if it is unsigned.
    pub signed_by: Option<AccountId>,
    /// The gateway's request id, by which its log and ours can be joined; Lambda's, if there is none that a header
    /// can carry.
    pub request_id: String,
    pub lambda_request_id: String,
    pub method: String,
    /// The route that the gateway matched, and for which IAM authorized the caller.
    pub route: Route,
    /// The query string's parameters, decoded. Of a repeated one, the last value counts.
    pub query: Vec<(String, String)>,
    pub body: Body,
    pub arrived_at: Timestamp,
    /// The time until Lambda ends the invocation; [`Duration::MAX`] if that is unknown.
    pub time_left: Duration,
    pub counters: Counters,
}

/// A route of the gateway.
#[derive(Debug)]
pub enum Route {
    /// A resource: its path, with `{…}` for parameters, and the values of those parameters.
    Resource(String, Vec<(String, String)>),
    /// A path that reached the function through a greedy or default route.
    Path(String),
}

pub enum Body {
    /// Its text, decoded if it arrived base64-encoded.
    Text(String),
    /// It is not the text, or the text in base64, that the event says it is.
    Unreadable,
}

/// A request whose caller is known, for the operation that its route matches.
pub struct AuthorizedRequest<'a> {
    /// The caller's AWS account. Accounts see nothing of each other.
    pub account_id: &'a AccountId,
    pub parameters: PathParameters<'a>,
    pub request: &'a ApiRequest,
}

impl ApiRequest {
    pub fn query(&self, name: &str) -> Option<&str> {
        value_of(&self.query, name)
    }

    /// The request id to store: the gateway's, unless the caller chose one that is too long.
    pub fn stored_id(&self) -> &str {
        let is_too_long = self.request_id.chars().nth(LONGEST_REQUEST_ID).is_some();
        if is_too_long { &self.lambda_request_id } else { &self.request_id }
    }

    /// What is logged of the gateway's request id.
    pub fn logged_id(&self) -> &str {
        let end = self.request_id.char_indices().nth(LONGEST_REQUEST_ID);
        end.map_or(&self.request_id, |(end, _)| &self.request_id[..end])
    }
}

impl Route {
    /// The values of an operation's path parameters, if the route matches its path. Nothing is decoded: names and ids
    /// need no encoding, and IAM has seen the same text.
    pub fn parameters_of<'a>(&'a self, operation_path: &'static str) -> Option<PathParameters<'a>> {
        let name_of = |segment: &'static str| segment.strip_prefix('{')?.strip_suffix('}');
        match self {
            Self::Resource(resource, parameters) => (resource == operation_path).then(|| {
                let names = operation_path.split('/').filter_map(name_of);
                PathParameters(names.map(|name| (name, value_of(parameters, name).unwrap_or_default())).collect())
            }),
            Self::Path(path) => {
                let mut parameters = Vec::new();
                let mut segments = path.split('/');
                for expected in operation_path.split('/') {
                    let segment = segments.next()?;
                    match name_of(expected) {
                        Some(name) => parameters.push((name, segment)),
                        None if expected == segment => {}
                        None => return None,
                    }
                }
                segments.next().is_none().then_some(PathParameters(parameters))
            }
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Resource(path, _) | Self::Path(path)) = self;
        f.write_str(path)
    }
}

#[derive(Debug, Default)]
pub struct PathParameters<'a>(Vec<(&'static str, &'a str)>);

impl PathParameters<'_> {
    /// The parameter's value; empty if the path has no such parameter.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(parameter, _)| *parameter == name).map_or("", |(_, value)| value)
    }
}

/// The last value of a name.
fn value_of<'a>(values: &'a [(String, String)], name: &str) -> Option<&'a str> {
    values.iter().rfind(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: &str = "/workflow-definitions/{workflowDefinitionName}/workflow-runs";

    fn name_in(route: &Route) -> Option<String> {
        route.parameters_of(RUNS).map(|parameters| parameters.get("workflowDefinitionName").to_owned())
    }

    #[test]
    fn the_gateways_resource_decides_and_its_parameters_count() {
        let parameters = vec![("workflowDefinitionName".to_owned(), "demo".to_owned())];
        assert_eq!(name_in(&Route::Resource(RUNS.into(), parameters.clone())).as_deref(), Some("demo"));
        assert_eq!(name_in(&Route::Resource(RUNS.into(), Vec::new())).as_deref(), Some(""));
        for other in
            ["", "/", "/workflow-definitions", "/prod/workflow-definitions/{workflowDefinitionName}/workflow-runs"]
        {
            assert_eq!(name_in(&Route::Resource(other.into(), parameters.clone())), None, "{other}");
        }
    }

    #[test]
    fn a_parameter_in_a_path_is_one_segment_and_is_not_decoded() {
        for segment in ["demo", "my%2Dflow", "a%2Fb", "", ".."] {
            let path = format!("/workflow-definitions/{segment}/workflow-runs");
            assert_eq!(name_in(&Route::Path(path)).as_deref(), Some(segment));
        }
    }

    #[test]
    fn any_other_path_matches_nothing() {
        for path in [
            "",
            "/",
            "/workflow-definitions",
            "/workflow-definitions/demo",
            "/workflow-definitions/demo/workflow-runs/",
            "/workflow-definitions/demo/workflow-runs/id",
            "/workflow-definitions/a/b/workflow-runs",
            "/v1/workflow-definitions/demo/workflow-runs",
            "workflow-definitions/demo/workflow-runs",
            "/Workflow-Definitions/demo/workflow-runs",
        ] {
            assert_eq!(name_in(&Route::Path(path.into())), None, "{path}");
        }
    }
}
