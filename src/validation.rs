//! Turns JSON into members, and collects every field that failed on the way.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::model::{MaxResults, Member, NextToken, Page, SortOrder, Violation};
use crate::request::ApiRequest;

/// The fields of one request, as they are checked.
#[derive(Default)]
pub struct Fields {
    failed: Vec<(String, Violation)>,
    unreadable_body: Option<String>,
}

impl Fields {
    /// The request's body as a JSON object; an absent body is an empty one. `None` if it cannot be read.
    pub fn body<'a, T: Deserialize<'a>>(&mut self, body: &'a [u8]) -> Option<T> {
        let body = if body.is_empty() { b"{}" } else { body };
        // Without this, serde would take an array for an object, member by member.
        let parsed = if body.trim_ascii_start().starts_with(b"{") {
            serde_json::from_slice(body).map_err(|error| format!("The body is not valid JSON: {error}"))
        } else {
            Err("The body is not a JSON object".to_owned())
        };
        parsed.map_err(|message| self.unreadable_body = Some(message)).ok()
    }

    /// A member that must be there, and not `null`, which serde reads as absent. `None` if it failed.
    pub fn required<'a, T: Member<'a>>(&mut self, name: &str, value: Option<&'a RawValue>) -> Option<T> {
        let parsed = value.ok_or(Violation::Missing).and_then(T::from_json);
        self.check(name, parsed)
    }

    /// A member that may be absent. `None` if it is, or if it failed.
    pub fn optional<'a, T: Member<'a>>(&mut self, name: &str, value: Option<&'a RawValue>) -> Option<T> {
        value.and_then(|value| self.check(name, T::from_json(value)))
    }

    /// A value that has been checked already. `None` if it failed.
    pub fn check<T>(&mut self, name: &str, parsed: Result<T, Violation>) -> Option<T> {
        parsed.map_err(|violation| self.failed.push((name.to_owned(), violation))).ok()
    }

    /// Which page of a listing a request asks for. `is_id` tells whether a text is an id of what is listed. `None` if the
    /// body cannot be read.
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

    /// The request, unless a field failed.
    ///
    /// # Errors
    /// [`ApiError::Validation`] with every field that failed; if the body could not be read, the message says why.
    pub fn finish<T>(self, request: Option<T>) -> Result<T, ApiError> {
        match request {
            Some(request) if self.failed.is_empty() => Ok(request),
            _ => Err(ApiError::validation(self.unreadable_body, &self.failed)),
        }
    }
}

/// A member that is itself an object, of members still to be checked.
pub struct Object<T>(pub T);

impl<'a, T: Deserialize<'a>> Member<'a> for Object<T> {
    fn from_json(value: &'a RawValue) -> Result<Self, Violation> {
        if !value.get().starts_with('{') {
            return Err(Violation::Type("an object"));
        }
        // The syntax has been checked with the body's; what can still be wrong is a name: there twice, or no Unicode.
        serde_json::from_str(value.get()).map(Self).map_err(|_| Violation::Type("a well-formed object"))
    }
}
