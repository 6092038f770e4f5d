//! Amazon Resource Names of workflow definitions and runs.

use super::{AccountId, WorkflowDefinitionName, WorkflowRunId};

/// Builds the ARNs of one Region, in the service's form.
pub struct Arns {
    /// `arn:{partition}:nova-act:{region}`.
    prefix: String,
}

impl Arns {
    /// The ARNs of this Region, which determines the partition.
    pub fn new(region: &str) -> Self {
        let partition = match region.split_once('-') {
            Some(("cn", _)) => "aws-cn",
            Some(("us", rest)) if rest.starts_with("gov-") => "aws-us-gov",
            _ => "aws",
        };
        Self { prefix: format!("arn:{partition}:nova-act:{region}") }
    }

    /// The ARN of a workflow definition.
    pub fn workflow_definition(&self, account_id: &AccountId, name: &WorkflowDefinitionName) -> String {
        format!("{}:{account_id}:workflow-definition/{name}", self.prefix)
    }

    /// The ARN of a workflow run.
    pub fn workflow_run(&self, account_id: &AccountId, name: &WorkflowDefinitionName, id: &WorkflowRunId) -> String {
        let definition = self.workflow_definition(account_id, name);
        format!("{definition}/workflow-run/{id}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_decides_the_partition() {
        for (region, partition) in
            [("us-east-1", "aws"), ("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
        {
            let arn = format!("arn:{partition}:nova-act:{region}:123456789012:workflow-definition/demo");
            let account_id = AccountId::parse("123456789012").unwrap();
            let name = WorkflowDefinitionName::new("demo").unwrap();
            assert_eq!(Arns::new(region).workflow_definition(&account_id, &name), arn);
            let id = WorkflowRunId::new("a9ff6150-839b-595c-ada9-279222f7f3a4").unwrap();
            let run = format!("{arn}/workflow-run/a9ff6150-839b-595c-ada9-279222f7f3a4");
            assert_eq!(Arns::new(region).workflow_run(&account_id, &name, &id), run);
        }
    }
}
