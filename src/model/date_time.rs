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
    pub fn new(at: Timestamp) -> Self {
        Self(Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at))
    }

    /// The point in time.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Parses exactly the form in which [`DateTime`] is displayed.
    pub fn parse(text: &str) -> Option<Self> {
        let at = Self(text.parse().ok()?);
        (at.to_string() == text).then_some(at)
    }
}

/// A point in time as the table's numbers have it: whole seconds since the epoch. DynamoDB's time to live requires it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(transparent)]
pub struct EpochSeconds(i64);

impl EpochSeconds {
    /// The point in time, rounded down.
    pub fn new(at: Timestamp) -> Self {
        Self(at.as_millisecond().div_euclid(1_000))
    }

    /// The point in time, rounded up.
    pub fn at_or_after(at: Timestamp) -> Self {
        Self((at.as_millisecond() + 999).div_euclid(1_000))
    }

    /// The point in time, if it is one that can be represented.
    pub fn timestamp(self) -> Option<Timestamp> {
        Timestamp::from_second(self.0).ok()
    }
}

impl Add<SignedDuration> for EpochSeconds {
    type Output = Self;

    fn add(self, duration: SignedDuration) -> Self {
        Self(self.0 + duration.as_secs())
    }
}

impl fmt::Display for EpochSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
    }

    #[test]
    fn epoch_seconds_are_whole() {
        let seconds = |text: &str| {
            let at = text.parse().unwrap();
            (EpochSeconds::new(at).0, EpochSeconds::at_or_after(at).0)
        };
        assert_eq!(seconds("2026-11-24T01:02:03.456Z"), (1_795_482_123, 1_795_482_124));
        assert_eq!(seconds("2026-11-24T01:02:03.000Z"), (1_795_482_123, 1_795_482_123));
        assert_eq!(seconds("1969-12-31T23:59:59.500Z"), (-1, 0));
    }
}
