//! The text of a request's input, in which input tokens are counted.

use crate::Turn;
use serde_json::Value;

impl Turn {
    /// The text of its whole input, joined by spaces: system prompt, context, texts, and the texts of messages, tools or a
    /// whole body.
    #[must_use]
    pub fn input_text(&self) -> String {
        let mut all = String::new();
        if let Some(body) =
            self.payload.as_deref().and_then(|payload| serde_json::from_str::<Value>(payload).ok())
        {
            FIELDS.iter().filter_map(|field| body.get(*field)).for_each(|value| texts(value, &mut all));
            return all;
        }
        for text in self.system.iter().chain(&self.context) {
            add(&mut all, text);
        }
        self.messages.iter().flatten().for_each(|message| texts(message, &mut all));
        if let Some(tools) = &self.tools {
            add(&mut all, &tools.to_string());
        }
        add(&mut all, &self.joined());
        all
    }
}

impl Turn {
    /// The text of the turn alone: without system prompt and context; of a whole body all text.
    #[must_use]
    pub fn own_text(&self) -> String {
        if self.payload.is_some() { self.input_text() } else { self.joined() }
    }
}

/// The texts of messages, parts, prompts and passages; other content, such as an image, has none.
fn texts(value: &Value, all: &mut String) {
    match value {
        Value::String(text) => add(all, text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, all)),
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    "content" | "text" | "input_text" | "arguments" => texts(value, all),
                    "tool_calls" | "function" => texts(value, all),
                    "name" if fields.contains_key("arguments") => texts(value, all),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn add(all: &mut String, text: &str) {
    if text.is_empty() {
        return;
    }
    if !all.is_empty() {
        all.push(' ');
    }
    all.push_str(text);
}

/// The fields of bodies that contain input.
const FIELDS: [&str; 12] = [
    "system",
    "instructions",
    "messages",
    "prompt",
    "input",
    "inputs",
    "query",
    "queries",
    "passages",
    "documents",
    "texts",
    "text",
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(turn: &Turn, expected: &str) {
        assert_eq!(turn.input_text(), expected, "{turn:?}");
    }

    #[test]
    fn all_text_counts() {
        let mut turn = Turn::user("hi".to_owned(), "m".to_owned());
        turn.system = Some("s".to_owned());
        turn.context = Some("c".to_owned());
        check(&turn, "s c hi");
        turn.messages = Some(vec![
            json!({"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "x"}}]}),
            json!({"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}),
        ]);
        check(&turn, "s c look f {} hi");
        turn.payload = Some(r#"{"model":"m","prompt":["a","b"],"max_tokens":3}"#.to_owned());
        check(&turn, "a b");
    }
}
