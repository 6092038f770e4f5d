//! The members that page through a listing.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::{DateTime, Violation};

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
    /// Parses the value of a query string parameter.
    ///
    /// # Errors
    /// It is not a whole number from 1 to 100.
    pub fn new(text: &str) -> Result<Self, Violation> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Violation::Type("a whole number"));
        }
        match text.parse() {
            Ok(number @ 1..=100) => Ok(Self(number)),
            _ => Err(Violation::Range(1..=100)),
        }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl Default for MaxResults {
    fn default() -> Self {
        Self(100)
    }
}

/// The position where a listing continues: after the sort key of the last result returned.
///
/// Over the wire it is that key in base64url. It is not a secret and grants nothing: the caller's account alone decides
/// which listing is read.
#[derive(Debug, PartialEq, Eq)]
pub struct NextToken {
    sort_key: String,
}

impl NextToken {
    /// The token that continues after the result with this sort key.
    #[must_use]
    pub fn after(sort_key: &str) -> Self {
        Self { sort_key: sort_key.to_owned() }
    }

    /// Parses the value of a query string parameter: 1 to 2,048 characters, pattern `\S*`. `is_id` tells whether a text
    /// is a valid name or id of the listed resource.
    ///
    /// # Errors
    /// The first constraint that the value breaks, or [`Violation::UnknownToken`] if no listing of this kind can have
    /// returned it.
    pub fn new(text: &str, is_id: impl Fn(&str) -> bool) -> Result<Self, Violation> {
        const LENGTH: std::ops::RangeInclusive<usize> = 1..=2048;
        if !LENGTH.contains(&text.chars().count()) {
            return Err(Violation::Length(LENGTH));
        }
        if text.contains(char::is_whitespace) {
            return Err(Violation::Pattern(r"\S*"));
        }
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let is_sort_key =
            |key: &String| key.split_once('/').is_some_and(|(at, id)| DateTime::parse(at).is_some() && is_id(id));
        decoded.filter(is_sort_key).map(|sort_key| Self { sort_key }).ok_or(Violation::UnknownToken)
    }

    /// The token, as it goes over the wire.
    #[must_use]
    pub fn encode(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(&self.sort_key)
    }

    /// The sort key after which the listing continues.
    #[must_use]
    pub fn sort_key(&self) -> &str {
        &self.sort_key
    }
}

/// A request for a page of a listing.
#[derive(Debug)]
pub struct Page {
    /// The maximum number of results.
    pub max_results: MaxResults,
    /// Where the page begins; `None` for the first page.
    pub next_token: Option<NextToken>,
    /// The order of the listing.
    pub sort_order: SortOrder,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_1_to_100_results() {
        for (text, number) in [("1", 1), ("007", 7), ("100", 100)] {
            assert_eq!(MaxResults::new(text).map(MaxResults::get), Ok(number), "{text}");
        }
        for text in ["0", "101", "256", "99999999999999999999"] {
            assert_eq!(MaxResults::new(text), Err(Violation::Range(1..=100)), "{text}");
        }
        for text in ["", "-1", "+1", "1.0", " 1", "1e1", "\u{661}", "ten"] {
            assert_eq!(MaxResults::new(text), Err(Violation::Type("a whole number")), "{text}");
        }
    }

    #[test]
    fn a_token_is_one_that_was_given_out() {
        let is_id = |id: &str| id == "demo";
        let token = NextToken::after("2026-11-24T01:02:03.456Z/demo");
        let text = token.encode();
        assert_eq!(NextToken::new(&text, is_id), Ok(token));
        let encode = |key: &str| BASE64_URL_SAFE_NO_PAD.encode(key);
        for unknown in [
            encode("2026-11-24T01:02:03.456Z/other"),
            encode("2026-11-24T01:02:03Z/demo"),
            encode("2026-11-24T01:02:03.456Z"),
            encode(""),
            format!("{text}="),
            "!".to_owned(),
            text[1..].to_owned(),
        ]
        .iter()
        .filter(|text| !text.is_empty())
        {
            assert_eq!(NextToken::new(unknown, is_id), Err(Violation::UnknownToken), "{unknown}");
        }
        for length in [0, 2049] {
            assert_eq!(NextToken::new(&"a".repeat(length), is_id), Err(Violation::Length(1..=2048)));
        }
        assert_eq!(NextToken::new(&format!("{text} "), is_id), Err(Violation::Pattern(r"\S*")));
    }
}
