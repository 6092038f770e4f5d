//! The operations of the API, by method and path.

use futures_util::future::BoxFuture;
use lambda_http::http::Method;
use percent_encoding::percent_decode_str;

use crate::answer::Success;
use crate::api::Api;
use crate::error::ApiError;
use crate::event::Call;
use crate::operations::create_workflow_run;
use crate::request_log::LogGroupCounts;

/// An operation and where it is found. `{…}` in the path is a parameter, of one segment.
pub struct Route {
    /// The operation's name.
    pub operation: &'static str,
    method: Method,
    path: &'static str,
    /// Does the operation.
    pub serve: Serve,
}

/// Parses a call, does what it asks for and gives the answer; counts what it had CloudWatch Logs do.
type Serve = for<'a> fn(
    &'a Api,
    &'a Call,
    PathParameters<'a>,
    &'a mut LogGroupCounts,
) -> BoxFuture<'a, Result<Success, ApiError>>;

static ROUTES: &[Route] = &[Route {
    operation: "CreateWorkflowRun",
    method: Method::PUT,
    path: "/workflow-definitions/{workflowDefinitionName}/workflow-runs",
    serve: |api, call, parameters, counts| Box::pin(create_workflow_run::serve(api, call, parameters, counts)),
}];

/// The route that a call takes, with or without the stage in its path, and its path parameters.
pub fn find(call: &Call) -> Option<(&'static Route, PathParameters<'_>)> {
    let mut paths = [Some(call.path.as_str()), call.path_below_stage()].into_iter().flatten();
    paths.find_map(|path| {
        let mut routes = ROUTES.iter().filter(|route| route.method == call.method);
        routes.find_map(|route| Some((route, PathParameters::of(route.path, path)?)))
    })
}

/// The parameters in a path, by name.
pub struct PathParameters<'a>(Vec<(&'static str, &'a str)>);

impl<'a> PathParameters<'a> {
    fn of(template: &'static str, path: &'a str) -> Option<Self> {
        let mut parameters = Vec::new();
        let mut segments = path.split('/');
        for expected in template.split('/') {
            let segment = segments.next()?;
            match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) => parameters.push((name, segment)),
                None if expected == segment => {}
                None => return None,
            }
        }
        segments.next().is_none().then_some(Self(parameters))
    }

    /// The parameter's value, percent-decoded; empty, if the path has no such parameter.
    pub fn get(&self, name: &str) -> String {
        let encoded = self.0.iter().find(|(parameter, _)| *parameter == name).map_or("", |(_, value)| value);
        percent_decode_str(encoded).decode_utf8_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "/workflow-definitions/{workflowDefinitionName}/workflow-runs";

    fn name_in(path: &str) -> Option<String> {
        PathParameters::of(TEMPLATE, path).map(|parameters| parameters.get("workflowDefinitionName"))
    }

    #[test]
    fn a_parameter_is_one_segment_and_is_decoded() {
        for (segment, name) in [("demo", "demo"), ("my%2Dflow", "my-flow"), ("a%2Fb", "a/b"), ("", ""), ("..", "..")] {
            assert_eq!(name_in(&format!("/workflow-definitions/{segment}/workflow-runs")).as_deref(), Some(name));
        }
    }

    #[test]
    fn any_other_path_is_no_route() {
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
            assert_eq!(name_in(path), None, "{path}");
        }
    }
}
