//! The members that name a workflow definition.

use super::{Member, Violation};
use serde_json::value::RawValue;

string_member!(
    /// The name of a workflow definition.
    #[derive(Debug)]
    WorkflowDefinitionName, length 1..=40, pattern "[a-zA-Z0-9_-]{1,40}" =
        |s| s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
);

#[cfg(test)]
mod tests {
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
}
