//! The owner of definitions and runs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The id of an AWS account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct AccountId(String);

impl AccountId {
    /// The account that API Gateway or the table names.
    pub fn new(id: String) -> Self {
        Self(id)
    }

    /// Parses an account id of 12 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_account_id = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        is_account_id.then(|| Self(text.to_owned()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_has_12_digits() {
        assert_eq!(AccountId::parse("000000000000"), Some(AccountId("000000000000".into())));
        for bad in ["00000000000", "0000000000000", "00000000000a", "            ", "\u{661}23456"] {
            assert_eq!(AccountId::parse(bad), None, "{bad}");
        }
    }
}
