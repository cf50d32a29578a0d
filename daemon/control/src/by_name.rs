//! Numbers by name: in JSON an object, in memory a list whose names are one text, so that a request's dozens of numbers are two
//! allocations.

use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

/// Values by the names of what they are of, in order.
#[derive(Clone, PartialEq)]
pub struct ByName<V> {
    /// The names, one after the other.
    names: String,
    /// Where each name ends, with its value.
    values: Vec<(usize, V)>,
}

impl<V: Copy> ByName<V> {
    /// The value of what has this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<V> {
        self.iter().find(|(of, _)| *of == name).map(|(_, value)| value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, V)> {
        let mut start = 0;
        self.values.iter().map(move |(end, value)| {
            let name = self.names.get(start..*end).unwrap_or_default();
            start = *end;
            (name, *value)
        })
    }
}

impl<V> ByName<V> {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// An empty list with room for what a request usually has.
    fn roomy() -> Self {
        Self { names: String::with_capacity(USUAL * NAME_BYTES), values: Vec::with_capacity(USUAL) }
    }

    fn push(&mut self, name: &str, value: V) {
        self.names.push_str(name);
        self.values.push((self.names.len(), value));
    }
}

impl<'n, V> FromIterator<(&'n str, V)> for ByName<V> {
    fn from_iter<I: IntoIterator<Item = (&'n str, V)>>(pairs: I) -> Self {
        let mut all = Self::roomy();
        pairs.into_iter().for_each(|(name, value)| all.push(name, value));
        all
    }
}

impl<V> Default for ByName<V> {
    fn default() -> Self {
        Self { names: String::new(), values: Vec::new() }
    }
}

impl<V: Copy + fmt::Debug> fmt::Debug for ByName<V> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.iter()).finish()
    }
}

impl<V: Copy + Serialize> Serialize for ByName<V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for ByName<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Pairs(PhantomData))
    }
}

/// Reads pairs.
struct Pairs<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Pairs<V> {
    type Value = ByName<V>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("numbers by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        let mut all = ByName::roomy();
        while let Some(()) = pairs.next_key_seed(Append(&mut all.names))? {
            let value = pairs.next_value()?;
            all.values.push((all.names.len(), value));
        }
        Ok(all)
    }
}

/// Appends a name to a text.
struct Append<'t>(&'t mut String);

impl<'de> DeserializeSeed<'de> for Append<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Append<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        self.0.push_str(name);
        Ok(())
    }
}

/// About so many numbers has a request.
const USUAL: usize = 64;
/// About so long is a name.
const NAME_BYTES: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        let text = r#"{"request_latency":20.5,"of_a_newer_daemon":1.0,"time_to_first_token":3.0}"#;
        let read: ByName<f64> = serde_json::from_str(text).unwrap();
        assert_eq!(read.get("time_to_first_token"), Some(3.0), "{read:?}");
        assert_eq!(read.get("time_to_first"), None, "a name that is not there");
        assert_eq!(serde_json::to_string(&read).unwrap(), text, "by name, in order");
        let made = [("request_latency", 20.5), ("of_a_newer_daemon", 1.0), ("time_to_first_token", 3.0)];
        assert_eq!(ByName::from_iter(made), read, "as it was made");
        assert!(ByName::<f64>::default().is_empty(), "nothing");
    }
}
