//! `chat`: the OpenAI Chat Completions API.

use crate::{Endpoint, Metadata, Reply, Turn, body, openai};
use common::plan;
use serde_json::{Map, Value, json};

/// The endpoint.
#[derive(Debug)]
pub struct Chat;

impl Endpoint for Chat {
    fn metadata(&self) -> &'static Metadata {
        &METADATA
    }

    fn body(&self, turns: &[Turn], plan: &plan::Endpoint) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("messages".to_owned(), turns.iter().map(message).collect());
        if let Some(turn) = turns.last() {
            body.insert("model".to_owned(), Value::from(turn.model.as_str()));
            body.insert("stream".to_owned(), Value::Bool(plan.streaming));
            if let Some(max_tokens) = turn.max_tokens {
                let field = if plan.use_legacy_max_tokens { "max_tokens" } else { "max_completion_tokens" };
                body.insert(field.to_owned(), Value::from(max_tokens));
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

/// One text is a plain string, as every server understands; several are parts.
fn message(turn: &Turn) -> Value {
    let content = match turn.texts.as_slice() {
        [only] if only.contents.len() <= 1 => Value::from(turn.joined()),
        _ => turn.contents().map(|text| json!({"type": "text", "text": text})).collect(),
    };
    json!({"role": turn.role, "content": content})
}

const METADATA: Metadata = Metadata {
    name: "chat",
    path: Some("/v1/chat/completions"),
    streaming_path: None,
    metrics_title: "LLM Metrics",
    supports_streaming: true,
    produces_tokens: true,
    produces_images: false,
    produces_videos: false,
    tokenizes_input: true,
    supports_audio: true,
    supports_images: true,
    supports_videos: true,
    consumes_system_message: true,
    requires_form_data: false,
    requires_polling: false,
    requires_inline_media: false,
};
const OBJECTS: &[&str] = &["chat.completion.chunk", "chat.completion"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, check_body, plan};

    #[test]
    fn bodies() {
        let mut turn = Turn::user("hi".to_owned(), "m".to_owned());
        let messages = r#"{"messages":[{"role":"user","content":"hi"}],"model":"m","#;
        check_body(&Chat, &turn, &plan(""), &format!(r#"{messages}"stream":false}}"#));
        turn.max_tokens = Some(12);
        check_body(
            &Chat,
            &turn,
            &plan(""),
            &format!(r#"{messages}"stream":false,"max_completion_tokens":12}}"#),
        );
        check_body(&Chat, &turn, &plan("legacy"), &format!(r#"{messages}"stream":false,"max_tokens":12}}"#));
        check_body(
            &Chat,
            &turn,
            &plan("stream"),
            &format!(
                r#"{messages}"stream":true,"max_completion_tokens":12,"stream_options":{{"include_usage":true}}}}"#
            ),
        );
    }

    #[test]
    fn the_user_wins() {
        let mut turn = Turn::user("hi".to_owned(), "m".to_owned());
        let mut plan = plan("stream");
        plan.extra_inputs = serde_json::from_str(r#"{"model":"n","a":1,"stream_options":{"x":2}}"#).unwrap();
        turn.extra = serde_json::from_str(r#"{"a":3}"#).unwrap();
        check_body(
            &Chat,
            &turn,
            &plan,
            r#"{"messages":[{"role":"user","content":"hi"}],"model":"n","stream":true,"a":3,"stream_options":{"x":2,"include_usage":true}}"#,
        );
        turn.extra = serde_json::from_str(r#"{"stream_options":{"include_usage":false}}"#).unwrap();
        let body = Chat.body(&[turn], &plan);
        assert_eq!(body["stream_options"], json!({"include_usage": false}), "a choice of the user's is kept");
    }

    #[test]
    fn several_texts_are_parts_and_turns_are_messages() {
        let mut turn = Turn::user("one".to_owned(), "m".to_owned());
        turn.texts[0].contents.push("two".to_owned());
        let system = Turn { role: "system".to_owned(), ..Turn::user("be brief".to_owned(), "m".to_owned()) };
        let body = Chat.body(&[system, turn], &plan(""));
        let expected = json!([
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        ]);
        assert_eq!(body["messages"], expected, "messages of two turns");
    }

    #[test]
    fn chunks() {
        let chunk =
            |choices: &str| format!(r#"{{"id":"1","object":"chat.completion.chunk","choices":[{choices}]}}"#);
        let delta =
            |delta: &str| chunk(&format!(r#"{{"index":0,"delta":{{{delta}}},"finish_reason":null}}"#));
        check(&Chat, &delta(r#""role":"assistant","content":"""#), "role");
        check(&Chat, &delta(r#""role":"assistant","content":" hi""#), "content < hi>");
        check(&Chat, &delta(r#""content":"a\n\u00e9""#), "content <a\né>");
        check(&Chat, &delta(r#""content":null,"reasoning_content":"hm""#), "reasoning (hm)");
        check(&Chat, &delta(r#""reasoning_content":null,"reasoning":"hm""#), "reasoning (hm)");
        check(&Chat, &delta(r#""reasoning_content":"hm","reasoning":"hm""#), "reasoning (hm)");
        check(&Chat, &delta(r#""reasoning":"hm","content":"so""#), "reasoning_and_content <so> (hm)");
        check(
            &Chat,
            &delta(
                r#""tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"{\"a\""}},{"function":{"arguments":"1"}}]"#,
            ),
            r#"tool_call [f{"a"1]"#,
        );
        check(
            &Chat,
            &delta(r#""content":"so","tool_calls":[{"function":{"name":"f"}}]"#),
            "tool_call <so> [f]",
        );
        check(
            &Chat,
            &delta(r#""content":[{"type":"text","text":"a"},{"type":"x"},{"text":"b"}]"#),
            "content <ab>",
        );
        check(&Chat, &chunk(r#"{"delta":{},"finish_reason":"stop"}"#), "empty finish=stop");
        check(
            &Chat,
            &chunk(r#"{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}"#),
            "content <ab>",
        );
        check(&Chat, &chunk(""), "empty");
    }

    #[test]
    fn usage_is_kept_wherever_it_comes() {
        check(
            &Chat,
            r#"{"object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":12,"total_tokens":20,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":0}}}"#,
            "usage prompt=8 completion=12 total=20 reasoning=0 cache_read=2",
        );
        check(
            &Chat,
            r#"{"object":"chat.completion.chunk","choices":[{"delta":{"content":"x"}}],"usage":{"completion_tokens":1}}"#,
            "content <x> completion=1",
        );
        check(&Chat, r#"{"object":"chat.completion.chunk","choices":[],"usage":null}"#, "empty");
        check(&Chat, r#"{"object":"chat.completion.chunk","choices":[],"usage":{}}"#, "empty");
    }

    #[test]
    fn errors_and_unknown_objects() {
        check(
            &Chat,
            r#"{"error":{"message":"out of memory","type":"ServerError","code":500}}"#,
            "error ServerError: out of memory",
        );
        check(&Chat, r#"{"error":"out of memory"}"#, "error error: out of memory");
        check(&Chat, r#"{"error":{"code":42}}"#, r#"error 42: {"error":{"code":42}}"#);
        check(
            &Chat,
            r#"{"object":"error","message":"too long","type":"BadRequestError","code":400}"#,
            "error BadRequestError: too long",
        );
        check(
            &Chat,
            r#"{"object":"chat.completion.chunk","error":null,"choices":[{"delta":{"content":"x"}}]}"#,
            "content <x>",
        );
        check(&Chat, r#"{"object":"list","choices":[{"delta":{"content":"x"}}]}"#, "empty");
        check(&Chat, r#"{"choices":[{"delta":{"content":"x"}}]}"#, "content <x>");
        check(&Chat, r#"{"object":"chat.completion.chunk","choices":7}"#, "empty");
        check(&Chat, "[1,2]", "empty");
        check(&Chat, "null", "empty");
        check(&Chat, "[DONE]", "done");
        check(&Chat, " ", "empty");
        check(
            &Chat,
            "{\"object\"",
            "error invalid_json: an event's data is no JSON: EOF while parsing an object at line 1 column 9",
        );
    }

    #[test]
    fn whole_bodies() {
        let whole = |text: &str| crate::testing::described(&Chat.whole(text.as_bytes()));
        assert_eq!(
            whole(
                r#"{"object":"chat.completion","choices":[{"message":{"role":"assistant","content":"hi","reasoning_content":"hm"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#
            ),
            "body <hi> (hm) finish=stop prompt=1",
            "a whole answer"
        );
        assert_eq!(
            whole(r#"{"object":"chat.completion","choices":[{"message":{"content":null}}]}"#),
            "empty",
            "no text in it"
        );
        assert_eq!(
            whole("<html>"),
            "error invalid_json: the body is no JSON: expected value at line 1 column 1",
            "HTML"
        );
    }
}
