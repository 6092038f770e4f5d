//! Values of an event. One that is missing or of another type is absent.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{each_member, members};

/// The values of these members; none, if the value is not an object or has one of them twice.
pub fn object<'a, const N: usize>(value: Option<&'a RawValue>, names: [&str; N]) -> [Option<&'a RawValue>; N] {
    value.and_then(|value| members(value.get(), names).ok()).unwrap_or([None; N])
}

/// The members of an object for which `f` has a text.
pub fn entries<'a>(value: Option<&'a RawValue>, f: impl Fn(&'a RawValue) -> Option<String>) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    if let Some(value) = value {
        // What is not an object has no members.
        let _ = each_member(
            value.get(),
            |name| Ok(String::from_utf8_lossy(name).into_owned()),
            |name, value| entries.extend(f(value).map(|text| (name, text))),
        );
    }
    entries
}

/// The value, if it is of this type.
pub fn parse<'a, T: Deserialize<'a>>(value: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(value?.get()).ok()
}

/// The value, if it is a text that is not empty. A gateway omits some members and leaves others empty.
pub fn text(value: Option<&RawValue>) -> Option<String> {
    parse(value).filter(|text: &String| !text.is_empty())
}

/// Whether the value begins like an object, an array or a text.
pub fn begins_with(value: Option<&RawValue>, first: char) -> bool {
    value.is_some_and(|value| value.get().starts_with(first))
}
