//! The points in time of the API.

use std::fmt;
use std::ops::{Add, Sub};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time as the API and the table have it: ISO 8601 in UTC with exactly three decimals, so that it sorts as
/// text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime(Timestamp);

impl DateTime {
    /// The point in time, truncated to the millisecond.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self(Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at))
    }

    /// Parses exactly the form in which [`DateTime`] is displayed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let at = Self(text.parse().ok()?);
        (at.to_string() == text).then_some(at)
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub fn epoch_seconds(self) -> i64 {
        self.0.as_millisecond().div_euclid(1_000)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Add<SignedDuration> for DateTime {
    type Output = Self;

    fn add(self, duration: SignedDuration) -> Self {
        Self::new(self.0.checked_add(duration).unwrap_or(Timestamp::MAX))
    }
}

impl Sub<SignedDuration> for DateTime {
    type Output = Self;

    fn sub(self, duration: SignedDuration) -> Self {
        Self::new(self.0.checked_sub(duration).unwrap_or(Timestamp::MIN))
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not an ISO 8601 date-time in UTC with three decimals"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_time_has_three_decimals_and_one_form() {
        let at = DateTime::new("2026-11-24T01:02:03.456789Z".parse().unwrap());
        assert_eq!(at.to_string(), "2026-11-24T01:02:03.456Z");
        assert_eq!(DateTime::parse("2026-11-24T01:02:03.456Z"), Some(at));
        for other in ["2026-11-24T01:02:03Z", "2026-11-24T01:02:03.4567Z", "2026-11-24T02:02:03.456+01:00", "", "x"] {
            assert_eq!(DateTime::parse(other), None, "{other}");
        }
        assert_eq!(at.epoch_seconds(), 1_795_482_123);
    }
}
