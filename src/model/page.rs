//! The members that page through a listing.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{DateTime, FromText, Violation};

enum_member!(
    /// The order of a listing, by creation or start time.
    SortOrder {
        /// The oldest first.
        Ascending = "Ascending",
        /// The newest first; the default.
        Descending = "Descending"
    }
);

/// The maximum number of results on a page: 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxResults(u8);

impl MaxResults {
    /// The number.
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl FromText for MaxResults {
    fn from_text(text: &str) -> Result<Self, Violation> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Violation::Type("a whole number"));
        }
        match text.parse() {
            Ok(number @ 1..=100) => Ok(Self(number)),
            _ => Err(Violation::Range(1..=100)),
        }
    }
}

impl Default for MaxResults {
    fn default() -> Self {
        Self(100)
    }
}

/// The place of a resource in its listings: its creation or start time, and its name or id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey<I> {
    /// When the resource was created or started.
    pub at: DateTime,
    /// Its name or id.
    pub id: I,
}

impl<I: FromText> SortKey<I> {
    /// Parses exactly the form in which a [`SortKey`] is displayed.
    pub fn parse(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('/')?;
        Some(Self { at: DateTime::parse(at)?, id: I::from_text(id).ok()? })
    }
}

impl<I: fmt::Display> fmt::Display for SortKey<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.at, self.id)
    }
}

impl<'de, I: FromText> Deserialize<'de> for SortKey<I> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format_args!("the sort key {text} cannot be read")))
    }
}

/// The position where a listing continues: after the sort key of the last result returned.
///
/// Over the wire it is that key in base64url. It is not a secret and grants nothing: only the caller's account decides
/// which listing is read.
#[derive(Debug, PartialEq, Eq)]
pub struct NextToken<I>(pub SortKey<I>);

impl<I: fmt::Display> NextToken<I> {
    /// The token, as it goes over the wire.
    fn encode(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0.to_string())
    }
}

impl<I: fmt::Display> Serialize for NextToken<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.encode())
    }
}

/// 1 to 2,048 characters, pattern `\S*`, and a token that a listing of this kind can have returned.
impl<I: FromText> FromText for NextToken<I> {
    fn from_text(text: &str) -> Result<Self, Violation> {
        const LENGTH: std::ops::RangeInclusive<usize> = 1..=2048;
        if !LENGTH.contains(&text.chars().count()) {
            return Err(Violation::Length(LENGTH));
        }
        if text.contains(char::is_whitespace) {
            return Err(Violation::Pattern(r"\S*"));
        }
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        decoded.and_then(|key| SortKey::parse(&key)).map(Self).ok_or(Violation::UnknownToken)
    }
}

/// A request for a page of a listing.
#[derive(Debug)]
pub struct Page<I> {
    /// The maximum number of results.
    pub max_results: MaxResults,
    /// Where the page begins; `None` for the first page.
    pub next_token: Option<NextToken<I>>,
    /// The order of the listing.
    pub sort_order: SortOrder,
}

#[cfg(test)]
mod tests {
    use super::super::WorkflowDefinitionName;
    use super::*;

    #[test]
    fn a_page_has_1_to_100_results() {
        for (text, number) in [("1", 1), ("007", 7), ("100", 100)] {
            assert_eq!(MaxResults::from_text(text).map(MaxResults::get), Ok(number), "{text}");
        }
        for text in ["0", "101", "256", "99999999999999999999"] {
            assert_eq!(MaxResults::from_text(text), Err(Violation::Range(1..=100)), "{text}");
        }
        for text in ["", "-1", "+1", "1.0", " 1", "1e1", "\u{661}", "ten"] {
            assert_eq!(MaxResults::from_text(text), Err(Violation::Type("a whole number")), "{text}");
        }
    }

    #[test]
    fn a_token_is_one_that_a_listing_can_have_returned() {
        let parse = NextToken::<WorkflowDefinitionName>::from_text;
        let token = NextToken(SortKey::parse("2026-11-24T01:02:03.456Z/demo").unwrap());
        let text = token.encode();
        assert_eq!(parse(&text), Ok(token));
        let encode = |key: &str| BASE64_URL_SAFE_NO_PAD.encode(key);
        for unknown in [
            encode("2026-11-24T01:02:03.456Z/not.a.name"),
            encode("2026-11-24T01:02:03Z/demo"),
            encode("2026-11-24T01:02:03.456Z"),
            encode("/"),
            format!("{text}="),
            "!".to_owned(),
            text[1..].to_owned(),
        ] {
            assert_eq!(parse(&unknown), Err(Violation::UnknownToken), "{unknown}");
        }
        for length in [0, 2049] {
            assert_eq!(parse(&"a".repeat(length)), Err(Violation::Length(1..=2048)));
        }
        assert_eq!(parse(&format!("{text} ")), Err(Violation::Pattern(r"\S*")));
    }
}
