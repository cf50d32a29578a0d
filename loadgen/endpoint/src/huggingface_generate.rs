//! `huggingface_generate`: Hugging Face Text Generation Inference's own API.

use crate::{Endpoint, Metadata, Reply, Turn, value};
use common::reply_event::EventKind;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The endpoint.
#[derive(Debug)]
pub struct HuggingfaceGenerate;

impl Endpoint for HuggingfaceGenerate {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    /// The plan's fields are parameters; the turn's are next to them.
    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(turn) = turns.last() {
            body.insert("inputs".to_owned(), Value::from(turn.joined()));
            let mut parameters = Map::new();
            if let Some(max_tokens) = turn.max_tokens {
                parameters.insert("max_new_tokens".to_owned(), Value::from(max_tokens));
            }
            parameters.extend(plan.extra_inputs.clone());
            body.insert("parameters".to_owned(), Value::Object(parameters));
            body.extend(turn.extra.clone());
        }
        body
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        value::event(data).map_or_else(|odd| *odd, |value| event(&value))
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        let value = match value::whole(body) {
            Ok(value) => value,
            Err(odd) => return *odd,
        };
        let text = value.get("generated_text").or_else(|| value.pointer("/0/generated_text"));
        match text.and_then(Value::as_str) {
            Some(text) if !text.is_empty() => Reply::body(text.to_owned(), None),
            _ => Reply::bare(EventKind::Empty),
        }
    }
}

fn event(value: &Value) -> Reply<'static> {
    let is_special = value.pointer("/token/special").and_then(Value::as_bool).unwrap_or(false);
    let text = if is_special { String::new() } else { value::text(value, "/token/text") };
    let kind = if text.is_empty() { EventKind::Empty } else { EventKind::Content };
    let finish_reason = Cow::Owned(value::text(value, "/details/finish_reason"));
    Reply { content: Cow::Owned(text), finish_reason, ..Reply::bare(kind) }
}

const METADATA: Metadata = Metadata {
    name: "huggingface_generate",
    path: Some("/generate"),
    streaming_path: Some("/generate_stream"),
    ..Metadata::TEXT
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, check_body, check_whole, plan};

    #[test]
    fn bodies() {
        let mut turn = Turn::user("hi".to_owned(), "m".to_owned());
        turn.max_tokens = Some(3);
        turn.extra = serde_json::from_str(r#"{"a":1}"#).unwrap();
        let mut plan = plan("");
        plan.extra_inputs = serde_json::from_str(r#"{"do_sample":true}"#).unwrap();
        let expected = r#"{"inputs":"hi","parameters":{"max_new_tokens":3,"do_sample":true},"a":1}"#;
        check_body(&HuggingfaceGenerate, &turn, &plan, expected);
        plan.streaming = true;
        assert_eq!(METADATA.path(&plan), Some("/generate_stream"), "streams have a path of their own");
    }

    #[test]
    fn replies() {
        check(
            &HuggingfaceGenerate,
            r#"{"index":1,"token":{"id":5,"text":" hi","logprob":-0.1,"special":false},"generated_text":null,"details":null}"#,
            "content < hi>",
        );
        check(
            &HuggingfaceGenerate,
            r#"{"token":{"text":"</s>","special":true},"generated_text":" hi","details":{"finish_reason":"eos_token"}}"#,
            "empty finish=eos_token",
        );
        check(
            &HuggingfaceGenerate,
            r#"{"error":"Input validation error","error_type":"validation"}"#,
            "error error: Input validation error",
        );
        check_whole(&HuggingfaceGenerate, r#"{"generated_text":"hi"}"#, "body <hi>");
        check_whole(&HuggingfaceGenerate, r#"[{"generated_text":"hi"}]"#, "body <hi>");
        check_whole(&HuggingfaceGenerate, "[]", "empty");
    }
}
