//! Reads the needed members of JSON objects. Others are not parsed, whatever they hold.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::Error;
use serde_json::value::RawValue;

/// The values of these members of an object. A member that is absent or `null` has none.
///
/// # Errors
/// The text is not JSON, not an object, or has one of these members twice.
pub fn members<'a, const N: usize>(json: &'a str, names: [&str; N]) -> Result<[Option<&'a RawValue>; N], Error> {
    let mut values = [None; N];
    let mut seen = [false; N];
    let position = |name: &[u8]| match names.iter().position(|wanted| wanted.as_bytes() == name) {
        Some(at) if std::mem::replace(&mut seen[at], true) => Err(format!("duplicate field `{}`", names[at])),
        at => Ok(at),
    };
    each_member(json, position, |at, value| {
        if let Some(at) = at {
            values[at] = Some(value).filter(|value| value.get() != "null");
        }
    })?;
    Ok(values)
}

/// Calls `on_name` with the name of each member of an object, in order, and `on_value` with the result and the value.
///
/// # Errors
/// The text is not JSON or not an object, or `on_name` fails.
pub fn each_member<'a, T>(
    json: &'a str,
    on_name: impl FnMut(&[u8]) -> Result<T, String>,
    on_value: impl FnMut(T, &'a RawValue),
) -> Result<(), Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_map(Each { on_name, on_value })?;
    deserializer.end()
}

struct Each<N, V> {
    on_name: N,
    on_value: V,
}

impl<'de, T, N, V> Visitor<'de> for Each<N, V>
where
    N: FnMut(&[u8]) -> Result<T, String>,
    V: FnMut(T, &'de RawValue),
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = object.next_key()? {
            let named = (self.on_name)(&name).map_err(de::Error::custom)?;
            (self.on_value)(named, object.next_value()?);
        }
        Ok(())
    }
}

/// A member's name. JSON allows names that are not Unicode (`"\ud800"`), and so it is bytes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow, with = "serde_bytes")] Cow<'a, [u8]>);

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(json: &str) -> Result<[Option<&str>; 2], String> {
        let values = members(json, ["a", "b"]);
        values.map(|values| values.map(|value| value.map(RawValue::get))).map_err(|error| error.to_string())
    }

    #[test]
    fn members_are_found_whatever_else_the_object_holds() {
        for json in [
            r#"{"a": 1, "b": [2]}"#,
            r#"{"b": [2], "c": {"a": 3}, "\u0061": 1}"#,
            r#"{"\ud800": 1, "a": 1, "c": "\ud800", "c": 1e999, "b": [2]}"#,
        ] {
            assert_eq!(texts(json), Ok([Some("1"), Some("[2]")]), "{json}");
        }
        assert_eq!(texts(r#"{"a": null}"#), Ok([None, None]));
    }

    #[test]
    fn text_that_is_not_an_object_or_has_duplicate_members_fails() {
        for json in ["", "1", "[]", "\"a\"", "null", "{", "{} x", "{\"a\": }", "{1: 2}"] {
            assert!(texts(json).is_err(), "{json}");
        }
        let error = texts("{\"a\": null,\n\"a\": 1}").unwrap_err();
        assert_eq!(error, "duplicate field `a` at line 2 column 3");
    }
}
