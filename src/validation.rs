//! Reads an operation's input, and collects every field that fails.

use std::array;

use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::json::members;
use crate::model::{FromText, Member, Page, SortOrder, Violation, WorkflowDefinitionName, WorkflowRunId};
use crate::request::{AuthorizedRequest, Body};

/// The input of a request, and the fields of it that have failed so far.
///
/// Each method that parses a field returns `None` if the field failed. What an operation makes of the others does not
/// matter then: [`Input::finish`] returns the error.
pub struct Input<'a> {
    request: &'a AuthorizedRequest<'a>,
    failed: Vec<(String, Violation)>,
    unreadable_body: Option<String>,
}

/// A member of the body that is still to be parsed.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    /// The member that it is a member of, if it is not the body's own.
    parent: Option<&'static str>,
    name: &'static str,
    value: Result<Option<&'a RawValue>, Unreadable>,
}

/// What a member is a member of cannot be read, which is failure enough.
#[derive(Clone, Copy)]
struct Unreadable;

impl<'a> Input<'a> {
    pub fn new(request: &'a AuthorizedRequest<'a>) -> Self {
        Self { request, failed: Vec::new(), unreadable_body: None }
    }

    pub fn workflow_definition_name(&mut self) -> Option<WorkflowDefinitionName> {
        self.path("workflowDefinitionName")
    }

    pub fn workflow_run_id(&mut self) -> Option<WorkflowRunId> {
        self.path("workflowRunId")
    }

    /// The page of a listing by resources with such a name or id.
    pub fn page<I: FromText>(&mut self) -> Page<I> {
        let max_results = self.query("maxResults");
        let next_token = self.query("nextToken");
        let [sort_order] = self.body(["sortOrder"]);
        let sort_order = self.optional(sort_order).unwrap_or(SortOrder::Descending);
        Page { max_results: max_results.unwrap_or_default(), next_token, sort_order }
    }

    /// The members of the body; an empty body counts as `{}`.
    pub fn body<const N: usize>(&mut self, names: [&'static str; N]) -> [Field<'a>; N] {
        let members = match &self.request.request.body {
            Body::Unreadable => Err("The body is not the base64 or the text that the event says it is".to_owned()),
            Body::Text(body) if body.is_empty() => Ok([None; N]),
            Body::Text(body) if !body.trim_ascii_start().starts_with('{') => {
                Err("The body is not a JSON object".to_owned())
            }
            Body::Text(body) => members(body, names).map_err(|error| format!("The body is not valid JSON: {error}")),
        };
        let members = members.map_err(|message| {
            self.unreadable_body = Some(message);
            Unreadable
        });
        fields(None, names, members)
    }

    /// A required member; `null` does not count.
    pub fn required<T: Member<'a>>(&mut self, field: Field<'a>) -> Option<T> {
        self.check(field, field.value.ok()?.ok_or(Violation::Missing).and_then(T::from_json))
    }

    /// A required member that this operation restricts further.
    pub fn required_where<T: Member<'a>>(
        &mut self,
        field: Field<'a>,
        restrict: impl FnOnce(T) -> Result<T, Violation>,
    ) -> Option<T> {
        let parsed = self.required(field)?;
        self.check(field, restrict(parsed))
    }

    /// An optional member, if it is present.
    pub fn optional<T: Member<'a>>(&mut self, field: Field<'a>) -> Option<T> {
        self.check(field, T::from_json(field.value.ok()??))
    }

    /// The members of a required member that is an object.
    pub fn required_object<const N: usize>(&mut self, field: Field<'a>, names: [&'static str; N]) -> [Field<'a>; N] {
        let object = self.required(field);
        self.members_of(field.name, object, names)
    }

    /// The members of an optional member that is an object, if it is present.
    pub fn optional_object<const N: usize>(
        &mut self,
        field: Field<'a>,
        names: [&'static str; N],
    ) -> Option<[Field<'a>; N]> {
        let object = self.optional(field)?;
        Some(self.members_of(field.name, Some(object), names))
    }

    /// The parsed input, unless a field failed.
    ///
    /// # Errors
    /// [`ApiError::Validation`] with every field that failed. If the body did not parse, the message says where.
    pub fn finish<T>(self, parsed: Option<T>) -> Result<T, ApiError> {
        match parsed {
            Some(parsed) if self.failed.is_empty() && self.unreadable_body.is_none() => Ok(parsed),
            _ => Err(ApiError::validation(self.unreadable_body, &self.failed)),
        }
    }

    fn reject(&mut self, name: &str, violation: Violation) {
        self.failed.push((name.to_owned(), violation));
    }

    fn path<T: FromText>(&mut self, name: &str) -> Option<T> {
        T::from_text(self.request.parameters.get(name)).map_err(|violation| self.reject(name, violation)).ok()
    }

    fn query<T: FromText>(&mut self, name: &str) -> Option<T> {
        let text = self.request.request.query(name)?;
        T::from_text(text).map_err(|violation| self.reject(name, violation)).ok()
    }

    fn members_of<const N: usize>(
        &mut self,
        parent: &'static str,
        object: Option<Object<'a>>,
        names: [&'static str; N],
    ) -> [Field<'a>; N] {
        // The body's syntax is valid, so only a repeated member can be wrong.
        let members = object.ok_or(Unreadable).and_then(|Object(object)| {
            members(object.get(), names).map_err(|_| {
                self.reject(parent, Violation::Type("a well-formed object"));
                Unreadable
            })
        });
        fields(Some(parent), names, members)
    }

    fn check<T>(&mut self, field: Field<'a>, parsed: Result<T, Violation>) -> Option<T> {
        let name = || field.parent.map_or(field.name.to_owned(), |parent| format!("{parent}.{}", field.name));
        parsed.map_err(|violation| self.failed.push((name(), violation))).ok()
    }
}

/// Members with their values, if the object that they are members of can be read.
fn fields<'a, const N: usize>(
    parent: Option<&'static str>,
    names: [&'static str; N],
    members: Result<[Option<&'a RawValue>; N], Unreadable>,
) -> [Field<'a>; N] {
    array::from_fn(|at| Field { parent, name: names[at], value: members.map(|values| values[at]) })
}

struct Object<'a>(&'a RawValue);

impl<'a> Member<'a> for Object<'a> {
    fn from_json(value: &'a RawValue) -> Result<Self, Violation> {
        if value.get().starts_with('{') { Ok(Self(value)) } else { Err(Violation::Type("an object")) }
    }
}
