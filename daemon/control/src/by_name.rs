//! Numbers whose names both sides know: in JSON an object by name, in memory a list without a text of its own.

use metric::Metric;
use record::{STAGES, Stage};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

/// Something that both sides know by its name.
pub trait Named: 'static {
    /// Its name.
    fn name(&self) -> &'static str;
    /// The one with this name.
    fn find(name: &str) -> Option<&'static Self>;
}

impl Named for Metric {
    fn name(&self) -> &'static str {
        self.tag
    }

    fn find(name: &str) -> Option<&'static Self> {
        metric::find(name)
    }
}

impl Named for Stage {
    fn name(&self) -> &'static str {
        self.name
    }

    fn find(name: &str) -> Option<&'static Self> {
        STAGES.iter().find(|stage| stage.name == name)
    }
}

/// Values by what they are of. A name that is not known, of a newer daemon, is passed over.
pub struct ByName<K: 'static, V>(Vec<(&'static K, V)>);

impl<K: Named, V: Copy> ByName<K, V> {
    /// The value of what has this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<V> {
        self.iter().find(|(key, _)| key.name() == name).map(|(_, value)| value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static K, V)> {
        self.0.iter().copied()
    }
}

impl<K, V> ByName<K, V> {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K, V> FromIterator<(&'static K, V)> for ByName<K, V> {
    fn from_iter<I: IntoIterator<Item = (&'static K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl<K, V> Default for ByName<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K, V: Clone> Clone for ByName<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Named, V: PartialEq> PartialEq for ByName<K, V> {
    fn eq(&self, other: &Self) -> bool {
        let mut pairs = self.0.iter().zip(&other.0);
        self.0.len() == other.0.len() && pairs.all(|(a, b)| a.0.name() == b.0.name() && a.1 == b.1)
    }
}

impl<K: Named, V: fmt::Debug> fmt::Debug for ByName<K, V> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.0.iter().map(|(key, value)| (key.name(), value))).finish()
    }
}

impl<K: Named, V: Serialize> Serialize for ByName<K, V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(key, value)| (key.name(), value)))
    }
}

impl<'de, K: Named, V: Deserialize<'de>> Deserialize<'de> for ByName<K, V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Pairs(PhantomData))
    }
}

/// Reads pairs.
struct Pairs<K, V>(PhantomData<(K, V)>);

impl<'de, K: Named, V: Deserialize<'de>> Visitor<'de> for Pairs<K, V> {
    type Value = ByName<K, V>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("numbers by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::with_capacity(pairs.size_hint().unwrap_or(USUAL));
        while let Some(Key(key)) = pairs.next_key::<Key<K>>()? {
            let value = pairs.next_value()?;
            found.extend(key.map(|key| (key, value)));
        }
        Ok(ByName(found))
    }
}

/// A name, found without keeping it.
struct Key<K: 'static>(Option<&'static K>);

impl<'de, K: Named> Deserialize<'de> for Key<K> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Finds(PhantomData))
    }
}

struct Finds<K>(PhantomData<K>);

impl<K: Named> Visitor<'_> for Finds<K> {
    type Value = Key<K>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Key(K::find(name)))
    }
}

/// About so many numbers has a request.
const USUAL: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        let text = r#"{"request_latency":20.5,"of_a_newer_daemon":1.0,"time_to_first_token":3.0}"#;
        let read: ByName<Metric, f64> = serde_json::from_str(text).unwrap();
        assert_eq!(read.get("time_to_first_token"), Some(3.0), "{read:?}");
        assert_eq!(read.get("of_a_newer_daemon"), None, "a name that is not known");
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(written, r#"{"request_latency":20.5,"time_to_first_token":3.0}"#, "by name, in order");
        assert_eq!(serde_json::from_str::<ByName<Metric, f64>>(&written).unwrap(), read, "and back");
    }
}
