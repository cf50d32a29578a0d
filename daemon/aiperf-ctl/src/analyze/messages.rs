//! The messages of a payload, and each text once: what turns repeat takes no memory again.

use export::Message;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// A message with what tells it from others.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// As it is shown.
    pub(super) message: Message,
    /// The digest of its whole text with its role.
    pub(super) digest: [u8; 32],
}

/// Texts, of which each is in memory once, cut to what is shown.
#[derive(Debug)]
pub(super) struct Texts {
    characters: usize,
    known: HashMap<[u8; 32], (Arc<str>, usize)>,
    /// Bytes of all texts.
    bytes: usize,
    /// From so many texts on, those that nothing needs any more are removed.
    crowded: usize,
}

impl Texts {
    /// None yet, each cut to so many characters.
    pub(super) fn new(characters: usize) -> Self {
        Self { characters, known: HashMap::new(), bytes: 0, crowded: CROWDED }
    }

    /// The message of a role and a text.
    ///
    /// # Errors
    /// When what is shown needs too much memory.
    pub(super) fn message(&mut self, role: &str, text: &str) -> Result<Known, String> {
        let digest = digest(role, text);
        let (shown, hidden) = match self.known.get(&digest) {
            Some(known) => known.clone(),
            None => self.add(digest, text)?,
        };
        let role = role.chars().take(ROLE_MAX).collect();
        Ok(Known { message: Message { role, text: shown, hidden }, digest })
    }

    fn add(&mut self, digest: [u8; 32], text: &str) -> Result<(Arc<str>, usize), String> {
        if self.known.len() >= self.crowded {
            self.known.retain(|_, (text, _)| Arc::strong_count(text) > 1);
            self.bytes = self.known.values().map(|(text, _)| text.len()).sum();
            self.crowded = (self.known.len() * 2).max(CROWDED);
        }
        let end = text.char_indices().nth(self.characters).map_or(text.len(), |(end, _)| end);
        let hidden = text[end..].chars().count();
        self.bytes += end;
        if self.bytes > BYTES_MAX {
            return Err(format!(
                "the messages need more than {}: show fewer, by --limit-conversations, --max-turns or --content-cap",
                store::source::size(BYTES_MAX as u64)
            ));
        }
        let known = (Arc::from(&text[..end]), hidden);
        self.known.insert(digest, known.clone());
        Ok(known)
    }
}

/// What tells a message from others.
pub(super) fn digest(role: &str, text: &str) -> [u8; 32] {
    Sha256::new().chain_update(role).chain_update([0]).chain_update(text).finalize().into()
}

/// The messages of a payload: each with its role and its text.
pub(super) fn of_payload(payload: &Value) -> Vec<(String, String)> {
    let Some(fields) = payload.as_object() else { return Vec::new() };
    let mut messages = Vec::new();
    // What stands before the messages, by the names that APIs have for it.
    for key in ["system", "instructions", "tools"] {
        messages.extend(
            fields.get(key).filter(|value| !value.is_null()).map(|value| (key.to_owned(), body(value))),
        );
    }
    let list = ["messages", "input"].into_iter().find_map(|key| fields.get(key)?.as_array());
    match list {
        Some(list) if list.iter().all(Value::is_object) => messages.extend(list.iter().map(message)),
        _ => match PROMPTS.iter().find_map(|key| Some((*key, fields.get(*key)?))) {
            Some((key, value)) => messages.push((key.to_owned(), body(value))),
            None => messages.push(("request".to_owned(), payload.to_string())),
        },
    }
    messages
}

/// A message of a list: its role, and its content with whatever else is in it.
fn message(message: &Value) -> (String, String) {
    let fields = message.as_object().cloned().unwrap_or_default();
    let rest = fields.iter().filter(|(key, _)| !["role", "content"].contains(&key.as_str()));
    let rest = rest.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>();
    let role =
        fields.get("role").and_then(Value::as_str).or_else(|| fields.get("type").and_then(Value::as_str));
    let mut text = fields.get("content").map(body).unwrap_or_default();
    if !rest.is_empty() {
        let gap = if text.is_empty() { "" } else { "\n" };
        text = format!("{text}{gap}{}", Value::Object(rest));
    }
    (role.unwrap_or("?").to_owned(), text)
}

/// A text, the texts of parts, or else JSON.
fn body(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(part).collect::<Vec<_>>().join("\n"),
        other => other.to_string(),
    }
}

fn part(part: &Value) -> String {
    let text = part["text"].as_str().filter(|_| part.as_object().is_some_and(|fields| fields.len() == 2));
    text.or_else(|| part.as_str()).map_or_else(|| part.to_string(), str::to_owned)
}

/// Where APIs without messages have their input.
const PROMPTS: &[&str] = &["prompt", "input", "inputs", "texts"];
/// No role is longer.
const ROLE_MAX: usize = 60;
const CROWDED: usize = 10_000;
/// Of all texts that are shown.
const BYTES_MAX: usize = 512 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(payload: Value, expected: &[(&str, &str)]) {
        let found = of_payload(&payload);
        let found = found.iter().map(|(role, text)| (role.as_str(), text.as_str())).collect::<Vec<_>>();
        assert_eq!(found, expected, "{payload}");
    }

    #[test]
    fn every_api_has_messages() {
        let text = json!({"role": "user", "content": "a\nb"});
        check(json!({"messages": [text.clone()]}), &[("user", "a\nb")]);
        let image = json!({"type": "image_url", "image_url": {"url": "x"}});
        let parts = json!([{"type": "text", "text": "see"}, image.clone()]);
        let shown = format!("see\n{image}");
        check(json!({"messages": [{"role": "user", "content": parts}]}), &[("user", &shown)]);
        let call = json!({"role": "assistant", "content": null, "tool_calls": [1]});
        check(json!({"messages": [call]}), &[("assistant", "{\"tool_calls\":[1]}")]);
        check(json!({"system": "s", "input": [text]}), &[("system", "s"), ("user", "a\nb")]);
        check(json!({"prompt": "p", "model": "m"}), &[("prompt", "p")]);
        check(json!({"input": ["a", "b"]}), &[("input", "a\nb")]);
        check(json!({"query": 1}), &[("request", "{\"query\":1}")]);
        check(Value::Null, &[]);
        check(json!({"messages": [3]}), &[("request", "{\"messages\":[3]}")]);
    }

    #[test]
    fn long_texts_are_cut_and_known_ones_are_shared() {
        let mut texts = Texts::new(3);
        let one = texts.message("user", "äöüß?").unwrap();
        assert_eq!((&*one.message.text, one.message.hidden), ("äöü", 2), "characters, not bytes");
        let again = texts.message("user", "äöüß?").unwrap();
        assert!(
            Arc::ptr_eq(&one.message.text, &again.message.text) && one.digest == again.digest,
            "one text"
        );
        assert_ne!(texts.message("user", "äöü").unwrap().digest, one.digest, "the whole text counts");
        assert_ne!(texts.message("tool", "äöüß?").unwrap().digest, one.digest, "and the role");
    }

    #[test]
    fn texts_that_nothing_needs_are_forgotten() {
        let mut texts = Texts::new(10);
        let kept = texts.message("user", "kept").unwrap();
        (0..3 * CROWDED).for_each(|number| drop(texts.message("user", &number.to_string()).unwrap()));
        assert!(texts.known.len() <= CROWDED + 1, "{}", texts.known.len());
        assert!(
            Arc::ptr_eq(&texts.message("user", "kept").unwrap().message.text, &kept.message.text),
            "in use"
        );
    }
}
