//! The members of a workflow run.

use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Member, Violation};

string_member!(
    /// What makes a request idempotent; case-sensitive. It has no `Debug`, so that no log can repeat it.
    ClientToken, length 33..=256, pattern "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}" =
        |s| s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !s.starts_with('-') && !s.ends_with('-')
);
string_member!(
    /// The name of a CloudWatch Logs log group. The service keeps names under `aws/` for itself.
    #[derive(Debug)]
    LogGroupName, length 1..=512, pattern "[a-zA-Z0-9_/.-]+" =
        |s| s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_/.-".contains(&b)), not "aws/"
);
string_member!(
    /// The ID of an AI model. It is not checked against any list.
    #[derive(Debug)]
    ModelId, length 1..=100
);
string_member!(
    /// The version of a client's SDK. The upper bound is ours: an item must stay small.
    #[derive(Debug)]
    SdkVersion, length 1..=256
);

impl ClientToken {
    /// The token of a request that came without one.
    #[must_use]
    pub fn random(random: Uuid) -> Self {
        Self(random.to_string())
    }

    /// The id of the one workflow run that this token can create in this account.
    ///
    /// A function of the two and of nothing else: it makes the table's key the idempotency key.
    #[must_use]
    pub fn workflow_run_id(&self, account_id: &str) -> Uuid {
        /// Fixed for ever: with another one, every client token could create a second run.
        const NAMESPACE: Uuid = Uuid::from_u128(0x1574_86d5_e862_4a61_b975_1e1d_9f01_0156);
        let account = Uuid::new_v5(&NAMESPACE, account_id.as_bytes());
        Uuid::new_v5(&account, self.0.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(values: &[String]) -> Vec<Option<Violation>> {
        values.iter().map(|value| ClientToken::new(value).err()).collect()
    }

    fn log_groups(values: &[String]) -> Vec<Option<Violation>> {
        values.iter().map(|value| LogGroupName::new(value).err()).collect()
    }

    fn lengths(character: &str, counts: &[usize]) -> Vec<String> {
        counts.iter().map(|count| character.repeat(*count)).collect()
    }

    #[test]
    fn a_client_token_has_33_to_256_characters() {
        let length = Some(Violation::Length(33..=256));
        assert_eq!(tokens(&lengths("a", &[0, 32, 33, 256, 257])), [length.clone(), length.clone(), None, None, length]);
    }

    #[test]
    fn a_client_token_begins_and_ends_with_a_letter_or_digit() {
        let middle = "-".repeat(40);
        for good in [format!("a{middle}Z"), format!("0{middle}9"), "aZ09-".repeat(8) + "a"] {
            assert_eq!(tokens(&[good]), [None]);
        }
        for bad in [format!("{middle}a"), format!("a{middle}"), format!("a{middle}a\n"), format!("a_{middle}a")] {
            assert_eq!(tokens(&[bad]), [Some(Violation::Pattern("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}"))]);
        }
    }

    #[test]
    fn a_log_group_name_has_1_to_512_characters() {
        let length = Some(Violation::Length(1..=512));
        assert_eq!(log_groups(&lengths("a", &[0, 1, 512, 513])), [length.clone(), None, None, length]);
    }

    #[test]
    fn a_log_group_name_matches_its_pattern_from_end_to_end() {
        for good in ["azAZ09_/.-", "/aws/lambda/f", "aws", ".", "/"] {
            assert_eq!(LogGroupName::new(good).err(), None, "{good:?}");
        }
        for bad in ["#", "a#b", "a b", "a\n", "\ta", "é", "a:b", "a*"] {
            assert_eq!(LogGroupName::new(bad).err(), Some(Violation::Pattern("[a-zA-Z0-9_/.-]+")), "{bad:?}");
        }
    }

    #[test]
    fn a_log_group_name_does_not_begin_with_the_prefix_that_cloudwatch_logs_keeps() {
        assert_eq!(LogGroupName::new("aws/x").err(), Some(Violation::ReservedPrefix("aws/")));
    }

    #[test]
    fn a_model_id_has_1_to_100_characters_of_any_kind() {
        let too_long = Some(Violation::Length(1..=100));
        for (count, violation) in [(0, too_long.clone()), (1, None), (100, None), (101, too_long)] {
            assert_eq!(ModelId::new("😀".repeat(count)).err(), violation, "{count} code points");
        }
        assert_eq!(ModelId::new("\n").err(), None);
    }

    #[test]
    fn an_sdk_version_has_1_to_256_characters_of_any_kind() {
        let too_long = Some(Violation::Length(1..=256));
        for (count, violation) in [(0, too_long.clone()), (1, None), (256, None), (257, too_long)] {
            assert_eq!(SdkVersion::new("é".repeat(count)).err(), violation, "{count} code points");
        }
    }

    #[test]
    fn a_run_id_is_a_function_of_account_and_token() {
        let id = |account, token: &str| ClientToken::new(token).unwrap().workflow_run_id(account).to_string();
        let token = "00000000-0000-0000-0000-00000000000A";
        // A known answer: if it changes, every client token in use can create a second run.
        assert_eq!(id("123456789012", token), "a9ff6150-839b-595c-ada9-279222f7f3a4");
        assert_ne!(id("123456789012", token), id("123456789013", token));
        assert_ne!(id("123456789012", token), id("123456789012", &token.to_lowercase()));
    }
}
