//! The operations, one file each: what goes over the wire, as the real client reads it, and as raw HTTP where no client
//! would send the request; and what the table holds afterwards.

mod create_workflow_definition;
mod create_workflow_run;
mod delete_workflow_definition;
mod delete_workflow_run;
mod get_workflow_definition;
mod get_workflow_run;
mod list_workflow_definitions;
mod list_workflow_runs;
mod update_workflow_run;

use std::fs;
use std::path::Path;

use serde_json::Value;
use workflow_runs::operations::OPERATIONS;

/// `CreateWorkflowRun` as `create-workflow-run`.
pub fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for (at, character) in name.char_indices() {
        if at > 0 && character.is_ascii_uppercase() {
            kebab.push('-');
        }
        kebab.push(character.to_ascii_lowercase());
    }
    kebab
}

#[test]
fn every_operation_has_a_route_a_sample_event_tests_and_documentation() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let template: Value = serde_saphyr::from_str(&read("template.yaml")).unwrap();
    let routes = &template["Resources"]["WorkflowRunsFunction"]["Properties"]["Events"];
    let documentation = read("docs/api.md");
    let documented: Vec<_> = documentation.lines().filter(|line| line.starts_with(['#', '|'])).collect();
    for operation in OPERATIONS {
        let (name, method) = (operation.name, operation.method.as_str());
        let route = &routes[name]["Properties"];
        assert_eq!((route["Method"].as_str(), route["Path"].as_str()), (Some(method), Some(operation.path)), "{name}");

        let kebab = kebab(name);
        let event: Value = serde_json::from_str(&read(&format!("events/rest-{kebab}.json"))).unwrap();
        let sample = (event["httpMethod"].as_str(), event["resource"].as_str());
        assert_eq!(sample, (Some(method), Some(operation.path)), "{name}");

        let snake = kebab.replace('-', "_");
        assert!(root.join(format!("tests/api/operations/{snake}.rs")).exists(), "{snake}.rs");
        let is_module = |file| read(file).contains(&format!("mod {snake};"));
        assert!(is_module("tests/api/operations/mod.rs") && is_module("src/operations/mod.rs"), "{snake}");
        assert!(documented.iter().any(|line| line.contains(name)), "docs/api.md has no heading or row for {name}");
    }
}
