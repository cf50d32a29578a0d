//! `completions`: the OpenAI Completions API, which continues a prompt.

use crate::{Endpoint, Metadata, Reply, Turn, body, openai};
use serde_json::{Map, Value};

/// The endpoint.
#[derive(Debug)]
pub struct Completions;

impl Endpoint for Completions {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &spec::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(turn) = turns.last() {
            body.insert("prompt".to_owned(), prompt(turn));
            body.insert("model".to_owned(), Value::from(turn.model.as_str()));
            body.insert("stream".to_owned(), Value::Bool(plan.streaming));
            if let Some(max_tokens) = turn.max_tokens {
                body.insert("max_tokens".to_owned(), Value::from(max_tokens));
            }
            body::merge(&mut body, turn, plan);
        }
        body
    }

    fn event<'a>(&self, data: &'a [u8]) -> Reply<'a> {
        openai::event(data, OBJECTS)
    }

    fn whole<'a>(&self, body: &'a [u8]) -> Reply<'a> {
        openai::whole(body, OBJECTS)
    }
}

/// One prompt is a plain string; several are a list, answered one by one.
fn prompt(turn: &Turn) -> Value {
    if turn.contents().nth(1).is_some() {
        return turn.contents().collect();
    }
    Value::from(turn.joined())
}

const METADATA: Metadata = Metadata {
    name: "completions",
    path: Some("/v1/completions"),
    operation: "text_completion",
    ends_streams: true,
    ..Metadata::TEXT
};
const OBJECTS: &[&str] = &["text_completion", "completion"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, check_body, described, plan};

    #[test]
    fn bodies() {
        let mut turn = Turn::user("hi".to_owned(), "m".to_owned());
        turn.max_tokens = Some(3);
        check_body(
            &Completions,
            &turn,
            &plan(""),
            r#"{"prompt":"hi","model":"m","stream":false,"max_tokens":3}"#,
        );
        turn.texts[0].contents.push("ho".to_owned());
        check_body(
            &Completions,
            &turn,
            &plan("stream"),
            r#"{"prompt":["hi","ho"],"model":"m","stream":true,"max_tokens":3,"stream_options":{"include_usage":true}}"#,
        );
    }

    #[test]
    fn replies() {
        check(
            &Completions,
            r#"{"object":"text_completion","choices":[{"text":" a","finish_reason":null}]}"#,
            "content < a>",
        );
        check(
            &Completions,
            r#"{"object":"completion","choices":[{"text":"","finish_reason":"length"}]}"#,
            "empty finish=length",
        );
        check(
            &Completions,
            r#"{"object":"chat.completion.chunk","choices":[{"delta":{"content":"x"}}]}"#,
            "empty",
        );
        check(&Completions, "[DONE]", "done");
        let whole =
            Completions.whole(br#"{"object":"text_completion","choices":[{"text":"a"},{"text":"b"}]}"#);
        assert_eq!(described(&whole), "body <a> 1:<b>", "a whole answer of two choices");
    }
}
