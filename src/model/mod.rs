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
    /// The JSON value is not of the named type.
    Type(&'static str),
    /// Too short or too long, in code points.
    Length(RangeInclusive<usize>),
    /// The documented pattern does not match.
    Pattern(&'static str),
    /// The number is outside this range.
    Range(RangeInclusive<u32>),
    /// The value is not one of these.
    Enum(&'static [&'static str]),
    /// Only the service may set this status. A client may set these.
    InvalidStatus(&'static [&'static str]),
    /// This operation has never returned the token.
    UnknownToken,
    /// CloudWatch Logs reserves this prefix.
    ReservedPrefix(&'static str),
    /// CloudWatch Logs rejected the name.
    RejectedByCloudWatchLogs,
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
            Self::Range(range) => write!(f, "Member must be between {} and {}, inclusive", range.start(), range.end()),
            Self::Enum(values) => write!(f, "Member must satisfy enum value set: [{}]", values.join(", ")),
            Self::InvalidStatus(values) => {
                write!(f, "Member must be a status that a client may set: [{}]", values.join(", "))
            }
            Self::UnknownToken => f.write_str("Member must be a token that this operation has returned"),
            Self::ReservedPrefix(prefix) => write!(f, "Member must not begin with {prefix}"),
            Self::RejectedByCloudWatchLogs => f.write_str("Member must be a name that CloudWatch Logs accepts"),
        }
    }
}

/// A type that can be parsed from a JSON value.
pub trait Member<'a>: Sized {
    /// Parses the value and checks its constraints.
    ///
    /// # Errors
    /// The first constraint that the value breaks.
    fn from_json(value: &'a RawValue) -> Result<Self, Violation>;
}

/// A type that can be parsed from the text of a path segment, of a query string parameter or of a sort key.
pub trait FromText: Sized {
    /// Parses the text and checks its constraints.
    ///
    /// # Errors
    /// The first constraint that the text breaks.
    fn from_text(text: &str) -> Result<Self, Violation>;
}

impl Member<'_> for i32 {
    fn from_json(value: &RawValue) -> Result<Self, Violation> {
        value.get().parse().map_err(|_| Violation::Type("a 32-bit integer"))
    }
}

/// Declares an enumeration with its values, which are the same over the wire and in the table.
macro_rules! enum_member {
    ($(#[$attribute:meta])* $name:ident { $($(#[$variant_attribute:meta])* $variant:ident = $value:literal),+ }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ::serde::Deserialize, ::serde::Serialize)]
        pub enum $name {
            $($(#[$variant_attribute])* #[serde(rename = $value)] $variant),+
        }

        impl $name {
            /// Every value.
            pub const VALUES: &[&str] = &[$($value),+];

            /// The value, as it goes over the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $value),+
                }
            }
        }

        impl $crate::model::Member<'_> for $name {
            fn from_json(value: &::serde_json::value::RawValue) -> Result<Self, $crate::model::Violation> {
                let text: String =
                    ::serde_json::from_str(value.get()).map_err(|_| $crate::model::Violation::Type("a string"))?;
                match text.as_str() {
                    $($value => Ok(Self::$variant),)+
                    _ => Err($crate::model::Violation::Enum(Self::VALUES)),
                }
            }
        }
    };
}

/// Declares a string member: its length, its pattern with the equivalent check, and a reserved prefix.
macro_rules! string_member {
    (
        $(#[$attribute:meta])*
        $name:ident, length $length:expr $(, pattern $pattern:literal = $matches:expr)? $(, not $reserved:literal)?
    ) => {
        $(#[$attribute])*
        #[doc = concat!("\n\nLength `", stringify!($length), "`" $(, ", pattern `", $pattern, "`")?, ".")]
        #[derive(Clone, PartialEq, Eq, ::serde::Deserialize, ::serde::Serialize)]
        pub struct $name(String);

        impl $name {
            /// Checks a value against the constraints.
            ///
            /// # Errors
            /// The first constraint that the value breaks.
            pub fn new(value: impl Into<String>) -> Result<Self, $crate::model::Violation> {
                let value = value.into();
                if !$length.contains(&value.chars().count()) {
                    return Err($crate::model::Violation::Length($length));
                }
                $(let matches: fn(&str) -> bool = $matches;
                if !matches(&value) {
                    return Err($crate::model::Violation::Pattern($pattern));
                })?
                $(if value.starts_with($reserved) {
                    return Err($crate::model::Violation::ReservedPrefix($reserved));
                })?
                Ok(Self(value))
            }

            /// The value.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl $crate::model::Member<'_> for $name {
            fn from_json(value: &::serde_json::value::RawValue) -> Result<Self, $crate::model::Violation> {
                let text = ::serde_json::from_str::<String>(value.get());
                Self::new(text.map_err(|_| $crate::model::Violation::Type("a string"))?)
            }
        }

        impl $crate::model::FromText for $name {
            fn from_text(text: &str) -> Result<Self, $crate::model::Violation> {
                Self::new(text)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

mod account;
mod arn;
mod date_time;
mod page;
mod workflow_definition;
mod workflow_run;

pub use account::AccountId;
pub use arn::Arns;
pub use date_time::{DateTime, EpochSeconds};
pub use page::{MaxResults, NextToken, Page, SortKey, SortOrder};
pub use workflow_definition::{
    DefinitionId, Description, S3BucketName, S3KeyPrefix, WorkflowDefinitionName, WorkflowDefinitionStatus,
    WorkflowExportConfig,
};
pub use workflow_run::{
    ClientInfo, ClientToken, LogGroupName, ModelId, RunRetention, RunState, RunTimeout, SdkVersion, WorkflowRunId,
    WorkflowRunStatus,
};
