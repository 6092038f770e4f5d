//! The members of a workflow definition.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A definition's generation: a random UUID. Delete a definition and create one of the same name, and that has another
/// generation, and so runs of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct DefinitionId(pub Uuid);

impl DefinitionId {
    /// Parses the form in which it is displayed.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl fmt::Display for DefinitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

string_member!(
    /// The name of a workflow definition.
    #[derive(Debug)]
    WorkflowDefinitionName, length 1..=40, pattern "[a-zA-Z0-9_-]{1,40}" =
        |s| s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
);

string_member!(
    /// The description of a workflow definition. It has no `Debug`, so no log can repeat it.
    Description, length 1..=4000
);
string_member!(
    /// The name of the S3 bucket of an export configuration.
    #[derive(Debug)]
    S3BucketName, length 3..=63, pattern "[a-z0-9][a-z0-9.-]*[a-z0-9]" = |s| {
        let ends = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = s.as_bytes();
        ends(bytes.first())
            && ends(bytes.last())
            && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(b))
    }
);
string_member!(
    /// The prefix of the keys of an export configuration.
    #[derive(Debug)]
    S3KeyPrefix, length 1..=100, pattern "[a-zA-Z0-9!\\-_.*'()]+(?:/[a-zA-Z0-9!\\-_.*'()]+)*" = |s| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!-_.*'()".contains(&b);
        s.split('/').all(|segment| !segment.is_empty() && segment.bytes().all(allowed))
    }
);
enum_member!(
    /// The status of a workflow definition.
    WorkflowDefinitionStatus {
        /// Runs of it may start.
        Active = "ACTIVE",
        /// It is being deleted, and its runs with it.
        Deleting = "DELETING"
    }
);

/// Where the service would export results to. This API stores and returns it, and exports nothing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowExportConfig {
    /// The bucket.
    pub s3_bucket_name: S3BucketName,
    /// The prefix of the keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_key_prefix: Option<S3KeyPrefix>,
}
