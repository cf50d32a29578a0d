//! Pieces of JSON that take whatever a server writes in their place, so that one odd field never hides the others.

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

/// Visits of scalars that say nothing where they stand.
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
