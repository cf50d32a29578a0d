//! The endpoint and the facts of another client's request, by its path and its JSON.

use super::requests::Question;
use crate::response_parser::Facts;
use endpoint::{ENDPOINTS, Endpoint};
use serde_json::Value;
use tokenizer::Tokenizer;

/// The endpoint of a request, if it is sent to a model.
pub(super) fn endpoint(question: &Question) -> Option<&'static dyn Endpoint> {
    if question.method != "POST" {
        return None;
    }
    let path = question.path.trim_end_matches('/');
    // Gateways offer the same below a path of their own.
    let offers = |endpoint: &&&dyn Endpoint| {
        let metadata = endpoint.metadata();
        [metadata.path, metadata.streaming_path].into_iter().flatten().any(|known| path.ends_with(known))
    };
    ENDPOINTS.iter().find(offers).copied()
}

/// The facts of a request's body, and the model that it names.
pub(super) fn facts(question: &Question, tokenizer: Option<&Tokenizer>) -> (Facts, Option<String>) {
    if !question.is_whole {
        return (Facts::default(), None);
    }
    let Ok(body) = serde_json::from_slice::<Value>(&question.body) else { return (Facts::default(), None) };
    let number =
        |key: &str| body.get(key).and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
    let facts = Facts {
        input_tokens: tokenizer.and_then(|tokenizer| tokenizer.try_count(&texts(&body).join(" "))),
        requested_tokens: number("max_completion_tokens").or_else(|| number("max_tokens")),
        ..Facts::default()
    };
    (facts, body.get("model").and_then(Value::as_str).map(str::to_owned))
}

/// The texts of the input, in order: messages, or prompts.
fn texts(body: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    for message in body.get("messages").and_then(Value::as_array).into_iter().flatten() {
        strings(message.get("content"), &mut found);
    }
    for key in ["prompt", "input"] {
        strings(body.get(key), &mut found);
    }
    found.retain(|text| !text.is_empty());
    found
}

/// A string, or those of a list of strings and of parts with a text.
fn strings<'a>(value: Option<&'a Value>, found: &mut Vec<&'a str>) {
    match value {
        Some(Value::String(text)) => found.push(text),
        Some(Value::Array(parts)) => {
            for part in parts {
                let text = part.as_str().or_else(|| part.get("text").and_then(Value::as_str));
                found.extend(text);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(path: &str, body: &str) -> Question {
        let body = body.as_bytes().to_vec();
        Question {
            method: "POST".to_owned(),
            path: path.to_owned(),
            body,
            is_whole: true,
            ..Question::default()
        }
    }

    #[test]
    fn endpoints_are_known_by_path() {
        let name = |path: &str| endpoint(&question(path, "")).map(|endpoint| endpoint.metadata().name);
        assert_eq!(name("/v1/chat/completions"), Some("chat"), "chat");
        assert_eq!(name("/team/v1/completions/"), Some("completions"), "behind a gateway");
        assert_eq!(name("/metrics"), None, "not for a model");
    }

    #[test]
    fn texts_are_counted() {
        let check = |body: &str, expected: (Option<u32>, Option<u32>)| {
            let builtin = Tokenizer::builtin();
            let (facts, model) = facts(&question("/", body), Some(&builtin));
            assert_eq!((facts.input_tokens, facts.requested_tokens), expected, "{body}");
            model
        };
        let chat = r#"{"model":"m","max_tokens":5,"messages":[{"content":"one two"},{"content":[{"text":"three"}]}]}"#;
        assert_eq!(check(chat, (Some(3), Some(5))), Some("m".to_owned()), "the model");
        check(r#"{"prompt":["one","two"]}"#, (Some(2), None));
        check("{", (None, None));
    }
}
