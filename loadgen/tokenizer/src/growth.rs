//! How much longer a `tokenizer.json` may make a text before it cuts it: what has no bound must not be let loose on one.

use serde::Deserialize;
use serde_json::Value;

/// What a tokenizer does to texts: each byte becomes at most `factor` bytes, and `more` are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    pub(crate) factor: usize,
    pub(crate) more: usize,
}

/// The parts of a file that change texts.
#[derive(Deserialize)]
struct Shape {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    decoder: Value,
}

impl Growth {
    const NONE: Self = Self { factor: 1, more: 0 };

    /// The growth of a text by the normalizers of a file.
    ///
    /// # Errors
    /// The problem, when the file is none, or makes texts longer than any model needs.
    pub(crate) fn of(file: &[u8]) -> Result<Self, String> {
        let Shape { normalizer, decoder } =
            serde_json::from_slice(file).map_err(|error| error.to_string())?;
        for (name, value) in [("normalizer", &normalizer), ("decoder", &decoder)] {
            let growth = of(value);
            if growth.factor > FACTOR_MAX || growth.more > MORE_MAX {
                return Err(format!(
                    "its {name} makes texts up to {} times as long and adds up to {} bytes: at most {FACTOR_MAX} \
                     times and {MORE_MAX} bytes are possible",
                    growth.factor, growth.more
                ));
            }
        }
        Ok(of(&normalizer))
    }

    /// Bytes of a text of so many bytes, after it was changed.
    pub(crate) const fn of_bytes(self, bytes: usize) -> usize {
        bytes.saturating_mul(self.factor).saturating_add(self.more)
    }

    /// One change after another.
    const fn then(self, next: Self) -> Self {
        let more = self.more.saturating_mul(next.factor).saturating_add(next.more);
        Self { factor: self.factor.saturating_mul(next.factor), more }
    }
}

fn of(part: &Value) -> Growth {
    let text = |key: &str| part.get(key).and_then(Value::as_str).unwrap_or_default();
    let factor = |factor| Growth { factor, more: 0 };
    match text("type") {
        "Sequence" => {
            let parts = ["normalizers", "decoders"].into_iter().filter_map(|key| part.get(key)?.as_array());
            parts.flatten().map(of).fold(Growth::NONE, Growth::then)
        }
        "Prepend" => Growth { factor: 1, more: text("prepend").len() },
        "Replace" => replacement(part.get("pattern").unwrap_or(&Value::Null), text("content").len()),
        // The longest decompositions of Unicode, in UTF-8 (UAX #15).
        "NFKC" | "NFKD" | "Precompiled" => factor(11),
        "NFC" | "NFD" | "Lowercase" => factor(3),
        // Spaces around ideographs; a character for each byte.
        "BertNormalizer" | "ByteLevel" => factor(3),
        _ => Growth::NONE,
    }
}

/// Each match becomes `content` bytes. A pattern that may match nothing does so before every byte and at the end.
fn replacement(pattern: &Value, content: usize) -> Growth {
    let least =
        match (pattern.get("String").and_then(Value::as_str), pattern.get("Regex").and_then(Value::as_str)) {
            (Some(text), _) => text.len(),
            // What may be matched by nothing has one of these.
            (None, Some(regex)) => usize::from(!regex.contains(['*', '?', '|', '{', '^', '$', '\\'])),
            (None, None) => 0,
        };
    match least {
        0 => Growth { factor: content.saturating_add(1), more: content },
        least => Growth { factor: content.div_ceil(least).max(1), more: 0 },
    }
}

/// More than any tokenizer of a model does.
const FACTOR_MAX: usize = 4096;
const MORE_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(normalizer: Value, expected: Result<(usize, usize), &str>) {
        let file = json!({"normalizer": normalizer, "model": {}}).to_string();
        match (Growth::of(file.as_bytes()), expected) {
            (Ok(growth), Ok(expected)) => assert_eq!((growth.factor, growth.more), expected, "{file}"),
            (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
            (found, _) => panic!("{found:?} of {file}"),
        }
    }

    fn replace(pattern: Value, content: &str) -> Value {
        json!({"type": "Replace", "pattern": pattern, "content": content})
    }

    #[test]
    fn what_models_do_is_little() {
        check(Value::Null, Ok((1, 0)));
        check(json!({"type": "NFC"}), Ok((3, 0)));
        let spaces = replace(json!({"String": " "}), "\u{2581}");
        check(spaces.clone(), Ok((3, 0)));
        let prepend = json!({"type": "Prepend", "prepend": "\u{2581}"});
        check(json!({"type": "Sequence", "normalizers": [prepend, spaces]}), Ok((3, 9)));
        check(replace(json!({"Regex": " +"}), " "), Ok((1, 0)));
        check(replace(json!({"String": "``"}), "\""), Ok((1, 0)));
    }

    #[test]
    fn what_grows_without_bound_is_refused() {
        let double = replace(json!({"String": "a"}), "aa");
        let doubles = json!({"type": "Sequence", "normalizers": vec![double; 40]});
        check(doubles, Err("its normalizer makes texts up to"));
        check(replace(json!({"String": "a"}), &"a".repeat(5000)), Err("5000 times"));
        check(replace(json!({"Regex": "a*"}), &"a".repeat(4096)), Err("4097 times"));
        check(replace(json!({"String": ""}), &"a".repeat(4096)), Err("4097 times"));
        check(json!({"type": "Prepend", "prepend": "a".repeat(70_000)}), Err("70000 bytes"));
        let file = json!({"decoder": replace(json!({"String": "a"}), &"a".repeat(5000))}).to_string();
        assert!(Growth::of(file.as_bytes()).is_err_and(|why| why.contains("its decoder")), "decoders too");
    }
}
