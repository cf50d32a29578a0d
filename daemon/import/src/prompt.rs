//! Selects the text of a payload that counts as input: AIPerf's rules for every form of request that it sends.

use serde_json::Value;

/// The counted parts of a payload.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// Texts, which are joined by a space.
    texts: Vec<String>,
    /// Tokens that were sent as numbers.
    tokens: usize,
}

impl Prompt {
    /// All counted parts of a payload.
    pub(crate) fn of(payload: &Value) -> Self {
        let mut prompt = Self::default();
        let mut has_items = false;
        prompt.preamble(&payload["instructions"]);
        prompt.preamble(&payload["system"]);
        for key in ["messages", "input"] {
            let items = payload[key].as_array().map_or(&[][..], Vec::as_slice);
            let is_item = |item: &Value| item.get("role").is_some() || item.get("type").is_some();
            if items.iter().any(is_item) {
                has_items = true;
                items.iter().for_each(|item| prompt.item(item));
            }
        }
        prompt.tools(&payload["tools"]);
        if !has_items {
            prompt.flat(payload);
        }
        prompt
    }

    /// The number of images in messages; zero means no value.
    pub(crate) fn images(payload: &Value) -> Option<u32> {
        let items = ["messages", "input"].into_iter().filter_map(|key| payload[key].as_array()).flatten();
        let parts = items.filter_map(|item| item["content"].as_array()).flatten();
        let is_image = |part: &&Value| part["type"].as_str().is_some_and(|kind| IMAGE_PARTS.contains(&kind));
        u32::try_from(parts.filter(is_image).count()).ok().filter(|images| *images > 0)
    }

    /// The length in tokens; `None` if there is nothing to count.
    pub(crate) fn count(&self, count: impl Fn(&str) -> u32) -> Option<u32> {
        let sent = u32::try_from(self.tokens).unwrap_or(u32::MAX);
        if self.texts.is_empty() {
            return (sent > 0).then_some(sent);
        }
        Some(count(&self.texts.join(" ")).saturating_add(sent))
    }

    fn push(&mut self, text: &Value) {
        self.texts.extend(text.as_str().map(str::to_owned));
    }

    /// Adds a text unless it is empty.
    fn push_filled(&mut self, text: &Value) {
        if text.as_str().is_some_and(|text| !text.is_empty()) {
            self.push(text);
        }
    }

    /// A system prompt separate from the messages.
    fn preamble(&mut self, value: &Value) {
        self.push(value);
        for part in value.as_array().into_iter().flatten() {
            self.push_filled(part);
            self.push_filled(&part["text"]);
        }
    }

    fn item(&mut self, item: &Value) {
        self.push(&item["content"]);
        for part in item["content"].as_array().into_iter().flatten() {
            if part["type"].as_str().is_some_and(|kind| TEXT_PARTS.contains(&kind)) {
                self.push(&part["text"]);
            }
        }
        for call in item["tool_calls"].as_array().into_iter().flatten() {
            self.push_filled(&call["function"]["name"]);
            self.push_filled(&call["function"]["arguments"]);
        }
        match item["type"].as_str() {
            Some("function_call") => {
                self.push_filled(&item["name"]);
                self.push_filled(&item["arguments"]);
            }
            Some("function_call_output") => self.push_filled(&item["output"]),
            _ => {}
        }
    }

    fn tools(&mut self, tools: &Value) {
        for tool in tools.as_array().into_iter().flatten() {
            for source in [&tool["function"], tool] {
                self.push_filled(&source["name"]);
                self.push_filled(&source["description"]);
                if source["parameters"].is_object() {
                    self.texts.push(source["parameters"].to_string());
                }
            }
        }
    }

    /// Payloads that are not a list of messages.
    fn flat(&mut self, payload: &Value) {
        if self.strings(&payload["prompt"]) || self.strings(&payload["input"]) {
            return;
        }
        if payload["query"].is_string() && payload["passages"].is_array() {
            self.push(&payload["query"]);
            for passage in payload["passages"].as_array().into_iter().flatten() {
                self.push(passage);
                self.push(&passage["text"]);
            }
            return;
        }
        self.push(&payload["inputs"]);
    }

    /// A string, strings, token numbers or lists of token numbers.
    fn strings(&mut self, value: &Value) -> bool {
        if value.is_string() {
            self.push(value);
            return true;
        }
        let Some(items) = value.as_array() else { return false };
        let are_numbers = |items: &[Value]| items.iter().all(Value::is_number);
        if items.iter().all(Value::is_string) {
            items.iter().for_each(|item| self.push(item));
        } else if are_numbers(items) {
            self.tokens += items.len();
        } else if items.iter().all(|item| item.as_array().is_some_and(|item| are_numbers(item))) {
            self.tokens += items.iter().filter_map(Value::as_array).map(Vec::len).sum::<usize>();
        } else {
            return false;
        }
        true
    }
}

const IMAGE_PARTS: &[&str] = &["image_url", "input_image", "image"];

const TEXT_PARTS: &[&str] = &["text", "input_text", "output_text"];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(payload: &Value, texts: &[&str], tokens: usize) {
        let prompt = Prompt::of(payload);
        assert_eq!(
            (prompt.texts, prompt.tokens),
            (texts.iter().map(|text| (*text).to_owned()).collect(), tokens),
            "{payload}"
        );
    }

    #[test]
    fn every_form_of_request() {
        let parts =
            json!([{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]);
        assert_eq!(
            Prompt::images(&json!({"messages": [{"role": "user", "content": parts}]})),
            Some(1),
            "one"
        );
        assert_eq!(Prompt::images(&json!({"prompt": "a"})), None, "none");
        check(
            &json!({"messages": [{"role": "user", "content": parts}, {"role": "user", "content": "c"}]}),
            &["a", "b", "c"],
            0,
        );
        let calls = json!([{"function": {"name": "f", "arguments": "{}"}}]);
        check(
            &json!({"messages": [{"role": "assistant", "content": null, "tool_calls": calls}]}),
            &["f", "{}"],
            0,
        );
        let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"b": 1, "a": 2}}}]);
        check(
            &json!({"messages": [{"role": "user", "content": ""}], "tools": tools}),
            &["", "f", "{\"b\":1,\"a\":2}"],
            0,
        );
        check(&json!({"prompt": "a"}), &["a"], 0);
        check(&json!({"prompt": ["a", "b"], "input": "c"}), &["a", "b"], 0);
        check(&json!({"input": [1, 2, 3]}), &[], 3);
        check(&json!({"input": [[1, 2], [3]]}), &[], 3);
        check(&json!({"query": "q", "passages": ["a", {"text": "b"}]}), &["q", "a", "b"], 0);
        check(&json!({"inputs": "a"}), &["a"], 0);
        check(&json!({"instructions": "i", "input": [{"role": "user", "content": "a"}]}), &["i", "a"], 0);
        check(&json!({"query": {"text": "q"}, "passages": []}), &[], 0);
        check(&json!(null), &[], 0);
    }

    #[test]
    fn nothing_to_count_is_no_count() {
        let count = |text: &str| u32::try_from(text.len()).unwrap();
        assert_eq!(Prompt::of(&json!({})).count(count), None, "no text");
        assert_eq!(Prompt::of(&json!({"prompt": ["a", "b"]})).count(count), Some(3), "joined by a space");
        assert_eq!(Prompt::of(&json!({"input": [7, 8]})).count(count), Some(2), "tokens as such");
    }
}
