//! Parses members, and collects every field that fails.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::model::{MaxResults, Member, NextToken, Page, SortOrder, Violation};
use crate::request::ApiRequest;

/// The fields of one request that have failed so far.
#[derive(Default)]
pub struct Fields {
    failed: Vec<(String, Violation)>,
    unreadable_body: Option<String>,
}

impl Fields {
    /// The request's body as a JSON object; an empty body counts as `{}`. `None` if it does not parse.
    pub fn body<'a, T: Deserialize<'a>>(&mut self, body: &'a [u8]) -> Option<T> {
        let body = if body.is_empty() { b"{}" } else { body };
        // Without this check, serde would read an array as an object, member by member.
        let parsed = if body.trim_ascii_start().starts_with(b"{") {
            serde_json::from_slice(body).map_err(|error| format!("The body is not valid JSON: {error}"))
        } else {
            Err("The body is not a JSON object".to_owned())
        };
        parsed.map_err(|message| self.unreadable_body = Some(message)).ok()
    }

    /// A required member; `null`, which serde reads as absent, does not count. `None` if it failed.
    pub fn required<'a, T: Member<'a>>(&mut self, name: &str, value: Option<&'a RawValue>) -> Option<T> {
        let parsed = value.ok_or(Violation::Missing).and_then(T::from_json);
        self.check(name, parsed)
    }

    /// An optional member. `None` if it is absent or failed.
    pub fn optional<'a, T: Member<'a>>(&mut self, name: &str, value: Option<&'a RawValue>) -> Option<T> {
        value.and_then(|value| self.check(name, T::from_json(value)))
    }

    /// A value that has already been parsed. `None` if it failed.
    pub fn check<T>(&mut self, name: &str, parsed: Result<T, Violation>) -> Option<T> {
        parsed.map_err(|violation| self.failed.push((name.to_owned(), violation))).ok()
    }

    /// The page of a listing that a request asks for. `is_id` tells whether a text is a valid name or id of the listed
    /// resource. `None` if the body does not parse.
    pub fn page(&mut self, request: &ApiRequest, is_id: impl Fn(&str) -> bool) -> Option<Page> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            #[serde(borrow)]
            sort_order: Option<&'a RawValue>,
        }

        let max_results = request.query("maxResults").map(MaxResults::new);
        let max_results = max_results.and_then(|parsed| self.check("maxResults", parsed));
        let next_token = request.query("nextToken").map(|token| NextToken::new(token, is_id));
        let next_token = next_token.and_then(|parsed| self.check("nextToken", parsed));
        let body = self.body::<Body>(&request.body)?;
        let sort_order = self.optional("sortOrder", body.sort_order).unwrap_or(SortOrder::Descending);
        Some(Page { max_results: max_results.unwrap_or_default(), next_token, sort_order })
    }

    /// The parsed input, unless a field failed.
    ///
    /// # Errors
    /// [`ApiError::Validation`] with every field that failed. If the body did not parse, the message says where.
    pub fn finish<T>(self, request: Option<T>) -> Result<T, ApiError> {
        match request {
            Some(request) if self.failed.is_empty() => Ok(request),
            _ => Err(ApiError::validation(self.unreadable_body, &self.failed)),
        }
    }
}

/// A member that is an object, whose own members are still to be checked.
pub struct Object<T>(pub T);

impl<'a, T: Deserialize<'a>> Member<'a> for Object<T> {
    fn from_json(value: &'a RawValue) -> Result<Self, Violation> {
        if !value.get().starts_with('{') {
            return Err(Violation::Type("an object"));
        }
        // The body's syntax is valid, so only a member name can be wrong: repeated, or not valid Unicode.
        serde_json::from_str(value.get()).map(Self).map_err(|_| Violation::Type("a well-formed object"))
    }
}
