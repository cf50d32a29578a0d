//! What is asked, as text: what input tokens are counted in.

use crate::Turn;
use serde_json::Value;

impl Turn {
    /// The text of all that it says, joined by spaces: system prompt, context, texts, and what messages, tools or a whole
    /// body say.
    #[must_use]
    pub fn asked(&self) -> String {
        let mut asked = String::new();
        if let Some(body) =
            self.payload.as_deref().and_then(|payload| serde_json::from_str::<Value>(payload).ok())
        {
            FIELDS.iter().filter_map(|field| body.get(*field)).for_each(|value| texts(value, &mut asked));
            return asked;
        }
        for text in self.system.iter().chain(&self.context) {
            add(&mut asked, text);
        }
        self.messages.iter().flatten().for_each(|message| texts(message, &mut asked));
        if let Some(tools) = &self.tools {
            add(&mut asked, &tools.to_string());
        }
        add(&mut asked, &self.joined());
        asked
    }
}

impl Turn {
    /// The text of what it says itself: without system prompt and context, of a whole body all that it says.
    #[must_use]
    pub fn asked_alone(&self) -> String {
        if self.payload.is_some() { self.asked() } else { self.joined() }
    }
}

/// The texts of messages, parts, prompts and passages; what is no text, such as a picture, says nothing.
fn texts(value: &Value, asked: &mut String) {
    match value {
        Value::String(text) => add(asked, text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, asked)),
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    "content" | "text" | "input_text" | "arguments" => texts(value, asked),
                    "tool_calls" | "function" => texts(value, asked),
                    "name" if fields.contains_key("arguments") => texts(value, asked),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn add(asked: &mut String, text: &str) {
    if text.is_empty() {
        return;
    }
    if !asked.is_empty() {
        asked.push(' ');
    }
    asked.push_str(text);
}

/// Where bodies have what is asked.
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
        assert_eq!(turn.asked(), expected, "{turn:?}");
    }

    #[test]
    fn all_that_is_said_counts() {
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
