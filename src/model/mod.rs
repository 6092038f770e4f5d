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

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_length<T: FromText>(character: &str, length: RangeInclusive<usize>) {
        for count in [*length.start() - 1, *length.start(), *length.end(), *length.end() + 1] {
            let expected = (!length.contains(&count)).then(|| Violation::Length(length.clone()));
            assert_eq!(T::from_text(&character.repeat(count)).err(), expected, "{count} times {character}");
        }
    }

    fn assert_matches<T: FromText>(pattern: &'static str, good: &[impl AsRef<str>], bad: &[impl AsRef<str>]) {
        for text in good.iter().map(AsRef::as_ref) {
            assert_eq!(T::from_text(text).err(), None, "{text:?}");
        }
        for text in bad.iter().map(AsRef::as_ref) {
            assert_eq!(T::from_text(text).err(), Some(Violation::Pattern(pattern)), "{text:?}");
        }
    }

    #[test]
    fn a_length_counts_code_points_and_includes_both_bounds() {
        assert_length::<ClientToken>("a", 33..=256);
        assert_length::<Description>("\u{1f600}", 1..=4000);
        assert_length::<LogGroupName>("a", 1..=512);
        assert_length::<ModelId>("\u{1f600}", 1..=100);
        assert_length::<S3BucketName>("a", 3..=63);
        assert_length::<S3KeyPrefix>("a", 1..=100);
        assert_length::<SdkVersion>("é", 1..=256);
        assert_length::<WorkflowDefinitionName>("a", 1..=40);
        for bad in ["a9ff6150-839b-595c-ada9-279222f7f3a", "a9ff6150-839b-595c-ada9-279222f7f3a4\n"] {
            assert_eq!(WorkflowRunId::from_text(bad).err(), Some(Violation::Length(36..=36)), "{bad:?}");
        }
    }

    #[test]
    fn a_pattern_matches_from_end_to_end() {
        let hyphens = "-".repeat(40);
        assert_matches::<ClientToken>(
            "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}",
            &[format!("a{hyphens}Z"), format!("0{hyphens}9"), "aZ09-".repeat(8) + "a"],
            &[format!("{hyphens}a"), format!("a{hyphens}"), format!("a{hyphens}a\n"), format!("a_{hyphens}a")],
        );
        assert_matches::<LogGroupName>(
            "[a-zA-Z0-9_/.-]+",
            &["azAZ09_/.-", "/aws/lambda/f", "aws", ".", "/"],
            &["#", "a#b", "a b", "a\n", "\ta", "é", "a:b", "a*"],
        );
        assert_matches::<S3BucketName>(
            "[a-z0-9][a-z0-9.-]*[a-z0-9]",
            &["my-bucket", "0.a", "a-.-b", "a..b"],
            &["-ab", "ab-", ".ab", "ab.", "Abc", "a_b", "abc\n", "a/b"],
        );
        assert_matches::<S3KeyPrefix>(
            "[a-zA-Z0-9!\\-_.*'()]+(?:/[a-zA-Z0-9!\\-_.*'()]+)*",
            &["a/b/c", "!-_.*'()", "A/0"],
            &["/", "/a", "a/", "a//b", "a b", "a\n", "a+b", "a\\b"],
        );
        assert_matches::<WorkflowDefinitionName>(
            "[a-zA-Z0-9_-]{1,40}",
            &["azAZ09_-", "-", "_", "0"],
            &[" a", "a ", "a\n", "\na", "a.b", "a/b", "é", "a\0", "%41"],
        );
        assert_matches::<WorkflowRunId>(
            "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            &["a9ff6150-839b-595c-ada9-279222f7f3a4", "00000000-0000-0000-0000-000000000000"],
            &[
                "A9ff6150-839b-595c-ada9-279222f7f3a4",
                "a9ff6150-839b-595c-ada9-279222f7f3ag",
                "a9ff6150a839b-595c-ada9-279222f7f3a4",
            ],
        );
    }

    #[test]
    fn a_log_group_name_does_not_begin_with_the_prefix_that_cloudwatch_logs_keeps() {
        assert_eq!(LogGroupName::new("aws/x").err(), Some(Violation::ReservedPrefix("aws/")));
    }
}
