//! Pieces of JSON that accept whatever a server writes in their place, so that one odd field never hides the others.

use common::reply_event::{Measure, UNKNOWN};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// A text: a string, or the `text` of content parts. Anything else is no text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

/// A count of tokens; [`UNKNOWN`] unless it is a number that is not negative.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count(pub(crate) u32);

/// A time in seconds; unknown unless it is a number that is not negative.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seconds(pub(crate) Measure);

/// Whether there is anything but `null`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Present(pub(crate) bool);

/// Whether a value is anything but `null`, `false`, 0, or an empty text, list or object.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Truthy(pub(crate) bool);

/// Visits of scalars that mean nothing at their place.
macro_rules! ignore_scalars {
    ($nothing:expr) => {
        ignore_scalars!($nothing, visit_unit());
        ignore_scalars!($nothing, visit_bool(bool));
        ignore_scalars!($nothing, visit_u64(u64));
        ignore_scalars!($nothing, visit_i64(i64));
        ignore_scalars!($nothing, visit_f64(f64));
        ignore_scalars!($nothing, visit_str(&str));
    };
    ($nothing:expr, $($visit:ident($($scalar:ty)?)),*) => {$(
        fn $visit<E>(self $(, _: $scalar)?) -> Result<Self::Value, E> {
            Ok($nothing)
        }
    )*};
}
pub(crate) use ignore_scalars;

/// Adds text to text; nothing is copied while there is one piece.
pub(crate) fn append<'a>(text: &mut Cow<'a, str>, more: Cow<'a, str>) {
    if text.is_empty() {
        *text = more;
    } else if !more.is_empty() {
        text.to_mut().push_str(&more);
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    ignore_scalars!(
        Text::default(),
        visit_unit(),
        visit_bool(bool),
        visit_u64(u64),
        visit_i64(i64),
        visit_f64(f64)
    );

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        let mut text = Cow::Borrowed("");
        while let Some(Text(part)) = parts.next_element()? {
            append(&mut text, part);
        }
        Ok(Text(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut text = Text::default();
        while let Some(Text(key)) = map.next_key()? {
            if key == "text" {
                text = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(text)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Count;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a count")
    }

    fn visit_u64<E>(self, count: u64) -> Result<Self::Value, E> {
        Ok(Count(u32::try_from(count).unwrap_or(UNKNOWN)))
    }

    fn visit_i64<E>(self, count: i64) -> Result<Self::Value, E> {
        Ok(Count(u32::try_from(count).unwrap_or(UNKNOWN)))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    fn visit_f64<E>(self, count: f64) -> Result<Self::Value, E> {
        Ok(Count(if count >= 0.0 { count as u32 } else { UNKNOWN }))
    }

    ignore_scalars!(Count(UNKNOWN), visit_unit(), visit_bool(bool), visit_str(&str));

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        while parts.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Count(UNKNOWN))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Count(UNKNOWN))
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let seconds = Value::deserialize(from)?.as_f64().filter(|seconds| *seconds >= 0.0);
        Ok(Self(seconds.map_or(Measure::UNKNOWN, Measure::new)))
    }
}

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<IgnoredAny>::deserialize(from)?.is_some()))
    }
}

impl<'de> Deserialize<'de> for Truthy {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TruthyVisitor)
    }
}

struct TruthyVisitor;

impl<'de> Visitor<'de> for TruthyVisitor {
    type Value = Truthy;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("anything")
    }

    fn visit_bool<E>(self, is: bool) -> Result<Self::Value, E> {
        Ok(Truthy(is))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Truthy(number != 0))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Truthy(number != 0))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Truthy(number.abs() > 0.0))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Truthy(!text.is_empty()))
    }

    ignore_scalars!(Truthy(false), visit_unit());

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        let mut is_truthy = false;
        while parts.next_element::<IgnoredAny>()?.is_some() {
            is_truthy = true;
        }
        Ok(Truthy(is_truthy))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut is_truthy = false;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            is_truthy = true;
        }
        Ok(Truthy(is_truthy))
    }
}

/// Whether a value is truthy, as [`Truthy`].
pub(crate) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is,
        Value::Number(number) => number.as_f64().is_some_and(|number| number.abs() > 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(parts) => !parts.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// JSON with common faults repaired, which most parsers accept: a surrogate without its other half, a number that is none,
/// bytes that are no UTF-8. `None` if there is nothing of that kind.
#[cold]
pub(crate) fn repaired(json: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(json);
    let mut is_changed = matches!(text, Cow::Owned(_));
    let (mut fixed, mut rest, mut is_text) = (Vec::with_capacity(json.len()), text.as_bytes(), false);
    while let Some(first) = rest.first() {
        let number = NO_NUMBERS.iter().find(|number| !is_text && rest.starts_with(number));
        let (taken, written): (usize, &[u8]) = match (first, number) {
            (_, Some(number)) => (number.len(), b"null"),
            (b'\\', None) if is_text => match (surrogate(rest), rest.get(6..).and_then(surrogate)) {
                (Some(Half::High), Some(Half::Low)) => (12, rest.get(..12).unwrap_or_default()),
                (Some(_), _) => (6, b"\\ufffd"),
                (None, _) => (rest.len().min(2), rest.get(..2).unwrap_or(rest)),
            },
            (first, None) => {
                is_text ^= *first == b'"';
                (1, rest.get(..1).unwrap_or_default())
            }
        };
        is_changed |= rest.get(..taken) != Some(written);
        fixed.extend_from_slice(written);
        rest = rest.get(taken..).unwrap_or_default();
    }
    is_changed.then_some(fixed)
}

/// One half of a character beyond the first plane.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    High,
    Low,
}

/// The half with which these bytes start, written as an escape.
fn surrogate(bytes: &[u8]) -> Option<Half> {
    let digits = bytes.strip_prefix(b"\\u").and_then(|rest| std::str::from_utf8(rest.get(..4)?).ok())?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xd800..=0xdbff => Some(Half::High),
        0xdc00..=0xdfff => Some(Half::Low),
        _ => None,
    }
}

/// What is written for numbers that are none.
const NO_NUMBERS: &[&[u8]] = &[b"NaN", b"-Infinity", b"Infinity"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_most_parsers_take_is_repaired() {
        let check = |json: &[u8], expected: Option<&str>| {
            let fixed = repaired(json).map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(fixed.as_deref(), expected, "{}", String::from_utf8_lossy(json));
        };
        check(br#"{"a":"\ud83d"}"#, Some(r#"{"a":"\ufffd"}"#));
        check(br#"{"a":"\ude00\ud83d\ud83d\ude00"}"#, Some(r#"{"a":"\ufffd\ufffd\ud83d\ude00"}"#));
        check(
            br#"{"a":NaN,"b":[-Infinity,Infinity],"c":"NaN"}"#,
            Some(r#"{"a":null,"b":[null,null],"c":"NaN"}"#),
        );
        check(b"{\"a\":\"\xff\"}", Some("{\"a\":\"\u{fffd}\"}"));
        check(br#"{"a":"\\ud83d","b":"\"NaN"}"#, None);
        check(br#"{"a":"#, None);
        check(br#"{"a":"\"#, None);
    }
}
