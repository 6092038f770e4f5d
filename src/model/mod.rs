//! The members of the API's requests and their constraints, as types that cannot hold a bad value.
//!
//! Source: the service model of Amazon Nova Act, API version 2025-08-22. A pattern matches the whole string; a length
//! counts Unicode code points.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::value::RawValue;

/// The rule that a value breaks, in the words AWS uses for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A required member is absent or `null`.
    Missing,
    /// The JSON value is of another type than the named one.
    Type(&'static str),
    /// Too short or too long, in code points.
    Length(RangeInclusive<usize>),
    /// The documented pattern does not match.
    Pattern(&'static str),
    /// CloudWatch Logs keeps this prefix for itself.
    ReservedPrefix(&'static str),
    /// CloudWatch Logs refused the name for a reason of its own.
    RefusedByCloudWatchLogs,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("Member must not be null"),
            Self::Type(name) => write!(f, "Member must be {name}"),
            Self::Length(range) => {
                let (min, max) = (range.start(), range.end());
                write!(f, "Member must have length between {min} and {max}, inclusive")
            }
            Self::Pattern(pattern) => write!(f, "Member must satisfy regular expression pattern: {pattern}"),
            Self::ReservedPrefix(prefix) => write!(f, "Member must not begin with {prefix}"),
            Self::RefusedByCloudWatchLogs => f.write_str("Member must be a name that CloudWatch Logs accepts"),
        }
    }
}

/// What a JSON value can be parsed into.
pub trait Member<'a>: Sized {
    /// Parses the value and checks its constraints.
    ///
    /// # Errors
    /// The first constraint that the value breaks.
    fn from_json(value: &'a RawValue) -> Result<Self, Violation>;
}

impl Member<'_> for i32 {
    fn from_json(value: &RawValue) -> Result<Self, Violation> {
        value.get().parse().map_err(|_| Violation::Type("a 32-bit integer"))
    }
}

/// Declares a string member: its length; its pattern, with the check that stands for it; a prefix that it must not have.
macro_rules! string_member {
    (
        $(#[$attribute:meta])*
        $name:ident, length $length:expr $(, pattern $pattern:literal = $matches:expr)? $(, not $reserved:literal)?
    ) => {
        $(#[$attribute])*
        #[doc = concat!("\n\nLength `", stringify!($length), "`" $(, ", pattern `", $pattern, "`")?, ".")]
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// Takes a value that meets the constraints.
            ///
            /// # Errors
            /// The first constraint that the value breaks.
            pub fn new(value: impl Into<String>) -> Result<Self, Violation> {
                let value = value.into();
                if !$length.contains(&value.chars().count()) {
                    return Err(Violation::Length($length));
                }
                $(let matches: fn(&str) -> bool = $matches;
                if !matches(&value) {
                    return Err(Violation::Pattern($pattern));
                })?
                $(if value.starts_with($reserved) {
                    return Err(Violation::ReservedPrefix($reserved));
                })?
                Ok(Self(value))
            }

            /// The value.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Member<'_> for $name {
            fn from_json(value: &RawValue) -> Result<Self, Violation> {
                let value: String = serde_json::from_str(value.get()).map_err(|_| Violation::Type("a string"))?;
                Self::new(value)
            }
        }

        impl From<$name> for String {
            fn from(member: $name) -> Self {
                member.0
            }
        }
    };
}

mod workflow_definition;
mod workflow_run;

pub use workflow_definition::WorkflowDefinitionName;
pub use workflow_run::{ClientToken, LogGroupName, ModelId, SdkVersion};
