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
    #[must_use]
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

#[cfg(test)]
mod tests {
    use super::super::Violation;
    use super::*;

    fn names(values: &[String]) -> Vec<Option<Violation>> {
        values.iter().map(|value| WorkflowDefinitionName::new(value).err()).collect()
    }

    fn lengths(character: &str, counts: &[usize]) -> Vec<String> {
        counts.iter().map(|count| character.repeat(*count)).collect()
    }

    #[test]
    fn a_workflow_definition_name_has_1_to_40_characters() {
        let too_long = Some(Violation::Length(1..=40));
        assert_eq!(names(&lengths("a", &[0, 1, 40, 41])), [too_long.clone(), None, None, too_long]);
    }

    #[test]
    fn a_workflow_definition_name_matches_its_pattern_from_end_to_end() {
        for good in ["azAZ09_-", "-", "_", "0"] {
            assert_eq!(WorkflowDefinitionName::new(good).err(), None, "{good:?}");
        }
        for bad in [" a", "a ", "a\n", "\na", "a.b", "a/b", "é", "a\0", "%41"] {
            let pattern = Violation::Pattern("[a-zA-Z0-9_-]{1,40}");
            assert_eq!(WorkflowDefinitionName::new(bad).err(), Some(pattern), "{bad:?}");
        }
    }

    #[test]
    fn a_description_has_1_to_4000_characters_of_any_kind() {
        let length = Some(Violation::Length(1..=4000));
        for (count, violation) in [(0, length.clone()), (1, None), (4_000, None), (4_001, length)] {
            assert_eq!(Description::new("\u{1f600}".repeat(count)).err(), violation, "{count} code points");
        }
    }

    #[test]
    fn a_bucket_name_has_3_to_63_characters_and_begins_and_ends_with_a_letter_or_digit() {
        let length = Some(Violation::Length(3..=63));
        for (count, violation) in [(2, length.clone()), (3, None), (63, None), (64, length)] {
            assert_eq!(S3BucketName::new("a".repeat(count)).err(), violation, "{count} characters");
        }
        for good in ["my-bucket", "0.a", "a-.-b", "a..b"] {
            assert_eq!(S3BucketName::new(good).err(), None, "{good}");
        }
        for bad in ["-ab", "ab-", ".ab", "ab.", "Abc", "a_b", "abc\n", "a/b"] {
            let pattern = Some(Violation::Pattern("[a-z0-9][a-z0-9.-]*[a-z0-9]"));
            assert_eq!(S3BucketName::new(bad).err(), pattern, "{bad:?}");
        }
    }

    #[test]
    fn a_key_prefix_has_1_to_100_characters_in_segments_that_are_not_empty() {
        let length = Some(Violation::Length(1..=100));
        for (count, violation) in [(0, length.clone()), (1, None), (100, None), (101, length)] {
            assert_eq!(S3KeyPrefix::new("a".repeat(count)).err(), violation, "{count} characters");
        }
        for good in ["a/b/c", "!-_.*'()", "A/0"] {
            assert_eq!(S3KeyPrefix::new(good).err(), None, "{good}");
        }
        for bad in ["/", "/a", "a/", "a//b", "a b", "a\n", "a+b", "a\\b"] {
            assert!(matches!(S3KeyPrefix::new(bad), Err(Violation::Pattern(_))), "{bad:?}");
        }
    }
}
